"""From what `apply` and `live` are given to an effect that is loaded and set."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from latentfx.arrays import Float32
from latentfx.automation.driver import Automated
from latentfx.automation.files import Moves, as_automation
from latentfx.errors import ControlError, ShapeError
from latentfx.host.processor import Processor
from latentfx.host.runtime import LatentPlugin
from latentfx.host.side_chain import Recording, SideChained
from latentfx.library import load
from latentfx.preset import Preset
from latentfx.sound.reader import AudioReader
from latentfx.sound.source import SoundSource
from latentfx.spec import Setting

MAX_REFERENCE_S = 120
_PIECE = 16384

PathLike = str | os.PathLike[str]
Reference = Recording


def prepare(
    plugin: PathLike | Processor | Preset,
    reference: Reference | None,
    controls: Mapping[str, Setting],
    side: Recording | None = None,
    automation: Moves | None = None,
) -> Processor:
    """Load a plugin, or copy a loaded one, and set it up; see `apply`."""
    preset = plugin if isinstance(plugin, Preset) else None
    source = os.fspath(plugin) if isinstance(plugin, (str, os.PathLike)) else None
    if isinstance(plugin, Preset):
        plugin = plugin.load()
    processor = plugin if isinstance(plugin, Processor) else load(plugin)
    if not isinstance(processor, LatentPlugin):
        if controls or reference is not None:
            raise ControlError("a board has no controls of its own; set those of its plugins")
        if side is not None:
            raise ShapeError(
                "a board has no side-chain of its own; put latentfx.SideChained(plugin, side) on it"
            )
        if automation is not None:
            raise ControlError(
                "a board has no controls to move; put latentfx.Automated(plugin, automation) on it"
            )
        return processor
    processor = processor.copy()
    if reference is not None:
        _learn(processor, reference)
    processor.set(**controls)
    if reference is not None:
        _check_heard(processor, controls)
    moved: LatentPlugin | Automated = processor
    if automation is not None:
        moved = Automated(processor, as_automation(automation), preset, source)
    return moved if side is None else SideChained(moved, side)


def _learn(plugin: LatentPlugin, reference: Reference) -> None:
    blends = [blend.name for blend in plugin.spec.blends if blend.reference is not None]
    if not blends:
        raise ControlError(f"plugin {plugin.name!r} learns nothing from recordings; leave the reference out")
    if isinstance(reference, tuple):
        audio, rate = reference
    else:
        audio, rate = _read_start(reference)
    plugin.learn(blends[0], audio, rate)


def _check_heard(plugin: LatentPlugin, settings: Mapping[str, Setting]) -> None:
    """Refuse settings that leave nothing of what was learnt from a reference.

    Raises:
        ControlError: a blend among them that gives it no weight.
    """
    for name, blend in plugin.blends.items():
        if blend.reference and name in settings and not plugin.controls[blend.reference.control]:
            raise ControlError(
                f"a reference is given, and {name} is {settings[name]!r}, which leaves it out; "
                f"give one of both, or mix them: {name}=reference:0.5+{blend.default}:0.5"
            )


def _read_start(source: SoundSource) -> tuple[Float32, int]:
    with AudioReader(source) as reader:
        wanted = MAX_REFERENCE_S * reader.info.sample_rate
        pieces: list[Float32] = []
        for piece in reader.blocks(_PIECE):
            pieces.append(piece)
            if _PIECE * len(pieces) >= wanted:
                break
        audio = np.concatenate(pieces, axis=1)
        return audio.T if audio.shape[0] >= audio.shape[1] else audio, reader.info.sample_rate
