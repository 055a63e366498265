"""Partials of one pitch as sound: a bank of oscillators in step, frame after frame."""

import math

import torch
from torch import Tensor, nn

__all__ = ["OscillatorBank"]


class OscillatorBank(nn.Module):
    """Cosines at the multiples of a pitch, whose amplitudes and frequency move in straight lines.

    What a frame says is reached at the end of its hop. All partials are at their crests together, once in a
    period: one train of pulses. Phases are kept in double precision, so that the audio is the same for every
    split into calls.

    Only the first few cosines, and those of every few, are computed; the others are products of two of these,
    by the addition theorem.

    Args:
        partials: oscillators.
        hop: samples from frame to frame.
        prefix: begins the names of this module's state.
    """

    numbers: Tensor
    steps: Tensor
    bends: Tensor
    ramps: Tensor

    def __init__(self, partials: int, hop: int, prefix: str = "synthesis_") -> None:
        super().__init__()
        self.partials = partials
        self.few = math.ceil(math.sqrt(partials))
        self.unused = -partials % self.few
        self.hop = hop
        self.turn = 2.0 * math.pi
        self.phase_key, self.amplitude_key = prefix + "phase", prefix + "amplitude"
        number = torch.arange(1, hop + 1).double()
        rise = (number / hop).float()
        first = torch.arange(1.0, self.few + 1.0)
        numbers = torch.cat([first, torch.arange(0.0, partials, self.few)])
        self.register_buffer("numbers", numbers.unsqueeze(-1), persistent=False)
        self.register_buffer("steps", number, persistent=False)
        self.register_buffer("bends", number * (number + 1.0) / (2.0 * hop), persistent=False)
        self.register_buffer("ramps", torch.stack([1.0 - rise, rise]), persistent=False)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """Silence.

        Shape:
            phase [B, 4]: turns and the frequency, each as the sum of two numbers; amplitude [B, K]
        """
        device = self.ramps.device
        return {
            self.phase_key: torch.zeros([batch_size, 4], device=device),
            self.amplitude_key: torch.zeros([batch_size, self.partials], device=device),
        }

    def forward(
        self, amplitude: Tensor, frequency: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Play some frames.

        Shape:
            amplitude [B, N, K], frequency [B, N] in turns per sample, double -> audio [B, 1, N * hop], state
        """
        turns, phase = self._turns(frequency, state[self.phase_key])
        before = torch.cat([state[self.amplitude_key].unsqueeze(1), amplitude[:, :-1]], 1)
        ends = self._waves(torch.stack([before, amplitude], 2), turns)
        audio = (ends * self.ramps).sum(dim=2).flatten(1).unsqueeze(1)
        return audio, {self.phase_key: phase, self.amplitude_key: amplitude[:, -1]}

    def _waves(self, amplitude: Tensor, turns: Tensor) -> Tensor:
        """All oscillators together, at constant amplitudes.

        Shape:
            amplitude [B, N, E, K], turns [B, N, hop] -> [B, N, E, hop]
        """
        angles = self.numbers * turns.unsqueeze(2)
        angles = (angles - torch.round(angles)) * self.turn
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], -1)
        first, every_few = waves[:, :, : self.few], waves[:, :, self.few :]
        table = nn.functional.pad(amplitude, [0, self.unused]).unflatten(-1, [-1, self.few])
        inner = torch.matmul(table, first.unsqueeze(2))
        products = (inner * every_few.unsqueeze(2)).sum(dim=3)
        return products[..., : self.hop] - products[..., self.hop :]

    def _turns(self, frequency: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Phase of the first partial at every sample.

        Shape:
            frequency [B, N], last [B, 4] -> turns [B, N, hop], -0.5 to 0.5, float32; state [B, 4]
        """
        phase, begin = last.double().unflatten(1, [2, 2]).sum(dim=2).split([1, 1], 1)
        before = torch.cat([torch.where(begin > 0.0, begin, frequency[:, :1]), frequency[:, :-1]], 1)
        bend = frequency - before
        advance = before * self.steps[-1] + bend * self.bends[-1]
        after = phase + torch.cumsum(advance, 1)
        start = torch.cat([phase, after[:, :-1]], 1)
        inside = before.unsqueeze(2) * self.steps + bend.unsqueeze(2) * self.bends
        turns = start.unsqueeze(2) + inside
        end = torch.stack([after[:, -1] - torch.round(after[:, -1]), frequency[:, -1]], 1)
        high = end.float()
        low = (end - high.double()).float()
        return (turns - torch.round(turns)).float(), torch.stack([high, low], 2).flatten(1)
