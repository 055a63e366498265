"""Steer: every dimension of a code is a knob. Push it, stretch it, or hold the code where it is."""

from collections.abc import Sequence

import torch
from torch import Tensor

from latentfx.control import Control
from latentfx.errors import ControlError
from latentfx.stages import Factors, Operator, State

FURTHEST_SD = 4.0
WIDEST = 3.0
MOST_DIMENSIONS = 32


class Steer(Operator):
    """Move a factor dimension by dimension: mean + scale * (code - mean) + offset * deviation.

    Mean and deviation are those of the code over the training data. At offset 0 and scale 1 the code stays;
    at scale 0 the dimension no longer follows the input. `freeze` holds the code of the moment at which it is
    turned on; offsets and scales still work on it. From the start of a stream it holds the mean.

    The knobs of a dimension are `z3_brightness_sd` and `z3_brightness_scale`: the factor, the number of the
    dimension, and its name where it has one.

    Args:
        factor: name of the factor.
        size: its dimensions.
        names: what dimensions do, by number; those without a name have their number alone.
        dimensions: numbers of the dimensions that get knobs; all of them unless given.
        evidence: what was measured of dimensions, by number, for the descriptions of their knobs.
    Shape:
        factor [B, size, N] -> the same
    Raises:
        ControlError: a dimension that the factor does not have, or more of them than a player can have knobs.
    """

    mean: Tensor
    deviation: Tensor
    place: Tensor

    def __init__(
        self,
        factor: str,
        size: int,
        names: Sequence[str] = (),
        dimensions: Sequence[int] | None = None,
        evidence: Sequence[str] = (),
    ) -> None:
        chosen = list(range(size) if dimensions is None else dimensions)
        _check(factor, size, names, chosen)
        named = dict(enumerate(names))
        labels = {at: "_".join(filter(None, (f"{factor}{at}", named.get(at)))) for at in chosen}
        super().__init__(tuple(_controls(factor, labels, dict(enumerate(evidence)))))
        self.factor, self.size, self.knobs = factor, size, len(chosen)
        self.register_buffer("mean", torch.zeros(size, 1))
        self.register_buffer("deviation", torch.ones(size, 1))
        place = torch.zeros(size, len(chosen))
        place[chosen, range(len(chosen))] = 1.0
        self.register_buffer("place", place, persistent=False)

    def measured(self, mean: Tensor, deviation: Tensor) -> None:
        """Set mean and standard deviation of the code over the training data.

        Shape:
            mean [size], deviation [size]
        """
        self.mean.copy_(mean.unsqueeze(1))
        self.deviation.copy_(deviation.unsqueeze(1))

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Nothing held but the mean.

        Shape:
            operator_held [B, size]
        """
        return {"operator_held": self.mean.transpose(0, 1).repeat(batch_size, 1)}

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        code, held = self._frozen(factors[self.factor], controls[:, -1], state["operator_held"])
        offset = torch.matmul(self.place, controls[:, : self.knobs])
        gain = 1.0 + torch.matmul(self.place, controls[:, self.knobs : 2 * self.knobs] - 1.0)
        moved = factors.copy()
        moved[self.factor] = self.mean + gain * (code - self.mean) + offset * self.deviation
        return moved, {"operator_held": held}

    def _frozen(self, code: Tensor, freeze: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
        """The code, or the last one before `freeze` passed one half, faded in from there to 1.

        Shape:
            code [B, D, N], freeze [B, N], held [B, D] -> code [B, D, N], held [B, D]
        """
        number = torch.cumsum(torch.ones_like(freeze), 1)
        free = torch.where(freeze <= 0.5, number, torch.zeros_like(number)).unsqueeze(1)
        until = torch.tril(torch.ones_like(number).unsqueeze(2) * torch.ones_like(free))
        latest = (until * free).amax(2).long().unsqueeze(1)
        known = torch.cat([held.unsqueeze(2), code], 2)
        kept = torch.gather(known, 2, latest.expand(code.shape[0], code.shape[1], code.shape[2]))
        share = (2.0 * freeze - 1.0).clamp(0.0, 1.0).unsqueeze(1)
        return code + share * (kept - code), kept[:, :, -1]


def _check(factor: str, size: int, names: Sequence[str], chosen: Sequence[int]) -> None:
    wrong = [at for at in chosen if not 0 <= at < size]
    if wrong or len(set(chosen)) < len(chosen) or not chosen:
        raise ControlError(
            f"dimensions are {list(chosen)}; allowed are different numbers from 0 to {size - 1} of {factor!r}"
        )
    if len(chosen) > MOST_DIMENSIONS:
        raise ControlError(
            f"{factor!r} has {len(chosen)} dimensions, too many for knobs; choose up to {MOST_DIMENSIONS} "
            "with dimensions = [0, 1, ...]"
        )
    if len(names) > size:
        raise ControlError(
            f"there are {len(names)} names for the {size} dimensions of {factor!r}: give one for each at most"
        )


def _controls(factor: str, labels: dict[int, str], evidence: dict[int, str]) -> list[Control]:
    most = FURTHEST_SD

    def about(at: int) -> str:
        told = evidence.get(at)
        return f"pushes dimension {at} of {factor}" + (f": {told}" if told else "")

    offsets = [
        Control(f"{label}_sd", -most, most, 0.0, "sd", "linear", about(at)) for at, label in labels.items()
    ]
    scales = [
        Control(f"{label}_scale", 0.0, WIDEST, 1.0, "", "linear", f"stretches dimension {at}; 0 stills it")
        for at, label in labels.items()
    ]
    freeze = Control("freeze", 0.0, 1.0, 0.0, "", "integer", "1 holds the code as it was at that moment")
    return [*offsets, *scales, freeze]
