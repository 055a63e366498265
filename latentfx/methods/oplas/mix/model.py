"""The mixing projector on spectra of real mixes: an autoencoder, and a space on top of it where stems add up.

f takes the magnitudes of a frame to an embedding and g takes it back; h takes embeddings to a space in which
the mix is the sum of its stems, and hinv takes them back. There a stem can be added or taken away.

Source: "Operational latent spaces" (2024), mixing with real audio: its objective, on an encoder of our own
instead of a pretrained one, and on frames instead of clips. Ours: convolutions along frequency, the inverse,
and that what is decoded after a subtraction must be a good mask for what remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from latentfx.dsp.bands import BandAxis
from latentfx.errors import RecipeError
from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.oplas.mix.frames import (
    KEPT_SCALE,
    band_magnitudes,
    delayed,
    grouped,
    level_of,
    stem_spectra,
)
from latentfx.methods.oplas.mix.networks import GROUP, MixNetworks
from latentfx.methods.oplas.projector import MixingProjector, MixWeights

SILENCE = 1e-5
MASK_FLOOR = 1e-3


@dataclass(frozen=True)
class MixSpectra:
    """Frames, and the scale on which the networks see their magnitudes.

    Args:
        sample_rate: Hz.
        hop_length: samples from frame to frame of the plugin.
        n_fft: samples of a frame; the latency is n_fft - hop_length.
        bands: of a frame, a multiple of 4.
        knee_db: magnitudes this far below what is usual at their frequency, in a frame of this level, are
            seen linearly, those above by their logarithm.
    """

    sample_rate: int = 48_000
    hop_length: int = 256
    n_fft: int = 2048
    bands: int = 480
    knee_db: float = -40.0

    def __post_init__(self) -> None:
        if self.bands % GROUP:
            raise RecipeError(f"method.spectra.bands is {self.bands}; allowed multiples of {GROUP}")
        if self.n_fft % self.hop_length or self.n_fft < 4 * self.hop_length:
            raise RecipeError(
                f"method.spectra.hop_length is {self.hop_length}; allowed n_fft ({self.n_fft}) over a whole "
                "number from 4 on"
            )


@dataclass(frozen=True)
class LatentMixConfig:
    """Settings of the method.

    Args:
        spectra: what a frame is.
        channels: of the embedding; it has channels * bands / 4 dimensions.
        width: channels of the autoencoder's layers.
        projector_width: channels of h and of hinv.
        projector_blocks: residual layers of each.
        stems: sounds in a training mix; clips with more have theirs grouped.
        frame_step: samples from frame to frame of the training data.
        gain_db: stems are turned up or down by at most so much.
        silent: probability that a stem of a training mix is left out.
        level_db: frames are seen at most so much above and below the level that the plugin gives them.
        late: probability that the stem to be taken away comes later at the side-chain than in the mix.
        late_ms: at most by so much.
        mix, variance, covariance, inverse: weights of the published terms.
        decoded: weight of what is decoded from h(f(mix)), from a sum and from a difference (ours).
        masked: weight of how far the mix under a mask from a difference is from the true remainder, in bel
            against the mix (ours).
    """

    spectra: MixSpectra = field(default_factory=MixSpectra)
    channels: int = 4
    width: int = 32
    projector_width: int = 32
    projector_blocks: int = 2
    stems: int = 4
    frame_step: int = 2048
    gain_db: float = 9.0
    silent: float = 0.25
    level_db: float = 6.0
    late: float = 0.5
    late_ms: float = 20.0
    mix: float = 1.0
    variance: float = 0.1
    covariance: float = 1e-3
    inverse: float = 1.0
    decoded: float = 1.0
    masked: float = 1.0

    def __post_init__(self) -> None:
        if self.stems < 2 or self.channels < 1 or self.width < 1:
            raise RecipeError(
                f"method.stems is {self.stems}, method.channels {self.channels}, method.width {self.width}; "
                "allowed 2 or more, 1 or more, and 1 or more"
            )


class LatentMix(Objective):
    """The autoencoder, the projector, and what they are trained to do.

    Args:
        config: see `LatentMixConfig`.
    """

    config_type = LatentMixConfig
    stages = ("reconstruct", "mix")
    config: LatentMixConfig

    def __init__(self, config: LatentMixConfig) -> None:
        super().__init__(config)
        knee = 10.0 ** (config.spectra.knee_db / 20.0)
        shapes = (config.channels, config.width, config.projector_width, config.projector_blocks)
        self.networks = MixNetworks(config.spectra.bands, knee, *shapes)
        self.axis = BandAxis(config.spectra.n_fft, config.spectra.bands)
        self.projecting = False

    @property
    def sample_rate(self) -> int:
        return self.config.spectra.sample_rate

    def begin_stage(self, index: int) -> None:
        """In stage `mix` the encoder stays as it is: h is what is learnt on top of it."""
        if index == 1:
            self.projecting = True
            self.networks.encoder.requires_grad_(False)

    @torch.no_grad()
    def prepare(self, clips: Sequence[AnyExample]) -> FeatureCache:
        """Spectra of every stem of every clip, in time and late; the usual magnitudes of each band.

        These are learnt from the first clips that come, which are those of the training.

        Raises:
            DataError: a clip without stems.
        """
        config = self.config
        generator = torch.Generator().manual_seed(0)
        made = []
        for clip in clips:
            stems = grouped(clip, config.stems)
            late = delayed(stems, config.late_ms * config.spectra.sample_rate / 1000.0, generator)
            frames = (config.spectra.n_fft, config.frame_step)
            made.append({"stems": stem_spectra(stems, *frames), "late": stem_spectra(late, *frames)})
        cache = FeatureCache.join(made)
        if bool((self.networks.profile == 1.0).all()):
            self._learn_profile(cache.frames["stems"])
        return cache

    def _learn_profile(self, stems: Tensor) -> None:
        totals, count = torch.zeros_like(self.networks.profile), 0
        for some in stems.split(1024):
            mix = some.float().sum(1) / KEPT_SCALE
            level = level_of(mix)
            sounding = level > 1e-4
            bands = band_magnitudes(mix[sounding] / level[sounding, None, None], self.axis)
            totals += bands.square().sum(0)
            count += int(sounding.sum())
        self.networks.profile.copy_(torch.sqrt(totals / max(count, 1)).clamp(min=1e-4))

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The autoencoder's error, and in stage `mix` the projector's terms.

        Shape:
            stems, late [B, N, K, 2, F] -> every value a scalar
        """
        stems, side = self._remixed(
            batch["stems"].flatten(0, 1) / KEPT_SCALE, batch["late"].flatten(0, 1) / KEPT_SCALE
        )
        mix = stems.sum(1)
        rest = mix - stems[:, 0]
        every = torch.cat([stems, torch.stack([side, rest, mix], 1)], 1)
        x = self.networks.compress(band_magnitudes(every, self.axis))
        if not self.projecting:
            seen = x[:, [0, -2, -1]].flatten(0, 1)
            loss = functional.mse_loss(self.networks.decoder(self.networks.encoder(seen)), seen)
            return {"loss": loss}
        return self._mixing(x, mix, rest)

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Embeddings of the mixes, and what h makes of them."""
        mix = batch["stems"].flatten(0, 1).sum(1) / KEPT_SCALE
        mix = mix / level_of(mix).clamp(min=SILENCE)[:, None, None]
        embedded = self.networks.encoder(self.networks.compress(band_magnitudes(mix, self.axis)))
        return {"embedding": embedded, "h": self.networks.into(embedded)}

    def _remixed(self, stems: Tensor, late: Tensor) -> tuple[Tensor, Tensor]:
        """Stems with other gains, at times of different clips, and the first as it comes at the side-chain.

        They are at the level that the plugin gives frames.

        Shape:
            stems, late [B, K, 2, F] -> stems [B, K, 2, F], side [B, 2, F]
        """
        config, (count, number) = self.config, stems.shape[:2]
        every = torch.stack([stems, late])
        if float(torch.rand(())) < 0.5:
            every = torch.stack([every[:, torch.randperm(count), k] for k in range(number)], 2)
        order = torch.rand(count, number).argsort(1).to(stems.device)
        every = every[:, torch.arange(count, device=stems.device)[:, None], order]
        gain = _decibels(config.gain_db * (2.0 * torch.rand(count, number) - 1.0))
        gain = gain * (torch.rand(count, number) >= config.silent)
        every = every * gain.to(stems.device)[..., None, None]
        comes_late = (torch.rand(count) < config.late).to(stems.device)
        side = torch.where(comes_late[:, None, None], every[1, :, 0], every[0, :, 0])
        level = torch.sqrt(level_of(every[0].sum(1)).square() + level_of(side).square())
        moved = _decibels(config.level_db * (2.0 * torch.rand(count) - 1.0)).to(stems.device)
        scale = (moved / level.clamp(min=SILENCE))[:, None, None]
        return every[0] * scale[..., None], side * scale

    def _mixing(self, x: Tensor, mix: Tensor, rest: Tensor) -> dict[str, Tensor]:
        """Terms of the projector.

        Shape:
            x [B, K + 3, bands]: stems, the side-chain, the remainder, the mix; mix, rest [B, 2, F]
        """
        config, networks = self.config, self.networks
        count = x.shape[1]
        with torch.no_grad():
            y = networks.encoder(x.flatten(0, 1)).unflatten(0, (-1, count)).transpose(0, 1)
        weights = MixWeights(config.mix, config.variance, config.covariance, config.inverse)
        parts, summed, mixed = MixingProjector(networks.into, networks.back, weights).losses(
            y[:-3], y[-1], y[0]
        )
        stem, side, remainder = networks.into(y[[0, -3, -2]].flatten(0, 1)).chunk(3)
        z = torch.cat([mixed - side, mixed, remainder + stem])
        returned = networks.returned(z)
        wanted = torch.cat([x[:, -2], x[:, -1], x[:, -1]])
        decoded = functional.mse_loss(returned, wanted)
        changed, own, _ = networks.expand(returned).chunk(3)
        mask = self.axis.spread(networks.mask(changed, own).t().unsqueeze(0))[0].t()
        energy = mix.square().sum((-2, -1)).clamp(min=1e-6)
        missed = (mask.unsqueeze(1) * mix - rest).square().sum((-2, -1)) / energy
        masked = torch.log10(missed + MASK_FLOOR).mean()
        loss = parts["loss"] + config.decoded * decoded + config.masked * masked
        error = (summed - mixed).square().sum(1).sqrt() / mixed.square().sum(1).sqrt().clamp(min=1e-6)
        names = ("mix", "variance", "covariance", "inverse")
        return {
            "loss": loss,
            **{name: parts[name] for name in names},
            "decoded": decoded,
            "masked": masked,
            "additivity": error.detach().mean(),
        }


def _decibels(gain_db: Tensor) -> Tensor:
    return torch.pow(10.0, gain_db / 20.0)
