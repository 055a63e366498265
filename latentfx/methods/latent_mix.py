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
from torch import Tensor, nn

from latentfx.dsp.bands import BandAxis
from latentfx.dsp.stft import StftAnalysis
from latentfx.errors import DataError, RecipeError
from latentfx.methods.base import AnyClip, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.mix_networks import GROUP, MixNetworks
from latentfx.methods.oplas import MixingProjector, MixWeights

SILENCE = 1e-5
KEPT_SCALE = 256.0
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
        mix, variance, covariance, inverse: weights of the published terms.
        decoded: weight of what is decoded from h(f(mix)), from a sum and from a difference (ours).
        masked: weight of how far the mix under a mask from a difference is from the true remainder, in bel
            against the mix (ours).
    """

    spectra: MixSpectra = field(default_factory=MixSpectra)
    channels: int = 2
    width: int = 32
    projector_width: int = 32
    projector_blocks: int = 2
    stems: int = 4
    frame_step: int = 2048
    gain_db: float = 9.0
    silent: float = 0.25
    level_db: float = 6.0
    mix: float = 1.0
    variance: float = 0.1
    covariance: float = 1e-3
    inverse: float = 1.0
    decoded: float = 1.0
    masked: float = 0.3

    def __post_init__(self) -> None:
        if self.stems < 2 or self.channels < 1 or self.width < 1:
            raise RecipeError(
                f"method.stems is {self.stems}, method.channels {self.channels}, method.width {self.width}; "
                "allowed 2 or more, 1 or more, and 1 or more"
            )


def band_magnitudes(spectra: Tensor, axis: BandAxis) -> Tensor:
    """Magnitudes in bands of complex frames.

    Shape:
        spectra [..., 2, F] -> [..., bands]
    """
    magnitude = torch.sqrt(spectra.square().sum(-2))
    bands: Tensor = axis(magnitude.flatten(0, -2).t().unsqueeze(0))[0].t()
    return bands.reshape(*magnitude.shape[:-1], -1)


def level_of(spectra: Tensor) -> Tensor:
    """Root mean square of the magnitudes of a frame.

    Shape:
        spectra [..., 2, F] -> [...]
    """
    return torch.sqrt(spectra.square().sum(-2).mean(-1))


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
    def prepare(self, clips: Sequence[AnyClip]) -> FeatureCache:
        """Spectra of every stem of every clip; the usual magnitudes of each band, from the training clips.

        Raises:
            DataError: a clip without stems.
        """
        config = self.config
        stft = StftAnalysis.hann(config.spectra.n_fft, config.frame_step)
        scale = KEPT_SCALE * 2.0 / float(stft.window.sum())
        made = []
        for clip in clips:
            stems = grouped(clip, config.stems)
            usable = stems.shape[-1] // config.frame_step * config.frame_step
            re, im, _ = stft(stems[:, None, :usable], stft.initial_state(len(stems)))
            spectra = torch.stack([re[:, 0], im[:, 0]], 1).permute(3, 0, 1, 2) * scale
            made.append({"stems": spectra[1:].half()})
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
            stems [B, N, K, 2, F] -> every value a scalar
        """
        stems = self._remixed(batch["stems"].flatten(0, 1) / KEPT_SCALE)
        mix, side = stems.sum(1), stems[:, 0]
        rest = mix - side
        every = torch.cat([stems, torch.stack([rest, mix], 1)], 1)
        x = self.networks.compress(band_magnitudes(every, self.axis))
        if not self.projecting:
            seen = x[:, [0, -2, -1]].flatten(0, 1)
            loss = nn.functional.mse_loss(self.networks.decoder(self.networks.encoder(seen)), seen)
            return {"loss": loss}
        return self._mixing(x, mix, rest)

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Embeddings of the mixes, and what h makes of them."""
        mix = batch["stems"].flatten(0, 1).sum(1) / KEPT_SCALE
        mix = mix / level_of(mix).clamp(min=SILENCE)[:, None, None]
        embedded = self.networks.encoder(self.networks.compress(band_magnitudes(mix, self.axis)))
        return {"embedding": embedded, "h": self.networks.into(embedded)}

    def _remixed(self, stems: Tensor) -> Tensor:
        """Stems with other gains, now and then of different clips, at the level that the plugin gives frames.

        Shape:
            [B, K, 2, F] -> [B, K, 2, F]
        """
        config, (count, number) = self.config, stems.shape[:2]
        if float(torch.rand(())) < 0.5:
            stems = torch.stack([stems[torch.randperm(count), k] for k in range(number)], 1)
        order = torch.rand(count, number).argsort(1).to(stems.device)
        stems = stems[torch.arange(count, device=stems.device)[:, None], order]
        gain = _decibels(config.gain_db * (2.0 * torch.rand(count, number) - 1.0))
        gain = gain * (torch.rand(count, number) >= config.silent)
        stems = stems * gain.to(stems.device)[..., None, None]
        level = torch.sqrt(level_of(stems.sum(1)).square() + level_of(stems[:, 0]).square())
        moved = _decibels(config.level_db * (2.0 * torch.rand(count) - 1.0)).to(stems.device)
        scaled: Tensor = stems * (moved / level.clamp(min=SILENCE))[:, None, None, None]
        return scaled

    def _mixing(self, x: Tensor, mix: Tensor, rest: Tensor) -> dict[str, Tensor]:
        """Terms of the projector.

        Shape:
            x [B, K + 2, bands]: stems, the remainder, the mix; mix [B, 2, F], rest [B, 2, F]
        """
        config, networks = self.config, self.networks
        count = x.shape[1]
        with torch.no_grad():
            y = networks.encoder(x.flatten(0, 1)).unflatten(0, (-1, count)).transpose(0, 1)
        weights = MixWeights(config.mix, config.variance, config.covariance, config.inverse)
        parts, summed, mixed = MixingProjector(networks.into, networks.back, weights).losses(
            y[:-2], y[-1], y[0]
        )
        side, remainder = networks.into(torch.cat([y[0], y[-2]])).chunk(2)
        z = torch.cat([mixed - side, mixed, remainder + side])
        returned = networks.returned(z)
        wanted = torch.cat([x[:, -2], x[:, -1], x[:, -1]])
        decoded = nn.functional.mse_loss(returned, wanted)
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


def grouped(clip: AnyClip, number: int) -> Tensor:
    """Stems of a clip, the loudest apart and the others added to them in turn; silence where there are fewer.

    Shape:
        -> [number, T]
    Raises:
        DataError: a clip without stems.
    """
    stems = getattr(clip, "stems", ())
    if len(stems) < 2:
        raise DataError(
            f"{clip.source} has no stems: train this method on data parts of the kinds 'stems' and 'band'"
        )
    ranked = sorted(stems, key=lambda stem: -float((stem * stem).mean()))
    groups = torch.zeros(number, len(clip.audio))
    for index, stem in enumerate(ranked):
        groups[index % number] += torch.from_numpy(stem)
    return groups


def _decibels(gain_db: Tensor) -> Tensor:
    return torch.pow(10.0, gain_db / 20.0)
