"""Trained sequential autoencoders as what an evaluation asks for: codes of a clip, and clips from codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from latentfx.arrays import Float32
from latentfx.methods.common.gaussian import Gaussian, sample
from latentfx.methods.dsae.models import MelObjective
from latentfx.methods.swapper.harmonic import PARTIALS
from latentfx.methods.swapper.harmonic_synthesis import HarmonicSynthesis
from latentfx.methods.swapper.model import Swapper
from latentfx.methods.swapper.spectral import SpectralAnalysis
from latentfx.methods.swapper.streaming import StreamingSwapper
from latentfx.stages import Features
from latentfx.training.evaluations.swap.swapper import Codes
from latentfx.training.judges.judge import JUDGED, log_mel


class MelSwapper:
    """A model on log-mels. Its audio is found from them by Griffin and Lim.

    Args:
        objective: trained; an autoregressive decoder runs free.
    """

    def __init__(self, objective: MelObjective) -> None:
        self._objective = objective.eval()
        self._log_mel = objective.features.log_mel

    @property
    def sample_rate(self) -> int:
        return self._objective.sample_rate

    @property
    def v_size(self) -> int:
        return self._objective.networks.config.v_size

    @torch.no_grad()
    def encode(self, audio: Float32, sampled: bool = False) -> Codes:
        """See `SwappingModel`; `z` is a tensor [1, N, Z]."""
        networks, mel = self._objective.networks, self._objective.features.frames(audio)[None]
        q_v, q_z = networks.global_encoder(mel, torch.ones_like(mel[..., 0])), networks.local_encoder(mel)
        return Codes(_code(q_z, sampled), _code(q_v, sampled)[0].numpy())

    def log_mel(self, codes: Codes) -> Float32:
        """See `SwappingModel`."""
        power = torch.exp(self._decode(codes)).sub(self._log_mel.config.log_eps).clamp(min=0.0)
        return np.asarray(torch.log(power + JUDGED.log_eps).numpy())

    def audio(self, codes: Codes) -> Float32:
        """See `SwappingModel`; a clip that is no whole number of hops loses the last part of one."""
        return self._log_mel.audio(self._decode(codes))

    @torch.no_grad()
    def _decode(self, codes: Codes) -> Tensor:
        decoded: Tensor = self._objective.networks.decoder(codes.z, torch.from_numpy(codes.v)[None])
        return decoded[0]


@dataclass(frozen=True)
class Line:
    """What a 48 kHz model knows of a clip beside its timbre.

    Args:
        z: posterior means or draws.
        loudness: of each frame against the clip.
        level: of each frame.
        length: samples of the clip.
    Shape:
        z [1, Z, N], loudness [1, 1, N], level [1, 1, N]
    """

    z: Tensor
    loudness: Tensor
    level: Tensor
    length: int


class SpectralSwapper:
    """A 48 kHz model, through the synthesis of its plugin; v is read from the whole clip, as in training.

    Args:
        objective: trained.
    """

    def __init__(self, objective: Swapper) -> None:
        self._objective = objective.eval()
        spectral = objective.config.spectral
        self._analysis, self._synthesis = SpectralAnalysis(spectral), HarmonicSynthesis(spectral, PARTIALS)
        self._model = StreamingSwapper(objective).eval()

    @property
    def sample_rate(self) -> int:
        return self._objective.sample_rate

    @property
    def v_size(self) -> int:
        return self._objective.config.v_size

    @torch.no_grad()
    def encode(self, audio: Float32, sampled: bool = False) -> Codes:
        """See `SwappingModel`; `z` is a `Line`."""
        networks, features = self._objective.networks, self._objective.features
        padded = self._padded(audio)
        clip = features.of_audio(padded, self._analysis)
        views = features({name: value.float()[None] for name, value in clip.items()})
        q_v, q_z = networks.global_encoder(views.overview, views.active), networks.local_encoder(views.local)
        z = _code(q_z, sampled).transpose(1, 2)
        loudness = clip["loudness"].float().T[None]
        return Codes(Line(z, loudness, clip["level"].T[None], len(audio)), _code(q_v, sampled)[0].numpy())

    def log_mel(self, codes: Codes) -> Float32:
        """See `SwappingModel`; of the decoded audio."""
        return log_mel(self.audio(codes), self.sample_rate)

    @torch.no_grad()
    def audio(self, codes: Codes) -> Float32:
        """See `SwappingModel`."""
        line: Line = codes.z
        v = torch.from_numpy(codes.v)[None, :, None].expand(-1, -1, line.z.shape[-1])
        factors = {"z": line.z, "v": v, "loudness": line.loudness}
        decoded: Features = self._model.decode(factors, {"loud_level": line.level}, {})[0]
        audio, _ = self._synthesis(decoded, self._synthesis.initial_state(1))
        late = self._synthesis.latency
        return np.asarray(audio[0, 0, late : late + line.length].numpy())

    def _padded(self, audio: Float32) -> Float32:
        """Whole hops, and as many more as the synthesis is late."""
        hop = self._objective.config.spectral.hop_length
        length = -(-(len(audio) + self._synthesis.latency) // hop) * hop
        return np.pad(audio, (0, length - len(audio)))


def _code(posterior: Gaussian, sampled: bool) -> Tensor:
    return sample(posterior) if sampled else posterior[0]
