"""What a player sees of a stream, as plain data, which `dataclasses.asdict` turns into what JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from latentfx.control import Control
from latentfx.host.code_map import Point

from .stats import Stats
from .walk import LoopView

State = Literal["on", "bypass", "waiting"]


@dataclass(frozen=True)
class ControlView:
    """A control as a player sees it.

    Args:
        control: its name, range, unit, curve, default and description.
        value: where it is, in native units.
        position: the same on the knob, 0 to 1.
        sources: the MIDI sources that turn it, such as `cc:21@1`.
        learning: whether it waits for the next controller that moves.
    """

    control: Control
    value: float
    position: float
    sources: tuple[str, ...]
    learning: bool


@dataclass(frozen=True)
class BlendView:
    """A blend as a player sees it.

    Args:
        name: such as `timbre`.
        weights: weight of every label, in order.
        labels: label -> the control that weighs it in.
        places: label -> where it lies on the map of the blend; empty without a map.
        description: one line for people.
        bindings: what MIDI turns it, such as `cc:1=timbre:violin..trumpet`.
    """

    name: str
    weights: Mapping[str, float]
    labels: Mapping[str, str]
    places: Mapping[str, Point]
    description: str
    bindings: tuple[str, ...]


@dataclass(frozen=True)
class TakeView:
    """A recording as a player sees it.

    Args:
        file: what is heard is written there.
        seconds: how much of it is written.
        on: whether it goes on.
        error: why it does not; empty where nothing is wrong.
    """

    file: str
    seconds: float
    on: bool
    error: str


@dataclass(frozen=True)
class DeviceView:
    """The devices as a player sees them.

    Args:
        input: the one that plays.
        output: the same.
        inputs: names of those to choose from.
        outputs: the same.
    """

    input: str
    output: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class SignalView:
    """What moves by itself while a stream plays.

    Args:
        seconds: of audio so far.
        input_db: peak of the last blocks.
        output_db: the same of what is heard.
        late: blocks that were late so far.
        note: the pitch that comes in, a MIDI note with decimals; None where there is none, or nobody watches.
        spectrum: of what is heard, in dB, in thirds of an octave.
    """

    seconds: float
    input_db: float
    output_db: float
    late: int
    note: float | None
    spectrum: list[float]


@dataclass(frozen=True)
class View:
    """A stream as a player sees it.

    Args:
        state: `"waiting"` for a device that is gone, `"bypass"`, or `"on"`.
        devices: input and output, for people.
        source: what `latentfx.load` takes for the plugin.
        description: of the plugin, one line.
        controls: in the plugin's order.
        blends: in the plugin's order.
        presets: names of those to choose from.
        hears_midi: whether a MIDI port is open, so that a control can learn.
        keys: MIDI notes that are held.
        loop: the path that is walked; None where there is none.
        take: the last recording; None where there is none.
        trouble: why the last preset that was called is not there; empty where nothing is wrong.
        stats: levels, load, latency in its parts, late blocks, the name of the preset.
    """

    state: State
    devices: str
    source: str
    description: str
    controls: tuple[ControlView, ...]
    blends: tuple[BlendView, ...]
    presets: tuple[str, ...]
    hears_midi: bool
    keys: tuple[int, ...]
    loop: LoopView | None
    take: TakeView | None
    trouble: str
    stats: Stats
