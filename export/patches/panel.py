"""Help patches beside a file for nn~: one for Pure Data, one for Max."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from latentfx.control import Control
from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.export.bundle import write_file
from latentfx.export.nn_tilde.attributes import named_apart
from latentfx.export.nn_tilde.latent import operator_name
from latentfx.plugin import Plugin
from latentfx.spec import PluginSpec

from .max import max_patch
from .pd import pd_patch


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


def write_patches(plugin: Plugin, file: Path) -> tuple[Path, ...]:
    """Write `NAME.pd` and `NAME.maxpat` beside `NAME.ts`.

    Raises:
        ExportError: a name that a patch cannot hold, or a folder that cannot be written.
    """
    if not file.stem.replace("-", "").replace("_", "").isalnum():
        raise ExportError(
            f"{file.name!r}: a patch can name files of letters, digits, - and _ only; rename it"
        )
    methods = (operator_name(plugin),) if isinstance(plugin, LatentEffect) else ()
    panel = panel_of(plugin.spec, file.stem, methods)
    written = []
    for suffix, text in ((".pd", pd_patch(panel)), (".maxpat", max_patch(panel))):
        target = file.with_suffix(suffix)
        write_file(target, text.encode())
        written.append(target)
    return tuple(written)


def panel_of(spec: PluginSpec, file: str, methods: tuple[str, ...] = ()) -> Panel:
    """Lay out what a help patch shows of a plugin whose latent method is called so."""
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
