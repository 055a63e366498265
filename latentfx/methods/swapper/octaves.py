"""A line, moved by whole octaves into the range of the instrument that plays it."""

import torch
from torch import Tensor

from latentfx.dsp.average import RunningMean
from latentfx.methods.swapper.pitch_positions import PitchCode
from latentfx.stages import EffectStage

OCTAVE = 12.0
# The line is where its pitch of the last seconds is, and stays so far from the ends of the range.
MEMORY_S = 3.0
INSIDE_ST = 3.0
# A line this near to where it would change its octave keeps the one it had.
SURE_ST = 1.5
# Share of a single pitch's power that a code needs to count.
CLEAR = 0.75


class Octaves(EffectStage):
    """Move a pitch code by the fewest octaves that bring its line into a range.

    The line is the mean pitch of the last seconds. Near the pitch at which it would change its octave, it
    keeps the one it had. The octave changes from one frame to the next, without a glide.

    Args:
        code: of the pitches.
        ranges: lowest and highest pitch of each named timbre, semitones from C0.
        frames_per_s: frames in a second.
        prefix: begins the names of this module's state.
    Shape:
        ranges [K, 2]
        z [B, N, Z], weights of the timbres [B, K, N], whether to move [B, N] (above 0.5)
        -> z [B, N, Z], state
    """

    ranges: Tensor

    def __init__(
        self, code: PitchCode, ranges: Tensor, frames_per_s: float, prefix: str = "operator_"
    ) -> None:
        super().__init__()
        self.code = code
        inside = torch.stack([ranges[:, 0] + INSIDE_ST, ranges[:, 1] - INSIDE_ST, torch.ones(len(ranges))])
        self.register_buffer("ranges", inside.float())
        self.line = RunningMean(1, MEMORY_S * frames_per_s, prefix + "line_")
        self.octave, self.sure, self.clear = OCTAVE, SURE_ST / OCTAVE, CLEAR
        self.key = prefix + "octave"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """No line yet, in its own octave.

        Shape:
            line_sums [B, 1, 3], octave [B, 1]
        """
        state = self.line.initial_state(batch_size)
        state[self.key] = torch.zeros([batch_size, 1])
        return state

    def forward(
        self, z: Tensor, weights: Tensor, moves: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        position = self.code.position(z).unsqueeze(-1)
        clear = (z.square().mean(-1, keepdim=True) * 2.0 > self.clear).to(z.dtype)
        line, new_state = self.line(position, clear, state)
        wanted, sure = self._wanted(line.squeeze(-1), torch.matmul(self.ranges, weights))
        octave = self._held(wanted, sure, state[self.key])
        new_state[self.key] = octave[:, -1:]
        used = torch.where(moves > 0.5, octave, torch.zeros_like(octave))
        return self.code(z, used * self.octave), new_state

    def _wanted(self, line: Tensor, weighted: Tensor) -> tuple[Tensor, Tensor]:
        """Octaves to move by, and whether that is sure.

        Shape:
            line [B, N], weighted [B, 3, N] (low, high, weight) -> [B, N], [B, N] (0 or 1)
        """
        total = weighted[:, 2]
        ends = weighted[:, :2] / total.clamp(min=1e-3).unsqueeze(1)
        below, above = (ends[:, 0] - line) / self.octave, (line - ends[:, 1]) / self.octave
        away = torch.maximum(below, above)
        count = torch.ceil(away.clamp(min=0.0))
        wanted = torch.where(below > above, count, -count)
        to_next = torch.minimum(count - away, away - (count - 1.0))
        to_next = torch.where(count > 0.5, to_next, -away)
        known = (total > 1e-3) & (line > 1e-3)
        sure = known & (to_next > self.sure)
        return torch.where(known, wanted, torch.zeros_like(wanted)), sure.to(line.dtype)

    def _held(self, wanted: Tensor, sure: Tensor, begin: Tensor) -> Tensor:
        """The last sure octave of each frame.

        Shape:
            wanted, sure [B, N], begin [B, 1] -> [B, N]
        """
        number = torch.arange(1, wanted.shape[1] + 1, device=wanted.device, dtype=wanted.dtype)
        last = torch.tril((sure * number).unsqueeze(1) * torch.ones_like(number).unsqueeze(1)).amax(2)
        return torch.gather(torch.cat([begin, wanted], 1), 1, last.long())
