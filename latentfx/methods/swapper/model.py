"""J-DSAE for real time: 48 kHz log-magnitudes, and timbres that players choose by name.

Ours, beside the published method (`latentfx.methods.dsae.jacobian`): log-magnitudes instead of 16 kHz mels;
the local encoder reads a log-frequency spectrum; v is read from the whole clip, z and the decoder are trained
on a crop of it; squared errors count by bin as on a mel axis; labels name timbres; and stage `level` goes on
with spectra compared at the level at which they are played, bin by bin and in mel bands of power.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from latentfx.dsp.mel import mel_filters
from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.dsae.jacobian import JacobianDSAE
from latentfx.methods.dsae.networks import DSAE, Gaussian
from latentfx.methods.dsae.objective import Drawn, Weighted
from latentfx.methods.swapper.config import JDSAEConfig
from latentfx.methods.swapper.features import SpectralViews
from latentfx.methods.swapper.harmonic import HarmonicDecoder, HarmonicEncoder
from latentfx.methods.swapper.spectral import levelled

NAMED_TIMBRE_MEMORY = 0.995
BINS_PER_BAND = 32 / 3
LOWEST_BAND_HZ = 40.0
FAINTEST_SHARE = 1e-7


def build_networks(config: JDSAEConfig) -> DSAE:
    """The four networks of a configuration, fresh."""
    sizes = (config.network, config.spectral, config.n_pitch_combs)
    return DSAE(config.network, HarmonicEncoder(*sizes), HarmonicDecoder(*sizes))


class JDSAE(JacobianDSAE):
    """The model, its teacher and its loss.

    Args:
        config: see `JDSAEConfig`.
    """

    config_type = JDSAEConfig
    stages: ClassVar[tuple[str, ...]] = ("timbre", "pitch", "level")
    revision: ClassVar[int] = 2  # 1: decoded frames were Hann's
    config: JDSAEConfig
    features: SpectralViews
    timbres: Tensor
    timbre_weights: Tensor
    bands: Tensor

    def __init__(self, config: JDSAEConfig) -> None:
        super().__init__(config, SpectralViews(config), build_networks(config))
        self.register_buffer("timbres", torch.zeros(len(config.instruments), config.v_size))
        self.register_buffer("timbre_weights", torch.zeros(len(config.instruments), 1))
        spectral = config.spectral
        count = int(spectral.bins / BINS_PER_BAND)
        bands = mel_filters(spectral.sample_rate, spectral.n_fft, count, LOWEST_BAND_HZ, norm="none")
        self.register_buffer("bands", bands.T.contiguous(), persistent=False)
        self.at_level = False

    @classmethod
    def revision_of(cls, settings: Mapping[str, Any]) -> int:
        """As all do; Hann's frames had 1024 samples, and their level was that of the whole frame."""
        spectral = settings.get("spectral", {})
        hann = spectral.get("n_fft") == 1024 and not spectral.get("level_length")
        return 1 if hann else cls.revision

    def prepare(self, clips: Sequence[AnyExample]) -> FeatureCache:
        """As all do; and who plays."""
        cache = super().prepare(clips)
        named = {"instrument": torch.tensor([self._named(clip) for clip in clips])}
        return dataclasses.replace(cache, clips={**cache.clips, **named})

    def _named(self, clip: AnyExample) -> int:
        """Number of the timbre that a clip counts for; -1 for none."""
        names, sources = self.config.instruments, self.config.timbre_sources
        counts = clip.instrument in names and any(fnmatch(clip.source, glob) for glob in sources)
        return names.index(clip.instrument) if counts else -1

    def begin_stage(self, index: int) -> None:
        """As all do; compare played spectra from stage `level` on."""
        super().begin_stage(index)
        self.at_level = index == 2

    def as_compared(self, spectra: Tensor) -> Tensor:
        return levelled(spectra) if self.at_level else spectra

    def compare(self, drawn: Drawn) -> tuple[Tensor, dict[str, Weighted]]:
        """As J-DSAE does; from stage `level` on, score bands too."""
        decoded, more = super().compare(drawn)
        if self.at_level and self.config.band_weight > 0.0:
            target, decoder = drawn.views.target, cast(HarmonicDecoder, self.networks.decoder)
            played = decoder.played_power(drawn.z, drawn.v, target)
            difference = self._in_bands(torch.exp(2.0 * target)) - self._in_bands(played)
            weight = drawn.reducer.error_scale * self.config.band_weight
            more["bands"] = weight, difference.square().mean()
        return decoded, more

    def _in_bands(self, power: Tensor) -> Tensor:
        """Log-magnitude of mel bands of a frame that has the power 1.

        Shape:
            [B, N, F] -> [B, N, bands]
        """
        share = torch.matmul(power, self.bands) / power.sum(-1, keepdim=True)
        return 0.5 * torch.log(share + FAINTEST_SHARE)

    def draw_v(self, q_v: Gaussian, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Weighted]]:
        """Once there is a teacher: name instruments, and decode some clips from the mean of theirs."""
        v, more = super().draw_v(q_v, batch)
        if self.teacher is None:
            return v, more
        instrument = batch["instrument"]
        self._remember(q_v[0], instrument)
        more["naming"] = self.config.naming_weight, self._naming(v, instrument)
        return self._named_in_part(v, instrument), more

    def _naming(self, v: Tensor, instrument: Tensor) -> Tensor:
        """Cross-entropy of the instrument, were each a Gaussian of variance 1 about its mean v.

        Shape:
            v [B, V], instrument [B] (-1 for none) -> scalar, nats
        """
        known = instrument >= 0
        if self.config.naming_weight <= 0.0 or not bool(known.any()):
            return v.new_zeros(())
        distance = (v.unsqueeze(1) - self.timbres).square().sum(-1)
        return nn.functional.cross_entropy(-0.5 * distance[known], instrument[known])

    def _named_in_part(self, v: Tensor, instrument: Tensor) -> Tensor:
        """Put the mean of the instrument in the place of v, in the configured share of the clips.

        Shape:
            v [B, V], instrument [B] -> [B, V]
        """
        share = self.config.named_share
        if share <= 0.0:
            return v
        row = instrument.clamp(min=0)
        known = (instrument >= 0) & (self.timbre_weights[row, 0] > 0.0)
        chosen = known & (torch.rand(len(v), device=v.device) < share)
        return torch.where(chosen.unsqueeze(1), self.timbres[row], v)

    @torch.no_grad()
    def _remember(self, v: Tensor, instrument: Tensor) -> None:
        """Keep a running mean of v for every named timbre."""
        if not self.training:
            return
        for index in range(len(self.timbres)):
            rows = v[instrument == index]
            if len(rows):
                keep = NAMED_TIMBRE_MEMORY ** len(rows)
                weight = self.timbre_weights[index] * keep + (1.0 - keep)
                old = self.timbres[index] * self.timbre_weights[index] * keep
                self.timbres[index] = (old + (1.0 - keep) * rows.mean(dim=0)) / weight
                self.timbre_weights[index] = weight
