"""Partials of one pitch as sound: a bank of oscillators in step, frame after frame."""

import math

import torch
from torch import Tensor, nn

from latentfx.dsp.glide import as_floats

__all__ = ["OscillatorBank"]


# A frame whose pitch is farther from the last one's is another note.
JUMP_ST = 0.67
# Phases of the first partials and of every few, in turns: two parabolas, those of the lowest peaks.
FIRST_TURNS, EVERY_FEW_TURNS = 0.29, 0.21


def spread_phases(first: int, every_few: int) -> Tensor:
    """Phases that keep the peaks of a row of partials low, in turns.

    Shape:
        -> [first + every_few], of the first partials, then negative, those of every few
    Source: after Schroeder, "Synthesis of low-peak-factor signals", 1970.
    """
    near, far = torch.arange(float(first)), torch.arange(float(every_few))
    return torch.cat([FIRST_TURNS * near * near, -EVERY_FEW_TURNS * far * far])


class OscillatorBank(nn.Module):
    """Cosines at the multiples of a pitch, whose amplitudes and frequency move in straight lines.

    What a frame says is reached at the end of its hop. Where the pitch jumps, by more than two thirds of a
    semitone from frame to frame, it changes at once in the middle of the hop: no partial slides from note to
    note. Phases stay continuous. Each partial has a phase of its own, so that a period is no single pulse,
    whose peak would be far above its level. Phases are kept in double precision, so that the audio is the
    same for every split into calls.

    Only the first few cosines, and those of every few, are computed; the others are products of two of these,
    by the addition theorem.

    Args:
        partials: oscillators.
        hop: samples from frame to frame.
        prefix: begins the names of this module's state.
    """

    numbers: Tensor
    spread: Tensor
    path: Tensor
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
        # Negative, so that of the addition theorem's products none is subtracted.
        numbers = torch.cat([first, -torch.arange(0.0, partials, self.few)])
        self.register_buffer("numbers", numbers[:, None, None], persistent=False)
        self.register_buffer(
            "spread", spread_phases(self.few, len(numbers) - self.few)[:, None, None], persistent=False
        )
        self.jump = JUMP_ST * math.log(2.0) / 12.0
        line, jump = number * (number + 1.0) / (2.0 * hop), (number - hop // 2).clamp(min=0.0)
        path = torch.stack([number, line, jump - line])
        self.register_buffer("path", path, persistent=False)
        ramps = torch.stack([1.0 - rise, rise]).unsqueeze(1)
        self.register_buffer("ramps", ramps, persistent=False)

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
        turns, phase = self._turns(frequency.unsqueeze(2), state[self.phase_key])
        before = torch.cat([state[self.amplitude_key].unsqueeze(1), amplitude[:, :-1]], 1)
        audio = self._waves(torch.stack([before, amplitude], 3), turns)
        return audio.reshape(audio.shape[0], 1, -1), {
            self.phase_key: phase,
            self.amplitude_key: amplitude[:, -1],
        }

    def _waves(self, amplitude: Tensor, turns: Tensor) -> Tensor:
        """All oscillators together.

        Shape:
            amplitude [B, N, K, 2] at the ends of each hop, turns [B, N, hop] -> [B, N, hop]
        """
        angles = self.numbers * turns[:, :, None, None] + self.spread
        angles = (angles - torch.round(angles)) * self.turn
        waves = torch.cat([torch.cos(angles), torch.sin(angles)], 3)
        first, every_few = waves[:, :, : self.few], waves[:, :, self.few :]
        if self.unused > 0:
            amplitude = nn.functional.pad(amplitude, [0, 0, 0, self.unused])
        frames = [amplitude.shape[0], amplitude.shape[1]]
        table = amplitude.reshape(frames + [-1, 2 * self.few])
        ends = (first.unsqueeze(3) * self.ramps).reshape(frames + [2 * self.few, -1])
        inner = torch.matmul(table, ends).reshape(frames + [-1, 2, self.hop])
        return (inner * every_few).sum(dim=[2, 3])

    def _turns(self, frequency: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Phase of the first partial at every sample.

        Shape:
            frequency [B, N, 1], last [B, 4] -> turns [B, N, hop], -0.5 to 0.5, float32; state [B, 4]
        """
        phase, begin = last.double().unflatten(1, [2, 2]).sum(dim=2, keepdim=True).split([1, 1], 1)
        before = torch.cat([torch.where(begin > 0.0, begin, frequency[:, :1]), frequency[:, :-1]], 1)
        change = frequency - before
        jumps = (change.abs() > self.jump * before).to(change.dtype)
        inside = torch.matmul(torch.cat([before, change, change * jumps], 2), self.path)
        advance = inside[:, :, self.hop - 1 :]
        after = phase + torch.cumsum(advance, 1)
        turns = after - advance + inside
        end = torch.cat([after[:, -1:] - torch.round(after[:, -1:]), frequency[:, -1:]], 1)
        return (turns - torch.round(turns)).float(), as_floats(end).flatten(1)
