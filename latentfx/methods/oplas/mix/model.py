"""The mixing projector on spectra of real mixes: an autoencoder, and a space on top of it where stems add up.

f takes the magnitudes of a frame to an embedding and g takes it back; h takes embeddings to a space in which
the mix is the sum of its stems, and hinv takes them back. There a stem can be added or taken away.

Source: "Operational latent spaces" (2024), mixing with real audio: its objective, on an encoder of our own
instead of a pretrained one, and on frames instead of clips. Ours: convolutions along frequency, the inverse,
and that what is decoded after a subtraction must be a good mask for what remains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from latentfx.dsp.bands import BandAxis
from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.oplas.mix.config import LatentMixConfig
from latentfx.methods.oplas.mix.frames import (
    KEPT_SCALE,
    band_magnitudes,
    delayed,
    grouped,
    level_of,
    stem_spectra,
)
from latentfx.methods.oplas.mix.networks import MixNetworks
from latentfx.methods.oplas.mix.remix import SILENCE, remixed
from latentfx.methods.oplas.mix.terms import BandError, Masked, Mixed, Reconstructed
from latentfx.methods.oplas.terms import additivity, mixing_terms, project
from latentfx.methods.terms import Term, add_up


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
        published = mixing_terms(config.mix, config.variance, config.covariance, config.inverse)
        self.terms: tuple[Term[Mixed], ...] = (*published, BandError(config.decoded), Masked(config.masked))

    @property
    def sample_rate(self) -> int:
        return self.config.spectra.sample_rate

    def begin_stage(self, index: int) -> None:
        """In stage `mix` the encoder stays as it is: h is what is learnt on top of it."""
        self.projecting = index == 1
        self.networks.encoder.requires_grad_(not self.projecting)

    @torch.no_grad()
    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Spectra of every stem of every example, in time and late; the usual magnitudes of each band.

        These are learnt from the first examples that come, which are those of the training.

        Raises:
            DataError: an example without stems.
        """
        generator = torch.Generator().manual_seed(0)
        cache = FeatureCache.join(self._spectra(example, generator) for example in examples)
        if bool((self.networks.profile == 1.0).all()):
            self._learn_profile(cache.frames["stems"])
        return cache

    def _spectra(self, example: AnyExample, generator: torch.Generator) -> dict[str, Tensor]:
        """Spectra of every stem of an example, in time and late.

        Shape:
            -> stems, late [N, K, 2, F], float16
        """
        config = self.config
        stems = grouped(example, config.stems)
        late = delayed(stems, config.late_ms * config.spectra.sample_rate / 1000.0, generator)
        frames = (config.spectra.n_fft, config.frame_step)
        return {"stems": stem_spectra(stems, *frames), "late": stem_spectra(late, *frames)}

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
        kept, late = (batch[name].flatten(0, 1) / KEPT_SCALE for name in ("stems", "late"))
        stems, side = remixed(kept, late, self.config)
        mix = stems.sum(1)
        rest = mix - stems[:, 0]
        every = torch.cat([stems, torch.stack([side, rest, mix], 1)], 1)
        x = self.networks.compress(band_magnitudes(every, self.axis))
        if not self.projecting:
            bands = x[:, [0, -2, -1]].flatten(0, 1)
            decoded = self.networks.decoder(self.networks.encoder(bands))
            return add_up([BandError()], Reconstructed(bands, decoded))
        seen = self._mixed(x, mix, rest)
        return {**add_up(self.terms, seen), "additivity": additivity(seen)}

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Embeddings of the mixes, and what h makes of them."""
        mix = batch["stems"].flatten(0, 1).sum(1) / KEPT_SCALE
        mix = mix / level_of(mix).clamp(min=SILENCE)[:, None, None]
        embedded = self.networks.encoder(self.networks.compress(band_magnitudes(mix, self.axis)))
        return {"embedding": embedded, "h": self.networks.into(embedded)}

    def _mixed(self, x: Tensor, mix: Tensor, rest: Tensor) -> Mixed:
        """Project stems and mixes, and decode a difference, a mix and a sum.

        Shape:
            x [B, K + 3, bands]: stems, the side-chain, the remainder, the mix; mix, rest [B, 2, F]
        """
        networks = self.networks
        with torch.no_grad():
            y = networks.encoder(x.flatten(0, 1)).unflatten(0, (-1, x.shape[1])).transpose(0, 1)
        projected = project(networks.into, networks.back, y[:-3], y[-1], alone=y[0])
        stem, side, remainder = networks.into(y[[0, -3, -2]].flatten(0, 1)).chunk(3)
        z = torch.cat([projected.mixed - side, projected.mixed, remainder + stem])
        decoded = networks.returned(z)
        changed, own, _ = networks.expand(decoded).chunk(3)
        mask = self.axis.spread(networks.mask(changed, own).t().unsqueeze(0))[0].t()
        bands = torch.cat([x[:, -2], x[:, -1], x[:, -1]])
        return Mixed.of(projected, bands, decoded, mix, rest, mask)
