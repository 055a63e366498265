"""What players type, read without ever raising; what was wrong is printed with what is allowed.

Written for TorchScript, in which text that is no number ends `float` with a traceback.
"""


def say(text: str) -> None:
    """Print a line where the host prints: the console, or the terminal that it was started from."""
    print("latentfx: " + text)  # noqa: T201


def number(text: str) -> float:
    """A plain number of 0 or more, such as `0.7`; -1 for any other text."""
    digits, points = 0, 0
    for sign in text:
        if sign == ".":
            points += 1
        elif sign in "0123456789":
            digits += 1
        else:
            return -1.0
    if digits == 0 or points > 1 or len(text) > 12:
        return -1.0
    return float(text)


def weights(name: str, text: str, labels: list[str]) -> list[float]:
    """Weights of a mixture such as `trumpet` or `trumpet:0.7+flute:0.3`, one a label.

    Returns:
        An empty list for a text that makes no sense; then the reason is printed.
    """
    found = [0.0 for _ in labels]
    none: list[float] = []
    for part in text.split("+"):
        pair = part.split(":")
        place = -1
        for index, label in enumerate(labels):
            if label.lower() == pair[0].strip().lower():
                place = index
        if place < 0:
            say(name + " '" + pair[0] + "' is unknown; allowed: " + ", ".join(labels))
            return none
        weight = 1.0
        if len(pair) > 1:
            weight = number(pair[1].strip())
        if len(pair) > 2 or not (weight >= 0.0 and weight <= 1.0):
            say(name + " '" + part + "' is not LABEL or LABEL:WEIGHT with a weight of 0 to 1")
            return none
        found[place] = weight
    if sum(found) <= 0.0:
        say(name + " '" + text + "' gives every choice the weight 0; raise at least one")
        return none
    return found


def held(name: str, value: float, low: float, high: float) -> None:
    """Say where a value outside its range is held."""
    slack = 1e-5 * (high - low)
    if value < low - slack:
        say(name + " " + str(value) + " is too low; it is held at " + str(low))
    if value > high + slack:
        say(name + " " + str(value) + " is too high; it is held at " + str(high))
