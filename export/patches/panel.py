"""What a help patch shows, whichever host it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from latentfx.control import Control
from latentfx.export.nn_tilde.attributes import named_apart
from latentfx.spec import Blend, PluginSpec

VOLUME_DB = -30
"""Where the volume of a help patch stands when it opens."""
TONE_HZ = 220


@dataclass(frozen=True)
class Button:
    """What one click sends to nn~.

    Args:
        label: for people.
        message: for nn~.
    """

    label: str
    message: str


@dataclass(frozen=True)
class Panel:
    """What a help patch shows.

    Args:
        file: name of the file for nn~, without `.ts`.
        spec: of the plugin.
        inputs: name of every channel in.
        dials: controls with a dial each.
        buttons: groups of buttons by their heading.
        notes: lines for people.
    """

    file: str
    spec: PluginSpec
    inputs: tuple[str, ...]
    dials: tuple[Control, ...]
    buttons: dict[str, tuple[Button, ...]]
    notes: tuple[str, ...]

    @property
    def wrong_rate(self) -> str:
        """What to say where the host runs at another rate."""
        return f"{self.file} needs a sample rate of {self.spec.sample_rate} Hz"


def panel_of(spec: PluginSpec, file: str, methods: tuple[str, ...] = ()) -> Panel:
    """Collect what the help patch of a plugin shows.

    Args:
        spec: of the plugin.
        file: name of the file for nn~, without `.ts`.
        methods: names of the methods of the file; a control of the same name gets another.
    """
    milliseconds = 1000 * spec.latency / spec.sample_rate
    notes = (
        f"{spec.name}: {spec.description}" if spec.description else spec.name,
        (
            f"Set the audio settings to {spec.sample_rate} Hz. "
            f"Latency {spec.latency} samples ({milliseconds:.1f} ms); nn~ adds its buffer."
        ),
        "Use headphones: a microphone beside loudspeakers howls.",
    )
    dials = named_apart(spec.controls, methods)
    return Panel(file, spec, input_names(spec), dials, dict(_buttons(spec)), notes)


def input_names(spec: PluginSpec) -> tuple[str, ...]:
    """Name of every channel in: `main`, `side-chain`."""
    side = spec.side_channels if spec.in_channels > spec.out_channels else 0
    if side == 0:
        return _numbered("input", spec.in_channels)
    return _numbered("main", spec.in_channels - side) + _numbered("side-chain", side)


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return (name,) if count == 1 else tuple(f"{name} {index + 1}" for index in range(count))


def _buttons(spec: PluginSpec) -> Iterator[tuple[str, tuple[Button, ...]]]:
    for blend in spec.blends:
        yield blend.name, tuple(Button(label, f"set {blend.name} {label}") for label in _labels(blend))
    learn = tuple(
        Button(f"learn the {blend.name} just played", f"set learn_{blend.name} 1")
        for blend in spec.blends
        if blend.reference is not None
    )
    yield "model", (*learn, Button("start again", "set reset 1"))


def _labels(blend: Blend) -> tuple[str, ...]:
    return (*blend.choices, *(() if blend.reference is None else ("reference",)))
