"""The OSC addresses of a stream, and what OSCQuery says of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .view import BlendView, ControlView, View

ROOT: Final = "/latentfx"
METERS: Final = ("in_db", "out_db", "load", "late", "xruns", "latency_ms")
# Actions: address -> types of the arguments, and what it does.
ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "preset": ("s", "choose a preset"),
    "preset/next": ("i", "go so many places on in the list of presets; 1 without an argument"),
    "preset/morph": ("ssf", "put the controls between two presets of this plugin, 0 to 1"),
    "preset/save": ("s", "save the controls as a preset"),
    "bypass": ("T", "let the input through as it is"),
    "panic": ("N", "silence: end the loop, and let every key go"),
    "learn": ("s", "bind the next MIDI controller that moves to a control"),
    "record": (
        "s",
        "record to a file in the folder of the program: what is heard, what came in, what was moved",
    ),
    "record/stop": ("N", "end the recording"),
    "subscribe": ("i", "send meters and changes to this port of the sender; to its own port without one"),
    "unsubscribe": ("i", "end that"),
}
_READ, _WRITE, _BOTH = 1, 2, 3


def meters(view: View) -> dict[str, float]:
    """Name of every meter -> its value."""
    stats = view.stats
    values = (
        stats.input_db, stats.output_db, stats.load, stats.late, stats.xruns, stats.latency.total
    )  # fmt: skip
    return {name: float(value) for name, value in zip(METERS, values, strict=True)}


def values(view: View) -> dict[str, float | str | bool]:
    """What subscribers hear of when it changes: address -> value."""
    found: dict[str, float | str | bool] = {"bypass": view.state == "bypass", "preset": view.stats.preset}
    found |= {blend.name: mixture(blend) for blend in view.blends}
    return found | {shown.control.name: shown.value for shown in view.controls}


def mixture(blend: BlendView) -> str:
    """A blend as text: `trumpet:0.7+flute:0.3`."""
    parts = {label: weight for label, weight in blend.weights.items() if weight}
    if len(parts) == 1 and 1.0 in parts.values():
        return next(iter(parts))
    return "+".join(f"{label}:{weight:.4g}" for label, weight in parts.items())


def describe(view: View) -> dict[str, Any]:
    """The whole tree, as OSCQuery has it."""
    top: dict[str, Any] = {"FULL_PATH": "/", "CONTENTS": {}}
    for path, entry in _entries(view):
        node = top
        for part in f"{ROOT}/{path}".strip("/").split("/"):
            place = f"{node['FULL_PATH'].rstrip('/')}/{part}"
            node = node.setdefault("CONTENTS", {}).setdefault(part, {"FULL_PATH": place})
        node |= entry
    top["CONTENTS"][ROOT.strip("/")]["DESCRIPTION"] = f"{view.stats.plugin}: {view.description}"
    return top


def _entries(view: View) -> Iterator[tuple[str, dict[str, Any]]]:
    """What stands at each address; where two have one name, the later one counts."""
    for path, (types, description) in ACTIONS.items():
        yield path, {"TYPE": types, "ACCESS": _WRITE, "DESCRIPTION": description}
    now = values(view)
    yield "bypass", {"TYPE": "T" if now["bypass"] else "F", "ACCESS": _BOTH, "VALUE": [now["bypass"]]}
    choices = [{"VALS": list(view.presets)}]
    yield "preset", {"TYPE": "s", "ACCESS": _BOTH, "VALUE": [now["preset"]], "RANGE": choices}
    for name, level in meters(view).items():
        known = level if level == level else None
        yield f"meter/{name}", {"TYPE": "f", "ACCESS": _READ, "VALUE": [known]}
    yield "error", {"TYPE": "s", "ACCESS": _READ, "DESCRIPTION": "why the last message did nothing"}
    for blend in view.blends:
        yield (
            blend.name,
            {
                "TYPE": "s",
                "ACCESS": _BOTH,
                "VALUE": [mixture(blend)],
                "RANGE": [{"VALS": list(blend.weights)}],
                "DESCRIPTION": blend.description or "one of its range, or a blend: LABEL:0.7+LABEL:0.3",
            },
        )
    for shown in view.controls:
        yield shown.control.name, _control(shown)


def _control(shown: ControlView) -> dict[str, Any]:
    control = shown.control
    whole = control.curve == "integer"
    ends, default, value = (control.minimum, control.maximum), control.default, shown.value
    kind = int if whole else float
    return {
        "TYPE": "i" if whole else "f",
        "ACCESS": _BOTH,
        "RANGE": [{"MIN": kind(ends[0]), "MAX": kind(ends[1])}],
        "VALUE": [kind(value)],
        "DEFAULT_VALUE": [kind(default)],
        "CLIPMODE": ["both"],
        "UNIT": [control.unit],
        "DESCRIPTION": control.description,
    }
