"""What a plugin says of itself: rate, block, latency, channels, controls. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from latentfx.control import Control
from latentfx.errors import ControlError, ShapeError
from latentfx.names import find_name, suggest

Setting = float | str | Mapping[str, float]

REFERENCE = "reference"  # the label of a choice that was learnt
MAX_BLOCK_SIZE = 65536
MAX_CHANNELS = 64
MAX_LATENCY = 10 * 192_000
_ROUNDING = 0.011  # of shares that people write with two digits, such as 0.33 three times


@dataclass(frozen=True)
class Reference:
    """How a plugin learns a factor from a recording (the timbre of *my* horn).

    While audio runs through the plugin, its state `source` gathers what the input sounds like. Copying that
    tensor into the state `target` of another run, and raising `control`, puts it in.

    Args:
        control: the control that weighs the learnt factor in.
        source: name of the state that the plugin fills from its input.
        target: name of the state that the operator reads.
    """

    control: str
    source: str
    target: str


@dataclass(frozen=True)
class Blend:
    """Controls that belong together as the weights of a mixture, so that people can say `timbre="trumpet"`.

    Args:
        name: what people say (`timbre`).
        choices: label -> name of the control that weighs it in (`{"trumpet": "timbre_trumpet"}`).
        default: the label chosen at start.
        reference: how to learn a further choice from a recording, where the plugin can.
        description: one line for people.
    """

    name: str
    choices: Mapping[str, str]
    default: str
    reference: Reference | None = None
    description: str = ""

    def weights(self, value: str | Mapping[str, float]) -> dict[str, float]:
        """Turn `"trumpet"`, `"trumpet:0.7+flute:0.3"` or a mapping into a value for each control.

        Case and spaces do not matter: `"Alto Sax"` is `altosax`.

        Raises:
            ControlError: neither text nor a mapping, an unknown label, or a weight outside 0 to 1.
        """
        if not isinstance(value, str | Mapping):
            raise ControlError(
                f"{self.name} is {value!r}; allowed {', '.join(self.labels)}, or a blend of them such as "
                + "+".join(f"{label}:0.5" for label in list(self.choices)[:2])
            )
        parts = parse_blend(value) if isinstance(value, str) else dict(value)
        result = dict.fromkeys(self.controls, 0.0)
        for label, weight in parts.items():
            known = find_name(label, self.labels) if isinstance(label, str) else None
            if known is None:
                raise ControlError(
                    f"{self.name} {label!r} is unknown.{suggest(str(label), self.labels)} "
                    f"This plugin has {', '.join(self.labels)}"
                )
            result[self.labels[known]] = _weight(self.name, label, weight)
        if not any(result.values()):
            raise ControlError(f"{self.name} {value!r} gives every choice the weight 0; raise at least one")
        return result

    def shares(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The weights of the blend's controls, scaled to add up to 1: so a mixture is played.

        Weights that are all 0 stay so.
        """
        total = sum(weights[control] for control in self.controls) or 1.0
        return {control: weights[control] / total for control in self.controls}

    def uneven(self, weights: Mapping[str, float]) -> str | None:
        """What to say of weights that do not add up to 1; None where they do."""
        total = sum(weights.values())
        if abs(total - 1.0) <= _ROUNDING:
            return None
        names = {control: label for label, control in self.labels.items()}
        played = {names[control]: share for control, share in self.shares(weights).items() if share}
        as_played = "+".join(f"{label}:{share:.3g}" for label, share in played.items())
        return f"adds up to {total:.3g}, not 1; a mixture is played by its shares, which are {as_played}"

    @property
    def labels(self) -> dict[str, str]:
        """What people may say -> its control: the choices, and `reference` where one can be learnt."""
        extra = {} if self.reference is None else {REFERENCE: self.reference.control}
        return {**extra, **self.choices}

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of every control of the blend, the reference's last."""
        extra = () if self.reference is None else (self.reference.control,)
        return tuple(dict.fromkeys((*self.choices.values(), *extra)))


def parse_blend(text: str) -> dict[str, float]:
    """Read `"trumpet:0.7+flute:0.3"`; a label without a weight weighs 1.

    >>> parse_blend("trumpet:0.7 + flute:0.3")
    {'trumpet': 0.7, 'flute': 0.3}
    """
    parts: dict[str, float] = {}
    for part in text.split("+"):
        label, _, weight = part.partition(":")
        try:
            parts[label.strip()] = float(weight) if weight.strip() else 1.0
        except ValueError:
            raise ControlError(f"{part.strip()!r} is not LABEL or LABEL:WEIGHT") from None
    return parts


def _weight(blend: str, label: str, weight: float) -> float:
    try:
        number = float("nan") if getattr(weight, "ndim", 0) else float(weight)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not 0.0 <= number <= 1.0:
        raise ControlError(f"{blend} {label!r} has the weight {weight!r}; allowed 0 to 1")
    return number


@dataclass(frozen=True)
class PluginSpec:
    """What hosts must know of a plugin before they run it.

    Args:
        name: short name, as in `latentfx.load(name)`.
        sample_rate: Hz.
        block_size: samples; audio comes in multiples of it.
        latency: samples from input to output inside the plugin, measured.
        in_channels: channels in.
        out_channels: channels out.
        controls: the knobs, in the order of the control tensor's last axis.
        blends: groups of controls that people set by name.
        description: one line for people.
    Raises:
        ShapeError: a size that makes no sense.
        ControlError: two controls of one name, or a blend that names a control that is not there.
    """

    name: str
    sample_rate: int
    block_size: int
    latency: int
    in_channels: int = 1
    out_channels: int = 1
    controls: tuple[Control, ...] = ()
    blends: tuple[Blend, ...] = field(default=())
    description: str = ""

    def __post_init__(self) -> None:
        _within("sample_rate", self.sample_rate, 1000, 768_000)
        _within("block_size", self.block_size, 1, MAX_BLOCK_SIZE)
        _within("latency", self.latency, 0, MAX_LATENCY)
        _within("in_channels", self.in_channels, 1, MAX_CHANNELS)
        _within("out_channels", self.out_channels, 1, MAX_CHANNELS)
        names = [control.name for control in self.controls]
        if len(set(names)) != len(names):
            raise ControlError(f"plugin {self.name!r} has two controls of one name: {', '.join(names)}")
        for blend in self.blends:
            missing = set(blend.controls) - set(names)
            if missing or blend.default not in blend.choices:
                raise ControlError(
                    f"blend {blend.name!r} names what is not there: {missing or blend.default}"
                )

    @property
    def side_channels(self) -> int:
        """Channels in beyond those that come out: a side-chain, which lies after the main input."""
        return max(self.in_channels - self.out_channels, 0)

    @property
    def defaults(self) -> tuple[float, ...]:
        """Default of every control, in order."""
        return tuple(control.default for control in self.controls)

    def index(self, control: str) -> int:
        """Position of a control on the control tensor's last axis.

        Raises:
            ControlError: no such control.
        """
        for position, candidate in enumerate(self.controls):
            if candidate.name == control:
                return position
        names = [*(blend.name for blend in self.blends), *(known.name for known in self.controls)]
        raise ControlError(
            f"control {control!r} is unknown.{suggest(control, names)} "
            f"Plugin {self.name!r} has {', '.join(names) or 'none'}"
        )


def _within(what: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ShapeError(f"{what} is {value!r}; allowed whole numbers from {low} to {high}")
