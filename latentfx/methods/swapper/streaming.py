"""The trained swapper as the model of a latent effect: features in, `z` and `v`, partials and noise out."""

from typing import Protocol

import torch
from torch import Tensor

from latentfx.dsp.average import RunningMean
from latentfx.errors import ExportError
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.features import log_bands, relative_loudness
from latentfx.methods.swapper.harmonic import HarmonicDecoder, in_double
from latentfx.methods.swapper.harmonic_synthesis import played_levels
from latentfx.methods.swapper.spectral import SpectralAnalysis, SpectralConfig
from latentfx.stages import Analysis, Factors, Features, LatentModel, State

TIMBRE_MEMORY_S = 5.0


class TrainedSwapper(Protocol):
    """What a stream needs of a trained `Swapper`."""

    config: SwapperConfig
    networks: DSAENetworks


class CroppedAnalysis(Analysis):
    """The analysis of a swapper whose `pitch` is never transposed: the middle of the pitch spectrum.

    Args:
        config: frames and axes.
    Shape:
        audio [B, 1, T] -> level [B, 1, N], pitch_spectrum [B, n_pitch + 2 margin, N], pitch [B, n_pitch, N]
    """

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.whole = SpectralAnalysis(config)
        self.hop, self.margin = self.whole.hop, config.pitch_margin

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Silence before the stream."""
        return self.whole.initial_state(batch_size)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        features, new_state = self.whole(audio, state)
        features["pitch"] = features["pitch_spectrum"][:, self.margin : -self.margin]
        return features, new_state


class StreamingSwapper(LatentModel):
    """Encode frame by frame: `z` is the posterior mean, `v` that of the last few seconds of input.

    `loudness` is the level against the mean of those seconds. The state `model_timbre` always holds the
    newest v, so that a host can learn a timbre from a recording.

    Args:
        objective: trained.
    Shape:
        pitch [B, K, N], pitch_spectrum [B, K + 2 margin, N], level [B, 1, N]
        -> z [B, Z, N], v [B, V, N], loudness [B, 1, N]; -> partials [B, P, N], noise [B, F, N], f0 [B, 1, N]
    """

    def __init__(self, objective: TrainedSwapper) -> None:
        super().__init__()
        config, networks = objective.config, objective.networks
        self.global_frame = networks.global_encoder.frame
        self.global_head = networks.global_encoder.head
        self.local = in_double(networks.local_encoder)
        decoder = in_double(networks.decoder)
        if not isinstance(decoder, HarmonicDecoder):
            raise ExportError(f"a {type(decoder).__name__} has no partials to play")
        self.decoder = decoder
        self.v_size = config.v_size
        self.hidden_size = config.global_hidden[-1]
        self.bins_per_band = config.bins_per_band
        self.active_level = config.active_level
        self.floor, self.bins = config.spectral.floor, config.spectral.bins
        self.told_loudness = config.loudness
        frames = TIMBRE_MEMORY_S * config.spectral.sample_rate / config.spectral.hop_length
        self.recent = RunningMean(self.hidden_size + 1, frames, "model_recent_")

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Nothing heard yet.

        Shape:
            model_recent_sums [B, 1, H + 2], model_timbre [B, V]
        """
        state = self.recent.initial_state(batch_size)
        state["model_timbre"] = torch.zeros([batch_size, self.v_size])
        return state

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Features to factors; see the class."""
        z, _ = self.local(features["pitch"].transpose(1, 2))
        level = features["level"].transpose(1, 2)
        active = (level > self.active_level).to(level.dtype)
        banded = log_bands(features["pitch_spectrum"].transpose(1, 2), self.bins_per_band)
        heard = torch.cat([self.global_frame(banded), level * level], dim=-1)
        recent, new_state = self.recent(heard, active, state)
        v, _ = self.global_head(recent[..., : self.hidden_size])
        loudness = relative_loudness(level, recent[..., self.hidden_size :])
        new_state["model_timbre"] = v[:, -1]
        factors = {"z": z.transpose(1, 2), "v": v.transpose(1, 2), "loudness": loudness.transpose(1, 2)}
        return factors, new_state

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Factors to partials and noise at the level of the input; see the class."""
        z = factors["z"]
        if self.told_loudness:
            z = torch.cat([z, factors["loudness"]], dim=1)
        partials, noise, f0 = self.decoder.voices(z.transpose(1, 2), factors["v"].transpose(1, 2))
        level = features["level"].transpose(1, 2)
        partials, noise = played_levels(partials, noise, f0, level, self.bins, self.floor)
        decoded = {"partials": partials.transpose(1, 2), "noise": noise.transpose(1, 2)}
        decoded["f0"] = f0.transpose(1, 2)
        return decoded, {}
