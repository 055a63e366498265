"""J-DSAE: pitch and timbre of instruments apart, without labels.

Stage `timbre` learns the global factor v alone: the decoder sees zeros in place of z. Its encoder and decoder
are then frozen as the teacher. Stage `pitch` trains everything: what changes in the decoded spectrum when v
is exchanged must equal what changes in the teacher's (the Jacobian term), so that z cannot carry timbre.

Source: "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled
sequential autoencoder" (2024). Ours: 48 kHz log-magnitudes instead of 16 kHz mels; the local encoder reads a
log-frequency spectrum with its envelope taken out; v is read from the whole clip, z and the decoder are
trained on a crop of it; squared errors count by bin as on a mel axis.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Literal

import torch
from torch import Tensor

from latentfx.dsp.mel import mel_filters
from latentfx.errors import RecipeError
from latentfx.methods.base import AnyClip, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.dsae import DSAE, Gaussian, NetworkConfig, kl_divergence, sample
from latentfx.methods.harmonic import HarmonicDecoder, HarmonicEncoder
from latentfx.methods.spectral import SpectralAnalysis, SpectralConfig, box_average

NAMED_TIMBRE_MEMORY = 0.995


@dataclass(frozen=True)
class JDSAEConfig:
    """Settings of the method.

    Args:
        instruments: timbres that the trained model knows by name.
        timbre_sources: globs of the clip sources whose timbre counts for those names.
        spectral: frames and axes.
        n_bands: mel bands of the log-magnitude that the global encoder sees.
        whiten_octaves: the local encoder's spectrum less its mean over so many octaves; 0 leaves it.
        v_size, z_size, global_hidden, local_hidden, decoder_hidden, prior_hidden, activation: see
            `NetworkConfig`.
        named_share: in stage `pitch`, this share of the clips is decoded from the mean v of their
            instrument in place of their own, so that the decoder knows the values that players choose by
            name (ours, and the only use of labels in training; 0 has none).
        active_db: frames below this level (dBFS) do not count for v.
        global_stride: the global encoder is trained on every so many frames of the whole clip.
        jacobian_weight: weight of the Jacobian term; published: 1.
        beta: weight of the divergence of z; published: 1.
        weighting: squared errors count by bin as on a `mel` axis (the papers decode mel bands), or `flat`.
        networks: `plain` as published, or `harmonic`: see `latentfx.methods.harmonic`.
        n_pitch_combs: pitches that the harmonic networks know, from `spectral.f_min_hz` up.
        stage1_local: in stage `timbre`, z and its prior learn from their divergence alone (`kl_only`), or
            wait (`frozen`).
        reduction: `elbo_sum` sums over frames and bins (half the squared error: a Gaussian of variance 1),
            then divides the whole loss by their number; `mean` takes means of every term, as in the TS-DSAE
            code.
    """

    instruments: tuple[str, ...] = ()
    timbre_sources: tuple[str, ...] = ("*",)
    spectral: SpectralConfig = field(default_factory=SpectralConfig)
    n_bands: int = 64
    whiten_octaves: float = 1.0
    v_size: int = 16
    z_size: int = 32
    global_hidden: tuple[int, ...] = (128, 64)
    local_hidden: tuple[int, ...] = (512, 256)
    decoder_hidden: tuple[int, ...] = (512, 1024)
    prior_hidden: int = 32
    activation: Literal["silu", "tanh"] = "silu"
    networks: Literal["plain", "harmonic"] = "harmonic"
    n_pitch_combs: int = 264
    stage1_local: Literal["kl_only", "frozen"] = "kl_only"
    named_share: float = 0.0
    active_db: float = -60.0
    global_stride: int = 4
    jacobian_weight: float = 1.0
    beta: float = 1.0
    weighting: Literal["mel", "flat"] = "mel"
    reduction: Literal["elbo_sum", "mean"] = "elbo_sum"

    def __post_init__(self) -> None:
        if len(set(self.instruments)) != len(self.instruments) or not all(
            name.isidentifier() for name in self.instruments
        ):
            raise RecipeError(f"method.instruments is {self.instruments}; allowed different identifiers")

    @property
    def network(self) -> NetworkConfig:
        """Sizes of the networks."""
        return NetworkConfig(
            n_global=self.n_bands,
            n_local=self.spectral.n_pitch,
            n_output=self.spectral.bins,
            v_size=self.v_size,
            z_size=self.z_size,
            global_hidden=self.global_hidden,
            local_hidden=self.local_hidden,
            decoder_hidden=self.decoder_hidden,
            prior_hidden=self.prior_hidden,
            activation=self.activation,
        )

    @property
    def whiten_bins(self) -> int:
        """Half the width of the mean that is taken out of the local encoder's spectrum."""
        return round(self.whiten_octaves * self.spectral.bins_per_octave / 2)

    @property
    def active_level(self) -> float:
        """`active_db` as a magnitude."""
        return float(10.0 ** (self.active_db / 20.0))


def build_networks(config: JDSAEConfig) -> DSAE:
    """The four networks of a configuration, fresh."""
    networks = DSAE(config.network)
    if config.networks == "harmonic":
        sizes = (config.network, config.spectral, config.n_pitch_combs)
        networks.local_encoder, networks.decoder = HarmonicEncoder(*sizes), HarmonicDecoder(*sizes)
    return networks


def bin_weights(config: JDSAEConfig) -> Tensor:
    """How much each bin's squared error counts, 1 on average: the slope of the mel axis, or 1.

    Shape:
        -> [bins]
    """
    hz = torch.linspace(0.0, config.spectral.sample_rate / 2.0, config.spectral.bins)
    slope = 1.0 / (700.0 + hz) if config.weighting == "mel" else torch.ones_like(hz)
    return slope / slope.mean()


def whiten(spectrum: Tensor, half_width: int) -> Tensor:
    """Take the mean over neighbouring bins out of a log spectrum: its envelope, not its harmonics.

    Shape:
        [..., K] -> [..., K]
    """
    return spectrum - box_average(spectrum, half_width) if half_width > 0 else spectrum


class JDSAE(Objective):
    """The model, its teacher and its loss.

    Args:
        config: see `JDSAEConfig`.
    """

    config_type = JDSAEConfig
    stages = ("timbre", "pitch")
    config: JDSAEConfig
    bands: Tensor
    bin_weights: Tensor
    timbres: Tensor
    timbre_weights: Tensor
    prepared: Tensor

    def __init__(self, config: JDSAEConfig) -> None:
        super().__init__(config)
        self.networks = build_networks(config)
        spectral = config.spectral
        bands = mel_filters(spectral.sample_rate, spectral.n_fft, config.n_bands)
        share = bands / bands.sum(dim=1, keepdim=True).clamp(min=1e-12)
        self.register_buffer("bands", share, persistent=False)
        self.register_buffer("bin_weights", bin_weights(config), persistent=False)
        self.register_buffer("timbres", torch.zeros(len(config.instruments), config.v_size))
        self.register_buffer("timbre_weights", torch.zeros(len(config.instruments), 1))
        self.register_buffer("prepared", torch.zeros((), dtype=torch.bool))
        self.teacher: DSAE | None = None

    @property
    def sample_rate(self) -> int:
        return self.config.spectral.sample_rate

    def prepare(self, clips: Sequence[AnyClip]) -> FeatureCache:
        """Spectra of every frame, whitened for the local encoder; who plays and mel bands, of every clip."""
        analysis = SpectralAnalysis(self.config.spectral)
        frames, overviews = [], []
        for clip in clips:
            features = self._features(analysis, clip)
            frames.append({"logmag": features["logmag"], "pitch": features["pitch"]})
            overviews.append(self._overview(features))
        longest = max(len(active) for _, active in overviews)
        cache = FeatureCache.join(
            frames,
            {
                "instrument": torch.tensor([self._named(clip) for clip in clips]),
                "banded": torch.stack([_padded(banded, longest) for banded, _ in overviews]),
                "active": torch.stack([_padded(active, longest) for _, active in overviews]),
            },
        )
        if not self.prepared:
            self.prepared.fill_(True)
            mean = cache.frames["logmag"].float().mean(dim=0)
            self.networks.decoder.get_parameter("output.bias").data.copy_(mean)
        return cache

    @torch.no_grad()
    def _features(self, analysis: SpectralAnalysis, clip: AnyClip) -> dict[str, Tensor]:
        config = self.config
        usable = len(clip.audio) // analysis.hop * analysis.hop
        audio = torch.from_numpy(clip.audio[:usable])[None, None]
        features, _ = analysis(audio, analysis.initial_state(1))
        margin, level = config.spectral.pitch_margin, features["level"][0, 0]
        pitch = features["pitch_spectrum"][0, margin:-margin].T
        return {
            "logmag": features["logmag"][0].T.half(),
            "pitch": whiten(pitch, config.whiten_bins).half(),
            "active": (level > config.active_level).float(),
        }

    def _overview(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What the global encoder sees of a clip.

        Shape:
            logmag [N, F], active [N] -> banded [M, n_bands], active [M], M = N / global_stride
        """
        stride = self.config.global_stride
        return features["logmag"][::stride].float() @ self.bands.T, features["active"][::stride]

    def _named(self, clip: AnyClip) -> int:
        """Number of the timbre that a clip counts for; -1 for none."""
        names, sources = self.config.instruments, self.config.timbre_sources
        counts = clip.instrument in names and any(fnmatch(clip.source, glob) for glob in sources)
        return names.index(clip.instrument) if counts else -1

    def begin_stage(self, index: int) -> None:
        """Freeze the teacher at the start of stage `pitch`."""
        if index == 1:
            self.teacher = copy.deepcopy(self.networks).requires_grad_(False)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published objective of the stage.

        Shape:
            logmag [B, N, F], pitch [B, N, K], banded [B, M, n_bands], active [B, M], instrument [B]
            -> every value a scalar
        """
        networks = self.networks
        banded, active, x = batch["banded"], batch["active"], batch["logmag"]
        q_v = networks.global_encoder(banded, active)
        q_z = networks.local_encoder(batch["pitch"])
        z = sample(q_z)
        kl_z = kl_divergence(q_z, networks.prior(z))
        if self.teacher is None:
            v = sample(q_v)
            if self.config.stage1_local == "frozen":
                kl_z = torch.zeros_like(kl_z)
            decoded = networks.decoder(torch.zeros_like(z[:, :1]), v)
            still = torch.zeros_like(x[:1, :1])
            return self._total(x, decoded, kl_z, kl_divergence(q_v), still, self._clip_frames(active))
        teacher_v: Gaussian = self.teacher.global_encoder(banded, active)
        self._remember(q_v[0], batch["instrument"])
        v = self._named_in_part(sample(q_v), batch["instrument"])
        decoded, jacobian = self._swapped(self.teacher, z, v, sample(teacher_v))
        kl_v = kl_divergence(q_v, teacher_v)
        return self._total(x, decoded, kl_z, kl_v, jacobian, self._clip_frames(active))

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
        decoded = self.networks.decoder(z, v)
        change = self.networks.decoder(z, v[other]) - decoded
        spectrum = teacher.decoder(torch.zeros_like(z[:, :1]), taught)
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


def _padded(values: Tensor, length: int) -> Tensor:
    """Zeros after the last frame, up to a length.

    Shape:
        [M, ...] -> [length, ...]
    """
    return torch.cat([values, values.new_zeros(length - len(values), *values.shape[1:])])
