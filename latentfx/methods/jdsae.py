"""J-DSAE: pitch and timbre of instruments apart, without labels.

Stage `timbre` learns the global factor v alone: the decoder sees zeros in place of z. Its encoder and decoder
are then frozen as the teacher. Stage `pitch` trains everything: what changes in the decoded spectrum when v
is exchanged must equal what changes in the teacher's (the Jacobian term), so that z cannot carry timbre.
Stage `level` (ours) goes on with spectra compared at the level at which they are played.

Source: "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled
sequential autoencoder" (2024). Ours: 48 kHz log-magnitudes instead of 16 kHz mels; the local encoder reads a
log-frequency spectrum; v is read from the whole clip, z and the decoder are trained on a crop of it; squared
errors count by bin as on a mel axis.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch

import torch
from torch import Tensor, nn

from latentfx.methods.base import AnyClip, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.dsae import DSAE, Gaussian, kl_divergence, sample
from latentfx.methods.harmonic import HarmonicDecoder, HarmonicEncoder
from latentfx.methods.jdsae_config import JDSAEConfig
from latentfx.methods.jdsae_features import bin_weights, log_bands, mean_power, padded, relative_loudness
from latentfx.methods.spectral import SpectralAnalysis, levelled, log_magnitudes

NAMED_TIMBRE_MEMORY = 0.995


def build_networks(config: JDSAEConfig) -> DSAE:
    """The four networks of a configuration, fresh."""
    if config.networks == "plain":
        return DSAE(config.network)
    sizes = (config.network, config.spectral, config.n_pitch_combs)
    return DSAE(config.network, HarmonicEncoder(*sizes), HarmonicDecoder(*sizes))


class JDSAE(Objective):
    """The model, its teacher and its loss.

    Args:
        config: see `JDSAEConfig`.
    """

    config_type = JDSAEConfig
    stages = ("timbre", "pitch", "level")
    config: JDSAEConfig
    bin_weights: Tensor
    timbres: Tensor
    timbre_weights: Tensor
    prepared: Tensor

    def __init__(self, config: JDSAEConfig) -> None:
        super().__init__(config)
        self.networks = build_networks(config)
        self.register_buffer("bin_weights", bin_weights(config), persistent=False)
        self.register_buffer("timbres", torch.zeros(len(config.instruments), config.v_size))
        self.register_buffer("timbre_weights", torch.zeros(len(config.instruments), 1))
        self.register_buffer("prepared", torch.zeros((), dtype=torch.bool))
        self.teacher: DSAE | None = None
        self.compared = _as_they_are

    @property
    def sample_rate(self) -> int:
        return self.config.spectral.sample_rate

    def prepare(self, clips: Sequence[AnyClip]) -> FeatureCache:
        """Spectra of every frame; who plays and bands of every few frames, of every clip."""
        analysis = SpectralAnalysis(self.config.spectral)
        made = [self._features(analysis, clip) for clip in clips]
        frames = [{name: features[name] for name in ("logmag", "pitch", "loudness")} for features in made]
        overviews = [(features["banded"], features["active"]) for features in made]
        longest = max(len(active) for _, active in overviews)
        cache = FeatureCache.join(
            frames,
            {
                "instrument": torch.tensor([self._named(clip) for clip in clips]),
                "banded": torch.stack([padded(banded, longest) for banded, _ in overviews]),
                "active": torch.stack([padded(active, longest) for _, active in overviews]),
            },
        )
        if not self.prepared:
            self.prepared.fill_(True)
            mean = cache.frames["logmag"].float().mean(dim=0)
            self.networks.decoder.start_from(mean)
        return cache

    @torch.no_grad()
    def _features(self, analysis: SpectralAnalysis, clip: AnyClip) -> dict[str, Tensor]:
        config = self.config
        usable = len(clip.audio) // analysis.hop * analysis.hop
        audio = torch.from_numpy(clip.audio[:usable])[None, None]
        features, _ = analysis(audio, analysis.initial_state(1))
        margin, level = config.spectral.pitch_margin, features["level"][0, 0]
        pitch = features["pitch_spectrum"][0].T
        active = (level > config.active_level).float()
        loudness = relative_loudness(level, mean_power(level, active))
        return {
            "logmag": log_magnitudes(audio, config.spectral)[0].T.half(),
            "pitch": pitch[:, margin:-margin].half(),
            "loudness": loudness.unsqueeze(-1).half(),
            "banded": log_bands(pitch[:: config.global_stride], config.bins_per_band),
            "active": active[:: config.global_stride],
        }

    def _named(self, clip: AnyClip) -> int:
        """Number of the timbre that a clip counts for; -1 for none."""
        names, sources = self.config.instruments, self.config.timbre_sources
        counts = clip.instrument in names and any(fnmatch(clip.source, glob) for glob in sources)
        return names.index(clip.instrument) if counts else -1

    def begin_stage(self, index: int) -> None:
        """Freeze the teacher at the start of stage `pitch`; compare played spectra from stage `level` on."""
        if index == 1:
            self.teacher = copy.deepcopy(self.networks).requires_grad_(False)
        self.compared = levelled if index == 2 else _as_they_are

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published objective of the stage.

        Shape:
            logmag [B, N, F], pitch [B, N, K], banded [B, M, n_bands], active [B, M], instrument [B]
            -> every value a scalar
        """
        networks = self.networks
        banded, active, x = batch["banded"], batch["active"], self.compared(batch["logmag"])
        q_v = networks.global_encoder(banded, active)
        q_z = networks.local_encoder(batch["pitch"])
        z = sample(q_z)
        kl_z = kl_divergence(q_z, networks.prior(z))
        z = self._conditioned(z, batch)
        if self.teacher is None:
            v = sample(q_v)
            if self.config.stage1_local == "frozen":
                kl_z = torch.zeros_like(kl_z)
            decoded = networks.decoder(torch.zeros_like(z[:, :1]), v)
            still = torch.zeros_like(x[:1, :1])
            return self._total(x, decoded, kl_z, kl_divergence(q_v), still, self._clip_frames(active))
        teacher_v: Gaussian = self.teacher.global_encoder(banded, active)
        self._remember(q_v[0], batch["instrument"])
        v = sample(q_v)
        naming = self._naming(v, batch["instrument"])
        v = self._named_in_part(v, batch["instrument"])
        decoded, jacobian = self._swapped(self.teacher, z, v, sample(teacher_v))
        kl_v = kl_divergence(q_v, teacher_v)
        parts = self._total(x, decoded, kl_z, kl_v, jacobian, self._clip_frames(active))
        return {**parts, "loss": parts["loss"] + self.config.naming_weight * naming, "naming": naming}

    def _conditioned(self, z: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """What the decoder sees in the place of z: z, and the loudness if it is told."""
        return torch.cat([z, batch["loudness"]], dim=-1) if self.config.loudness else z

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

    def _clip_frames(self, active: Tensor) -> int:
        """Frames of the clip that v stands for."""
        return active.shape[1] * self.config.global_stride

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

    def _swapped(self, teacher: DSAE, z: Tensor, v: Tensor, taught: Tensor) -> tuple[Tensor, Tensor]:
        """Decoded spectra, and how far an exchange of v changes them otherwise than the teacher's.

        Shape:
            z [B, N, Z], v [B, V], taught [B, V] -> two of [B, N, F]
        """
        other = torch.randperm(len(v), device=v.device)
        decoded = self.compared(self.networks.decoder(z, v))
        change = self.compared(self.networks.decoder(z, v[other])) - decoded
        spectrum = self.compared(teacher.decoder(torch.zeros_like(z[:, :1]), taught))
        return decoded, (spectrum[other] - spectrum) - change

    def _total(
        self, x: Tensor, decoded: Tensor, kl_z: Tensor, kl_v: Tensor, jacobian: Tensor, clip_frames: int
    ) -> dict[str, Tensor]:
        """Weigh the terms. A clip has one v for all its frames, of which the crop shows a few."""
        config = self.config
        error = ((x - decoded).square() * self.bin_weights).mean()
        jacobian_error = (jacobian.square() * self.bin_weights).mean()
        if config.reduction == "mean":
            scale, z_nats, v_nats = 1.0, kl_z.mean(), kl_v.mean()
        else:
            scale = 0.5
            z_nats = kl_z.sum(-1).mean() / x.shape[-1]
            v_nats = kl_v.sum(-1).mean() / (clip_frames * x.shape[-1])
        loss = scale * (error + config.jacobian_weight * jacobian_error) + config.beta * z_nats + v_nats
        return {
            "loss": loss,
            "error": error,
            "jacobian": jacobian_error,
            "kl_z": kl_z.sum(-1).mean(),
            "kl_v": kl_v.sum(-1).mean(),
        }

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


def _as_they_are(logmag: Tensor) -> Tensor:
    return logmag
