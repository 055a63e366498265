"""From a trained swapper to a plugin that swaps timbres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError, ShapeError
from latentfx.export.origin import origin
from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.harmonic import PARTIALS
from latentfx.methods.swapper.harmonic_synthesis import HarmonicSynthesis
from latentfx.methods.swapper.model import Swapper
from latentfx.methods.swapper.octaves import Octaves
from latentfx.methods.swapper.pitch_positions import PitchCode
from latentfx.methods.swapper.spectral import SpectralAnalysis
from latentfx.methods.swapper.streaming import StreamingSwapper
from latentfx.operators.swap import Swap
from latentfx.training.data.instruments import INSTRUMENTS

from .builder import Builder

MIDI_C0 = 12.0
PAPER = (
    "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled "
    "sequential autoencoder (2024)"
)


def build_swapper(objective: Swapper, name: str = "timbre-swap", default: str | None = None) -> LatentEffect:
    """Wrap a trained swapper as a plugin with the operator `Swap`.

    Args:
        objective: trained, with a value for every named timbre.
        name: of the plugin.
        default: the timbre at start, or `input` for the input's own; the first one unless given.
    Raises:
        ExportError: a named timbre that training never met, or a default that is not among them.
    """
    config, spectral = objective.config, objective.config.spectral
    unheard = [
        label
        for label, weight in zip(config.instruments, objective.timbre_weights.flatten().tolist(), strict=True)
        if weight <= 0.0
    ]
    if unheard or not config.instruments:
        raise ExportError(
            f"the checkpoint knows no timbre of {unheard or 'any instrument'}: train stage 'pitch' on clips "
            "of it, or take it out of method.instruments"
        )
    if default not in (None, "input", *config.instruments):
        raise ExportError(
            f"the default is {default!r}; this checkpoint knows {', '.join(config.instruments)} and input"
        )
    code = PitchCode(spectral, config.n_pitch_combs, config.z_size)
    octaves = Octaves(code, _ranges(config.instruments, code), spectral.sample_rate / spectral.hop_length)
    swap = Swap(
        config.instruments,
        objective.timbres,
        spectral.n_pitch,
        spectral.pitch_margin,
        spectral.bins_per_octave,
        default or config.instruments[0],
        octaves,
    )
    effect = LatentEffect(
        name,
        spectral.sample_rate,
        SpectralAnalysis(spectral),
        StreamingSwapper(objective),
        swap,
        HarmonicSynthesis(spectral, PARTIALS),
        blends=(swap.blend,),
        description="plays the incoming line on another instrument",
        high_pass=True,
    )
    return effect.eval().requires_grad_(False)


def _ranges(instruments: tuple[str, ...], code: PitchCode) -> Tensor:
    """Lowest and highest pitch of each instrument, semitones from C0; of one that is not known, all pitches.

    Shape:
        -> [K, 2]
    """
    known = (INSTRUMENTS.get(name) for name in instruments)
    ends = [(i.lowest - MIDI_C0, i.highest - MIDI_C0) if i else (code.lowest, code.highest) for i in known]
    return torch.tensor(ends)


def _as_if_trained(objective: Swapper) -> None:
    objective.timbre_weights.fill_(1.0)


def _at_latency(config: SwapperConfig, latency: int) -> SwapperConfig:
    """Settings with which the same weights play at another latency.

    The level is measured in a frame twice as long as the latency. A short frame plays a note sooner, and
    measures the level of a low note less well.

    Raises:
        ExportError: a latency that the model cannot have.
    """
    try:
        return replace(config, spectral=replace(config.spectral, level_length=2 * latency))
    except ShapeError:
        lowest, highest = -(-config.spectral.hop_length // 2), config.spectral.longest_level // 2
        raise ExportError(
            f"the latency is {latency} samples; this model can have {lowest} to {highest}"
        ) from None


def _provenance(card: Mapping[str, Any]) -> dict[str, Any]:
    method = {
        "method": "swapper",
        "paper": PAPER,
        "from_the_paper": "training in stages with a teacher, and the Jacobian term",
        "ours": "fixed comb filters compute the pitch code; labels name the timbres; spectra at 48 kHz, "
        "decoded as partials and noise; a last stage at playing level",
    }
    return method | origin(card, "swapper", PAPER)


BUILDER = Builder(build_swapper, _provenance, _as_if_trained, _at_latency)
