"""The swapper: pitch and timbre of a single line apart, at 48 kHz, with timbres that players choose by name.

Two things are those of J-DSAE, the paper's method (`latentfx.methods.dsae.models`): training in stages with a
teacher, and the Jacobian term. All else is ours:

- fixed comb filters compute the pitch code (`HarmonicEncoder`), and the decoder writes partials and noise;
- spectra are log-magnitudes at 48 kHz, and squared errors count by bin as on a mel axis;
- v is read from the whole clip, z and the decoder are trained on a crop of it;
- labels name timbres;
- stage `level` compares spectra at the level at which they are played, bin by bin and in mel bands of power.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from latentfx.dsp.mel import mel_filters
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.dsae.objective import Phase, SequentialObjective
from latentfx.methods.dsae.terms import Form, Jacobian, as_decoded, bound, error_scale
from latentfx.methods.streaming import StreamParts
from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.features import SpectralViews
from latentfx.methods.swapper.harmonic import PARTIALS, HarmonicDecoder, HarmonicEncoder
from latentfx.methods.swapper.harmonic_synthesis import HarmonicSynthesis
from latentfx.methods.swapper.spectral import levelled
from latentfx.methods.swapper.streaming import CroppedAnalysis, StreamingSwapper
from latentfx.methods.swapper.terms import Bands, Heard, Naming
from latentfx.methods.swapper.timbres import named_in_part, remember
from latentfx.methods.terms import Term, add_up

BINS_PER_BAND = 32 / 3
LOWEST_BAND_HZ = 40.0


def build_networks(config: SwapperConfig) -> DSAENetworks:
    """The four networks of a configuration, fresh."""
    sizes = (config.network, config.spectral, config.n_pitch_combs)
    return DSAENetworks(config.network, HarmonicEncoder(*sizes), HarmonicDecoder(*sizes))


def swapper_phases(config: SwapperConfig) -> tuple[Phase, ...]:
    """What each stage adds up."""
    scale = error_scale(config.reduction)

    def taught(form: Form) -> tuple[Term[Any], ...]:
        jacobian = Jacobian(scale * config.jacobian_weight, form=form)
        return (*bound(config.beta, config.reduction, form), jacobian, Naming(config.naming_weight))

    bands = [Bands(scale * config.band_weight)] if config.band_weight > 0.0 else []
    return (
        Phase(
            bound(config.beta, config.reduction),
            decodes_z=False,
            local_waits=config.stage1_local == "frozen",
        ),
        Phase(taught(as_decoded)),
        Phase((*taught(levelled), *bands)),
    )


class Swapper(SequentialObjective):
    """The model, its teacher and its loss.

    Args:
        config: see `SwapperConfig`.
    """

    config_type = SwapperConfig
    stages: ClassVar[tuple[str, ...]] = ("timbre", "pitch", "level")
    revision: ClassVar[int] = 2  # 1: decoded frames were Hann's
    config: SwapperConfig
    features: SpectralViews
    timbres: Tensor
    timbre_weights: Tensor
    bands: Tensor

    def __init__(self, config: SwapperConfig) -> None:
        super().__init__(config, SpectralViews(config), build_networks(config), swapper_phases(config))
        self.register_buffer("timbres", torch.zeros(len(config.instruments), config.v_size))
        self.register_buffer("timbre_weights", torch.zeros(len(config.instruments), 1))
        spectral = config.spectral
        count = int(spectral.bins / BINS_PER_BAND)
        bands = mel_filters(spectral.sample_rate, spectral.n_fft, count, LOWEST_BAND_HZ, norm="none")
        self.register_buffer("bands", bands.T.contiguous(), persistent=False)

    @classmethod
    def revision_of(cls, settings: Mapping[str, Any]) -> int:
        """As for every method, but 1 for Hann's frames: those of 1024 samples whose level is the frame's."""
        spectral = settings.get("spectral", {})
        hann = spectral.get("n_fft") == 1024 and not spectral.get("level_length")
        return 1 if hann else cls.revision

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of the stage; see `latentfx.methods.dsae.terms` and `latentfx.methods.swapper.terms`.

        Once there is a teacher, v of named clips counts for the mean of their instrument, and that mean takes
        the place of some of them before decoding.
        """
        views, instrument = self.features(batch), batch["instrument"]
        drawn = self.draw(views)
        v = drawn.v
        if self.teacher is not None:
            if self.training:
                remember(self.timbres, self.timbre_weights, drawn.q_v[0], instrument)
            share = self.config.named_share
            v = named_in_part(v, instrument, self.timbres, self.timbre_weights, share)
        seen = self.decode(views, drawn, v)
        return add_up(self.phase.terms, Heard.of(seen, instrument, self.timbres, self.bands))

    def stream_parts(self) -> StreamParts:
        """The trained model as stages, the timbre `v` to be steered; see `latentfx.methods.streaming`."""
        spectral = self.config.spectral
        synthesis = HarmonicSynthesis(spectral, PARTIALS)
        return StreamParts(CroppedAnalysis(spectral), StreamingSwapper(self), synthesis, "v")
