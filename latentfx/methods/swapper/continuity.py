"""Which pitch is the likelier one while a note gives way to the next: the one that was, or the newest."""

import torch
from torch import Tensor, nn

# Frames whose pitch is remembered, and how much (in nats) a pitch gains by it.
FRAMES = 4
WAS_THERE = 4.0
# What a pitch gains that the newest sound has.
IS_NEWEST = 8.0
NEIGHBOURS = 3


class Continuity(nn.Module):
    """Fits of all pitches, in which the pitch before and the pitch to come gain.

    At a change of note a frame holds both notes. The comb of a common subharmonic fits both together better
    than either note's own comb does: between A4 and E5 lies A3. It was not there before, and a short frame of
    the newest sound does not have it. So it gains nothing, and the pitch goes from note to note at once.

    No frame depends on what was chosen before, only on the fits of the last frames: one call of many frames
    gives what many calls of one frame give.

    Args:
        n_pitch: pitches.
        prefix: begins the name of this module's state.
    """

    def __init__(self, n_pitch: int, prefix: str = "model_") -> None:
        super().__init__()
        self.n_pitch, self.frames = n_pitch, FRAMES
        self.was_there, self.is_newest = WAS_THERE / FRAMES, IS_NEWEST
        self.window, self.around = 2 * NEIGHBOURS + 1, NEIGHBOURS
        self.key = prefix + "pitches"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """No pitch before.

        Shape:
            pitches [B, n_pitch, frames]
        """
        return {self.key: torch.zeros([batch_size, self.n_pitch, self.frames])}

    def forward(self, fits: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Add what each pitch gains.

        Shape:
            fits [2 B, n_pitch, N], those of the newest sound below the others -> [B, n_pitch, N], state
        """
        share = torch.softmax(fits, 1).float().unsqueeze(1)
        near = nn.functional.max_pool2d(share, (self.window, 1), (1, 1), (self.around, 0)).squeeze(1)
        pairs = near.unflatten(0, [2, -1])
        now, newest = pairs[0], pairs[1]
        frames = torch.cat([state[self.key], now], 2)
        before = frames[:, :, : -self.frames]
        for index in range(1, self.frames):
            before = before + frames[:, :, index : index - self.frames]
        gain = torch.maximum(before * self.was_there, newest * self.is_newest)
        return fits.unflatten(0, [2, -1])[0] + gain.to(fits.dtype), {self.key: frames[:, :, -self.frames :]}
