"""What a help patch shows, whichever host it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from latentfx.control import Control
from latentfx.export.nn_tilde.attributes import named_apart
from latentfx.spec import PluginSpec


@dataclass(frozen=True)
class Panel:
    """What a help patch shows.

    Args:
        file: name of the file for nn~, without `.ts`.
        spec: of the plugin.
        dials: controls with a dial each.
        messages: what a click sends to nn~.
        notes: lines for people.
    """

    file: str
    spec: PluginSpec
    dials: tuple[Control, ...]
    messages: tuple[str, ...]
    notes: tuple[str, ...]


def panel_of(spec: PluginSpec, file: str, methods: tuple[str, ...] = ()) -> Panel:
    """Lay out the help patch of a plugin.

    Args:
        spec: of the plugin.
        file: name of the file for nn~, without `.ts`.
        methods: names of its latent methods; a control of the same name gets another.
    """
    milliseconds = 1000 * spec.latency / spec.sample_rate
    notes = (
        spec.description or spec.name,
        f"Runs at {spec.sample_rate} Hz: set the audio settings to that rate, nothing resamples.",
        f"Latency of the model: {spec.latency} samples, {milliseconds:.1f} ms; nn~ adds its buffer.",
        "Use headphones: a microphone beside loudspeakers howls.",
    )
    return Panel(file, spec, named_apart(spec.controls, methods), tuple(_messages(spec)), notes)


def _messages(spec: PluginSpec) -> Iterator[str]:
    for blend in spec.blends:
        yield from (f"set {blend.name} {label}" for label in blend.choices)
        if blend.reference is not None:
            yield f"set learn_{blend.name} 1"
    yield from ("set reset 1", "bufsize 0", "enable 0", "enable 1")
