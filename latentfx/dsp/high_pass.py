"""A high-pass as products of small matrices: no sample-by-sample loop, and the same for every split."""

import math

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = ["HighPass"]

# A pole that is forgotten to this share no longer counts.
FORGOTTEN = 1e-8


class HighPass(nn.Module):
    """One-pole high-passes in a row, which can be heard after any of them.

    Within a hop the filter is one product. What came before it counts by one number a pole for each of the
    last hops, until the slowest pole has forgotten them. So a bad sample is forgotten too.

    Args:
        corners_hz: corner of each pole; all different.
        taps: after how many poles each output is taken.
        hop: samples from frame to frame.
        sample_rate: Hz.
        prefix: begins the name of this module's state.
    Raises:
        ShapeError: corners that are not different and below the Nyquist frequency, or a tap beyond the poles.
    Source: the partial fractions of the transfer function.
    """

    inside: Tensor
    weigh: Tensor
    fading: Tensor

    def __init__(
        self,
        corners_hz: tuple[float, ...],
        taps: tuple[int, ...],
        hop: int,
        sample_rate: int,
        prefix: str = "high_pass_",
    ) -> None:
        super().__init__()
        if (
            len(set(corners_hz)) < len(corners_hz)
            or not 0 < min(corners_hz) <= max(corners_hz) < sample_rate / 2
        ):
            raise ShapeError(
                f"corners are {corners_hz} Hz; allowed different ones from 0 to {sample_rate / 2}"
            )
        if not taps or not 1 <= min(taps) <= max(taps) <= len(corners_hz):
            raise ShapeError(f"taps are {taps}; allowed 1 to {len(corners_hz)}, the poles")
        self.hop, self.taps, self.poles = hop, len(taps), len(corners_hz)
        poles = [math.exp(-2.0 * math.pi * corner / sample_rate) for corner in corners_hz]
        self.hops = max(2, math.ceil(math.log(FORGOTTEN) / (hop * math.log(max(poles)))))
        p = torch.tensor(poles, dtype=torch.float64)
        number = torch.arange(hop)
        responses, tails = zip(*(_response(p, tap, hop) for tap in taps), strict=True)
        lag = number.unsqueeze(0) - number.unsqueeze(1)
        within = [torch.where(lag >= 0, response[lag.clamp(min=0)], 0.0) for response in responses]
        self.register_buffer(
            "inside", torch.cat([torch.cat(within, 1), torch.cat(tails, 1)]).float(), persistent=False
        )
        self.register_buffer("weigh", (p ** (hop - 1 - number).unsqueeze(1)).float(), persistent=False)
        age = torch.arange(self.hops - 1, -1, -1)
        self.register_buffer(
            "fading", (p.unsqueeze(1) ** (hop * age)).float()[:, None, None], persistent=False
        )
        self.key = prefix + "hops"

    @torch.jit.export
    def initial_state(self, batch_size: int = 1, channels: int = 1) -> dict[str, Tensor]:
        """Silence before the stream.

        Shape:
            hops [B, C, hops, poles]
        """
        shape = [batch_size, channels, self.hops, self.poles]
        return {self.key: torch.zeros(shape, device=self.inside.device)}

    def forward(self, audio: Tensor, state: dict[str, Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Filter some whole hops.

        Shape:
            audio [B, C, T] -> an output [B, C, T] for each tap, state
        """
        hops = audio.unflatten(-1, [-1, self.hop])
        sums = torch.cat([state[self.key], torch.matmul(hops, self.weigh)], 2)
        rows = sums[:, :, :-1].flatten(0, 1).permute(0, 2, 1).unsqueeze(2)
        before = nn.functional.conv2d(rows, self.fading, groups=self.poles).squeeze(2).permute(0, 2, 1)
        before = before.unflatten(0, [-1, audio.shape[1]])
        both = torch.matmul(torch.cat([hops, before], -1), self.inside)
        outputs = [part.flatten(-2) for part in both.split(self.hop, -1)]
        return outputs, {self.key: sums[:, :, -self.hops :]}


def _response(poles: Tensor, count: int, hop: int) -> tuple[Tensor, Tensor]:
    """Response to an impulse of the first `count` poles, and what each pole's past adds to a hop.

    Shape:
        poles [P] -> [hop], [P, hop]
    """
    used = poles[:count]
    gain = float((0.5 * (1.0 + used)).prod())
    residues = torch.zeros_like(poles)
    for index, pole in enumerate(used.tolist()):
        others = torch.cat([used[:index], used[index + 1 :]])
        residues[index] = gain * (1.0 - 1.0 / pole) ** count / float((1.0 - others / pole).prod())
    number = torch.arange(1, hop + 1)
    tail = residues.unsqueeze(1) * poles.unsqueeze(1) ** number
    response = torch.cat([torch.tensor([gain], dtype=torch.float64), tail.sum(0)[:-1]])
    return response, tail
