"""The model of frames as stages: what was heard to codes, and codes to partials and noise."""

import copy
import math

import torch
from torch import nn

from latentfx.methods.swapper.harmonic_synthesis import PlayedLevels
from latentfx.methods.swapper.spectral import SpectralConfig
from latentfx.methods.syntone.tone_frames import LEVEL, PITCH, ToneAxis, level_of_sine
from latentfx.stages import Factors, Features, LatentModel, State

LOUDEST_DB = 0.0
OCTAVES = (-1.0, 6.0)


class FrameModel(LatentModel):
    """The mean code of each frame as the factor `z`; back from it, partials and noise.

    Pitches are computed in double precision: engines round differently, and phases add the differences up.
    Below `faintest` the level is that of the input, whatever the code says, so that silence stays silent.

    Args:
        encoder: what was heard -> mean and log-variance.
        decoder: codes -> frames of `axis`.
        spectral: frames.
        axis: partials and bands.
        faintest: level above which the code alone says how loud it is.
    Shape:
        heard [B, H, N] -> z [B, D, N]; -> partials [B, P, N], noise [B, hop + 1, N], f0 [B, 1, N] in bins
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        spectral: SpectralConfig,
        axis: ToneAxis,
        faintest: float,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = copy.deepcopy(encoder).double(), copy.deepcopy(decoder).double()
        self.axis, self.faintest = axis, faintest
        self.partials, self.lowest = axis.partials, axis.lowest
        self.levels = PlayedLevels(spectral, weighted=False)
        self.loudest = math.log(level_of_sine(spectral) * 10.0 ** (LOUDEST_DB / 20.0))
        self.lowest_octave, self.highest_octave = OCTAVES
        self.pitch_at, self.level_at = PITCH, LEVEL

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """What was heard to codes."""
        heard = features["heard"]
        mean, _ = self.encoder(heard.transpose(1, 2).double())
        return {"z": mean.transpose(1, 2).to(features["level"].dtype)}, {}

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Codes to partials and noise; see the class."""
        z, level = factors["z"], features["level"].transpose(1, 2)
        frame = self.decoder(z.transpose(1, 2).double())
        octaves = frame[..., self.pitch_at].unsqueeze(-1).clamp(self.lowest_octave, self.highest_octave)
        f0 = self.lowest * torch.exp2(octaves)
        rest = frame.to(z.dtype)
        wanted = torch.exp(rest[..., self.level_at].unsqueeze(-1).clamp(max=self.loudest))
        open_ = (level / self.faintest).clamp(max=1.0)
        noise = torch.matmul(rest[..., 2 + self.partials :], self.axis.spread)
        voices = rest[..., 2 : 2 + self.partials]
        level = wanted * open_
        partials, noise = self.levels(voices, noise, f0, level, torch.ones_like(level))
        decoded = {"partials": partials.transpose(1, 2), "noise": noise.transpose(1, 2)}
        decoded["f0"] = f0.transpose(1, 2)
        return decoded, {}
