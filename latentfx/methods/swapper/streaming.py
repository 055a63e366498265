"""The trained swapper as the model of a latent effect: features in, `z` and `v`, partials and noise out."""

from typing import Protocol

import torch
from torch import Tensor

from latentfx.dsp.average import RunningMean
from latentfx.errors import ExportError
from latentfx.methods.dsae.networks import DSAENetworks
from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.continuity import Continuity
from latentfx.methods.swapper.features import log_bands, relative_loudness
from latentfx.methods.swapper.harmonic import HarmonicDecoder, HarmonicEncoder, in_double
from latentfx.methods.swapper.harmonic_synthesis import PlayedLevels
from latentfx.methods.swapper.spectral import SpectralAnalysis, SpectralConfig
from latentfx.stages import Analysis, Factors, Features, LatentModel, State

TIMBRE_MEMORY_S = 5.0
# Share of a single pitch's power that the codes of noise stay below, and those of notes above.
UNCLEAR, CLEAR = 0.5, 0.75


class TrainedSwapper(Protocol):
    """What a stream needs of a trained `Swapper`."""

    config: SwapperConfig
    networks: DSAENetworks


class CroppedAnalysis(Analysis):
    """The analysis of a swapper whose `pitch` is never transposed: the middle of the pitch spectrum.

    Args:
        config: frames and axes.
    Shape:
        audio [B, 1, T] -> those of `SpectralAnalysis`, and pitch and newest [B, n_pitch, N]
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
        features["newest"] = features["newest_spectrum"][:, self.margin : -self.margin]
        return features, new_state


class StreamingSwapper(LatentModel):
    """Encode frame by frame: `z` is the posterior mean, `v` that of the last few seconds of input.

    The pitch code prefers a pitch that was there before, or that the newest sound has; see `Continuity`. Many
    pitches fit a sound without one equally, so its code is short: its partials then give way to noise.

    `loudness` is the level against the mean of those seconds. The state `model_timbre` always holds the
    newest v, so that a host can learn a timbre from a recording.

    Args:
        objective: trained.
    Shape:
        pitch and newest [B, K, N], pitch_spectrum [B, K + 2 margin, N], level and loud_level [B, 1, N]
        -> z [B, Z, N], v [B, V, N], loudness [B, 1, N]; -> partials [B, P, N], noise [B, F, N], f0 [B, 1, N]
    """

    def __init__(self, objective: TrainedSwapper) -> None:
        super().__init__()
        config, networks = objective.config, objective.networks
        self.global_frame = networks.global_encoder.frame
        self.global_head = networks.global_encoder.head
        local = in_double(networks.local_encoder)
        if not isinstance(local, HarmonicEncoder):
            raise ExportError(f"a {type(local).__name__} has no fits of pitches to follow")
        self.local = local
        self.continuity = Continuity(local.n_pitch)
        decoder = in_double(networks.decoder)
        if not isinstance(decoder, HarmonicDecoder):
            raise ExportError(f"a {type(decoder).__name__} has no partials to play")
        self.decoder = decoder
        self.v_size = config.v_size
        self.hidden_size = config.global_hidden[-1]
        self.bins_per_band = config.bins_per_band
        self.active_level = config.active_level
        self.levels = PlayedLevels(config.spectral)
        self.unclear, self.steepness = UNCLEAR, 1.0 / (CLEAR - UNCLEAR)
        self.told_loudness = config.loudness
        frames = TIMBRE_MEMORY_S * config.spectral.sample_rate / config.spectral.hop_length
        self.recent = RunningMean(self.hidden_size + 1, frames, "model_recent_")

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Nothing heard yet.

        Shape:
            model_recent_sums [B, 1, H + 2], model_timbre [B, V], model_pitches [B, n_pitch, 4]
        """
        state = self.recent.initial_state(batch_size)
        state.update(self.continuity.initial_state(batch_size))
        state["model_timbre"] = torch.zeros([batch_size, self.v_size])
        return state

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Features to factors; see the class."""
        both = torch.cat([features["pitch"], features["newest"]])
        fits, pitches = self.continuity(self.local.fits(both.transpose(1, 2)), state)
        z = self.local.code_of(fits).to(both.dtype)
        level = features["level"].transpose(1, 2)
        active = (level > self.active_level).to(level.dtype)
        banded = log_bands(features["pitch_spectrum"].transpose(1, 2), self.bins_per_band)
        heard = torch.cat([self.global_frame(banded), level * level], dim=-1)
        recent, new_state = self.recent(heard, active, state)
        v, _ = self.global_head(recent[..., : self.hidden_size])
        loudness = relative_loudness(level, recent[..., self.hidden_size :])
        new_state["model_timbre"] = v[:, -1]
        new_state.update(pitches)
        factors = {"z": z.transpose(1, 2), "v": v.transpose(1, 2), "loudness": loudness.transpose(1, 2)}
        return factors, new_state

    def clarity(self, z: Tensor) -> Tensor:
        """How surely a pitch code is that of one pitch.

        Shape:
            [B, N, Z] -> [B, N, 1], 0 to 1
        """
        power = z.square().mean(-1, keepdim=True) * 2.0
        return ((power - self.unclear) * self.steepness).clamp(0.0, 1.0)

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Factors to partials and noise at the level of the input; see the class."""
        z = factors["z"]
        clear = self.clarity(z.transpose(1, 2))
        if self.told_loudness:
            z = torch.cat([z, factors["loudness"]], dim=1)
        partials, noise, f0 = self.decoder.voices(z.transpose(1, 2), factors["v"].transpose(1, 2))
        level = features["loud_level"].transpose(1, 2)
        partials, noise = self.levels(partials, noise, f0, level, clear)
        decoded = {"partials": partials.transpose(1, 2), "noise": noise.transpose(1, 2)}
        decoded["f0"] = f0.transpose(1, 2)
        return decoded, {}
