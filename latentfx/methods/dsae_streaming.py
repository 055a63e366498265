"""A trained DSAE as the model of a latent effect: features in, factors `z` and `v`, magnitudes out."""

import math

import torch
from torch import Tensor

from latentfx.methods.jdsae import JDSAE, whiten
from latentfx.methods.spectral import magnitude_of
from latentfx.stages import Factors, Features, LatentModel, State

TIMBRE_MEMORY_S = 5.0


class StreamingDSAE(LatentModel):
    """Encode frame by frame: `z` is the posterior mean, `v` that of the last few seconds of input.

    The state `model_timbre` always holds the newest v, so that a host can learn a timbre from a recording.

    Args:
        objective: a trained J-DSAE.
    Shape:
        pitch [B, K, N], logmag [B, F, N], level [B, 1, N] -> z [B, Z, N], v [B, V, N]; -> magnitude [B, F, N]
    """

    bands: Tensor

    def __init__(self, objective: JDSAE) -> None:
        super().__init__()
        config, networks = objective.config, objective.networks
        self.global_frame = networks.global_encoder.frame
        self.global_head = networks.global_encoder.head
        self.local = networks.local_encoder
        self.decoder = networks.decoder
        self.register_buffer("bands", objective.bands.clone())
        self.hidden_size = config.global_hidden[-1]
        self.v_size = config.v_size
        self.whiten_bins = config.whiten_bins
        self.active_level = config.active_level
        self.floor = config.spectral.floor
        frame_s = config.spectral.hop_length / config.spectral.sample_rate
        self.keep = math.exp(-frame_s / TIMBRE_MEMORY_S)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Nothing heard yet.

        Shape:
            model_timbre_sum [B, H], model_timbre_weight [B, 1], model_timbre [B, V]
        """
        device = self.bands.device
        return {
            "model_timbre_sum": torch.zeros([batch_size, self.hidden_size], device=device),
            "model_timbre_weight": torch.zeros([batch_size, 1], device=device),
            "model_timbre": torch.zeros([batch_size, self.v_size], device=device),
        }

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Features to factors; see the class."""
        z, _ = self.local(whiten(features["pitch"].transpose(1, 2), self.whiten_bins))
        banded = torch.matmul(features["logmag"].transpose(1, 2), self.bands.t())
        active = (features["level"].transpose(1, 2) > self.active_level).to(banded.dtype)
        heard = self.global_frame(banded) * active
        total, weight = state["model_timbre_sum"], state["model_timbre_weight"]
        means: list[Tensor] = []
        for frame in range(heard.shape[1]):
            total = total * self.keep + heard[:, frame]
            weight = weight * self.keep + active[:, frame]
            means.append(total / weight.clamp(min=1e-3))
        v, _ = self.global_head(torch.stack(means, dim=1))
        new_state = {
            "model_timbre_sum": total,
            "model_timbre_weight": weight,
            "model_timbre": v[:, -1],
        }
        return {"z": z.transpose(1, 2), "v": v.transpose(1, 2)}, new_state

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Factors to magnitudes at the level of the input; see the class."""
        logmag = self.decoder(factors["z"].transpose(1, 2), factors["v"].transpose(1, 2)).transpose(1, 2)
        empty: State = {}
        return {"magnitude": magnitude_of(logmag, features["level"], self.floor)}, empty
