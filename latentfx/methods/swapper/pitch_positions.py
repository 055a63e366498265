"""Pitches in semitones: in the code that the harmonic networks have of them, and round an octave."""

import math

import torch
from torch import Tensor, nn

from latentfx.methods.swapper.harmonic import CODE_GAIN, NEIGHBOURS, code_periods, mean_near_best, pitch_code
from latentfx.methods.swapper.spectral import SpectralConfig

CLASSES = 12
IN_TUNE_ST = 0.5
REFERENCE_HZ = 440.0 * 2.0 ** (-57 / 12)


class PitchCode(nn.Module):
    """Read the pitch of a pitch code, and move it.

    Positions count in semitones from C0 (16.35 Hz).

    Args:
        spectral: axis of the pitches.
        n_pitch: pitches of the code, from `spectral.f_min_hz` up.
        z_size: its dimensions, an even number.
    Shape:
        z [..., z_size], semitones [...] -> the code of a pitch so much higher [..., z_size]
    """

    match: Tensor
    periods: Tensor
    index: Tensor
    semitones: Tensor

    def __init__(self, spectral: SpectralConfig, n_pitch: int, z_size: int) -> None:
        super().__init__()
        per_semitone = spectral.bins_per_octave / CLASSES
        lowest = 12.0 * math.log2(spectral.f_min_hz / REFERENCE_HZ)
        self.neighbours = NEIGHBOURS
        code = pitch_code(n_pitch, z_size)
        index = torch.arange(n_pitch, dtype=torch.float32)
        self.lowest, self.highest = lowest, lowest + (n_pitch - 1) / per_semitone
        self.register_buffer("match", code.T.contiguous() * CODE_GAIN, persistent=False)
        self.register_buffer("periods", code_periods(n_pitch, z_size) / per_semitone, persistent=False)
        self.register_buffer("index", index, persistent=False)
        self.register_buffer("semitones", lowest + index / per_semitone, persistent=False)

    def position(self, z: Tensor) -> Tensor:
        """Pitch of a code.

        Shape:
            [..., z_size] -> [...], semitones
        """
        share = torch.softmax(torch.matmul(z, self.match), dim=-1)
        return mean_near_best(share, self.index, self.semitones, self.neighbours).squeeze(-1)

    def forward(self, z: Tensor, semitones: Tensor) -> Tensor:
        """The code of a pitch so much higher: every sine and cosine turns on.

        Shape:
            z [..., z_size], semitones [...] -> [..., z_size]
        """
        angle = 2.0 * math.pi * semitones.unsqueeze(-1) / self.periods
        cosine, sine = torch.cos(angle), torch.sin(angle)
        half = self.periods.shape[0]
        x, y = z[..., :half], z[..., half:]
        return torch.cat([x * cosine - y * sine, x * sine + y * cosine], dim=-1)


def around(position: Tensor, steps: Tensor) -> Tensor:
    """Distance between a pitch and the one that lies some steps round the ring of its octave, from C to B.

    An octave begins a quarter tone below its C, where notes that are in tune do not lie.

    Shape:
        position [...] in semitones, steps [...] -> [...], semitones
    """
    place = torch.remainder(position + IN_TUNE_ST, float(CLASSES))
    return torch.remainder(place + steps, float(CLASSES)) - place
