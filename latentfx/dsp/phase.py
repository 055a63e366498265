"""Phase from magnitudes alone: one pass, no look-ahead, no iteration, no training.

For a Gaussian window the phase's derivatives follow from those of the log-magnitude, and a Hann window is
near enough. The phase of each spectral peak advances in time; every other bin takes its phase, along
frequency, from the peak of its region (the bins between two local minima).
"""

import math

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["PhaseGradientPropagation", "propagate_phase"]

_HANN_GAMMA = 0.25645
_FLOOR = 1e-7
# In frames, from a frame's centre: a Hann window shows little further out, so a larger estimate is wrong.
_MAX_GROUP_DELAY = 0.2


class PhaseGradientPropagation(nn.Module):
    """Give Hann-window magnitudes a phase, frame by frame, for `StftSynthesis.hann(n_fft, hop)`.

    Phase is kept in turns, wrapped to half a turn: it stays as exact after hours as in the first second.

    Args:
        n_fft: length of the symmetric Hann window that the magnitudes belong to, and of its FFT.
        hop: samples from frame to frame; n_fft / 4 or less works well.
        prefix: begins the names of this module's state.
    Raises:
        ShapeError: hop is not 1 to n_fft / 2.
    Source: after Prusa & Soendergaard, "Real-time spectrogram inversion using phase gradient heap
        integration", 2016, with peak locking (Laroche & Dolson 1999) in place of the heap.
    """

    advance: Tensor
    sign: Tensor
    index: Tensor

    def __init__(self, n_fft: int, hop: int, prefix: str = "phase_") -> None:
        super().__init__()
        if not 1 <= hop <= n_fft // 2:
            raise ShapeError(f"hop is {hop}; allowed 1 to half of n_fft ({n_fft // 2})")
        self.n_fft = n_fft
        self.hop = hop
        self.floor = _FLOOR
        self.max_delay = _MAX_GROUP_DELAY / 2.0
        self.bins = n_fft // 2 + 1
        self.turns_key = prefix + "turns"
        self.log_key = prefix + "log_magnitude"
        gamma = _HANN_GAMMA * n_fft * n_fft
        self.time_scale = hop * n_fft / (2.0 * gamma) / (4.0 * math.pi)
        self.frequency_scale = gamma / (2.0 * hop * n_fft) / (4.0 * math.pi)
        index = torch.arange(self.bins)
        self.register_buffer("advance", (index * hop % n_fft).double().div(n_fft).float(), persistent=False)
        self.register_buffer("sign", (1 - 2 * (index % 2)).float(), persistent=False)
        self.register_buffer("index", index.float(), persistent=False)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> dict[str, Tensor]:
        """Silence before the stream.

        Shape:
            turns [B, 1, F], log_magnitude [B, 2, F]
        """
        device = self.index.device
        return {
            self.turns_key: torch.zeros([batch_size, 1, self.bins], device=device),
            self.log_key: torch.full([batch_size, 2, self.bins], math.log(self.floor), device=device),
        }

    def forward(
        self, magnitude: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Make spectra of these magnitudes.

        Args:
            magnitude: of Hann frames, 0 or more.
            state: as returned by the last call, or by `initial_state`.
        Shape:
            magnitude [B, F, N] -> re [B, F, N], im [B, F, N], state
        """
        level = magnitude.transpose(1, 2).clamp_min(self.floor).log()
        history = torch.cat([state[self.log_key], level], 1)
        drift, lock, peak = self._gradients(history)
        start = state[self.turns_key][:, 0]
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            turns = _follow(start, drift, lock, peak)
        else:
            turns = _follow_exportable(start, drift, lock, peak)
        angle = (turns * (2.0 * math.pi)).transpose(1, 2)
        signed = magnitude * self.sign.unsqueeze(-1)
        last = turns[:, level.shape[1] - 1 :]
        new_state = {self.turns_key: last, self.log_key: history[:, level.shape[1] :]}
        return signed * angle.cos(), signed * angle.sin(), new_state

    def _gradients(self, history: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What each frame adds to the phase, in turns.

        Shape:
            history [B, N + 2, F] -> drift [B, N, F] (of each bin since the last frame), lock [B, N, F] (of
            each bin against its peak) and peak [B, N, F] (index of each bin's peak)
        """
        level = history[:, 2:]
        both = nn.functional.pad(history[:, 1:-1] + level, [1, 1], mode="replicate")
        drift = self.advance + (both[..., 2:] - both[..., :-2]) * self.time_scale
        rise = history[:, 1:] - history[:, :-1]
        delay = (rise[:, :-1] - 3.0 * rise[:, 1:]) * self.frequency_scale
        delay = delay.clamp(-self.max_delay, self.max_delay)
        step = nn.functional.pad(delay[..., 1:] + delay[..., :-1], [1, 0])
        along = torch.cumsum(step.double(), -1)
        peak = self._peaks(level)
        return drift, (along - torch.gather(along, -1, peak)).float(), peak

    def _peaks(self, level: Tensor) -> Tensor:
        """Index of each bin's peak. Plateaus count as falling, so each region has just one peak.

        Shape:
            level [B, N, F] -> [B, N, F], int64
        """
        rising = (level[..., 1:] > level[..., :-1]).float()
        turn = nn.functional.pad(rising, [1, 0], value=1.0) - nn.functional.pad(rising, [0, 1])
        region = torch.cumsum(turn.clamp_max(0.0), -1).neg().long()
        peaks = torch.zeros_like(turn).scatter_add(-1, region, turn.clamp_min(0.0) * self.index)
        return torch.gather(peaks, -1, region).long()


def _step(turns: Tensor, drift: Tensor, lock: Tensor, peak: Tensor) -> Tensor:
    """Phase of the next frame, in turns.

    Shape:
        each [B, F] -> [B, F]
    """
    moved = torch.gather(turns + drift, -1, peak) + lock
    return moved - torch.round(moved)


def _follow(turns: Tensor, drift: Tensor, lock: Tensor, peak: Tensor) -> Tensor:
    """Phase of every frame, one after the other.

    Shape:
        turns [B, F], the others [B, N, F] -> [B, N, F]
    """
    steps: list[Tensor] = []
    for n in range(drift.shape[1]):
        turns = _step(turns, drift[:, n], lock[:, n], peak[:, n])
        steps.append(turns)
    return torch.stack(steps, 1)


def _follow_exportable(turns: Tensor, drift: Tensor, lock: Tensor, peak: Tensor) -> Tensor:
    """`_follow`; in a graph that is being exported, as an operator that takes any number of frames."""
    if not torch.compiler.is_exporting():
        return _follow(turns, drift, lock, peak)
    from torch._higher_order_ops.scan import scan

    def step(carry: Tensor, frame: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        after = _step(carry, *frame)
        return after, after.clone()

    every: Tensor = scan(step, turns, (drift, lock, peak), dim=1)[1]
    return every


def propagate_phase(magnitude: Tensor, hop: int) -> tuple[Tensor, Tensor]:
    """Spectra of whole recordings from their Hann magnitudes: `PhaseGradientPropagation` from a fresh state.

    Shape:
        magnitude [B, F, N] -> re [B, F, N], im [B, F, N]; n_fft is 2 (F - 1)
    """
    module = PhaseGradientPropagation(2 * (magnitude.shape[1] - 1), hop).to(magnitude.device)
    re, im, _ = module(magnitude, module.initial_state(magnitude.shape[0]))
    return re, im
