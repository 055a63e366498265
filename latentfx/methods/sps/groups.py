"""Groups of transforms of a code: what a prior that is physically symmetric commutes with.

Every transform here is a rigid motion z -> turn z + shift, so that one class applies, inverts and composes
the elements of all groups. A group says how its elements are drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from latentfx.errors import RecipeError

_PLANE, _SPACE = 2, 3


@dataclass(frozen=True)
class GroupConfig:
    """One group, and the dimensions of the content that it acts on; all others stay as they are.

    Args:
        kind: `translation` along every one of the dimensions; `rotation` in the plane of two dimensions,
            SO(2); `orthogonal`, the Q of the QR decomposition of a random Gaussian matrix, for three
            dimensions. As in the published code its determinant may be -1, and the whole batch has the same.
        dims: numbers of dimensions, from 0.
        reach: largest translation or angle (radians); None takes the preset's translation, or half a turn.
    """

    kind: Literal["translation", "rotation", "orthogonal"] = "translation"
    dims: tuple[int, ...] = (0,)
    reach: float | None = None

    def __post_init__(self) -> None:
        wanted = {"rotation": _PLANE, "orthogonal": _SPACE}.get(self.kind, len(self.dims))
        distinct = len(set(self.dims)) == len(self.dims)
        if not self.dims or not distinct or min(self.dims) < 0 or len(self.dims) != wanted:
            raise RecipeError(
                f"a {self.kind} of method.groups acts on the dimensions {list(self.dims)}; allowed are "
                "different numbers from 0 on, 1 or more for a translation, 2 for a rotation, 3 for orthogonal"
            )
        if self.reach is not None and self.reach <= 0.0:
            raise RecipeError(f"reach of a group of method.groups is {self.reach:g}; allowed above 0")


@dataclass(frozen=True)
class Motion:
    """Elements of a group, one for each sequence.

    Args:
        turn: orthogonal matrices.
        shift: translations, after the turn.
    Shape:
        turn [n, D, D], shift [n, D]
    """

    turn: Tensor
    shift: Tensor

    def apply(self, z: Tensor) -> Tensor:
        """Transform sequences of codes, each by its element.

        Shape:
            [n, T, D] -> [n, T, D]
        """
        return z @ self.turn.transpose(-1, -2) + self.shift.unsqueeze(-2)

    def inverse(self) -> Motion:
        """The elements that undo these."""
        back = self.turn.transpose(-1, -2)
        return Motion(back, -(back @ self.shift.unsqueeze(-1)).squeeze(-1))

    def then(self, after: Motion) -> Motion:
        """One motion for this one and another after it."""
        shift = (after.turn @ self.shift.unsqueeze(-1)).squeeze(-1) + after.shift
        return Motion(after.turn @ self.turn, shift)


class TransformGroup:
    """A group, or a product of several.

    Args:
        size: dimensions of the content.
        parts: groups; an element of the product is one of the first, then one of the second, and so on.
        reach: largest translation of parts that name none.
    """

    def __init__(self, size: int, parts: tuple[GroupConfig, ...], reach: float = 1.0) -> None:
        self.size, self.parts, self.reach = size, parts, reach

    def identity(self, count: int, like: Tensor) -> Motion:
        """The neutral element, so many times.

        Args:
            count: elements.
            like: gives device and dtype.
        """
        eye = torch.eye(self.size, device=like.device, dtype=like.dtype)
        zero = torch.zeros(count, self.size, device=like.device, dtype=like.dtype)
        return Motion(eye.expand(count, -1, -1), zero)

    def sample(self, copies: int, batch: int, like: Tensor) -> Motion:
        """Draw elements for `copies` of a batch, laid one after another.

        Args:
            copies: transforms for each sequence.
            batch: sequences.
            like: gives device and dtype.
        Shape:
            -> copies * batch elements
        """
        motion = self.identity(copies * batch, like)
        for part in self.parts:
            motion = motion.then(self._draw(part, copies, batch, like))
        return motion

    def _draw(self, part: GroupConfig, copies: int, batch: int, like: Tensor) -> Motion:
        count, dims = copies * batch, list(part.dims)
        still = self.identity(count, like)
        if part.kind == "translation":
            shift = still.shift.clone()
            reach = self.reach if part.reach is None else part.reach
            shift[:, dims] = reach * (2.0 * torch.rand(count, len(dims), device=like.device) - 1.0).to(like)
            return Motion(still.turn, shift)
        small = (
            _rotations(part.reach or math.pi, count, like)
            if part.kind == "rotation"
            else _orthogonal(copies, like).repeat_interleave(batch, dim=0)
        )
        turn = still.turn.clone()
        for row, to in enumerate(dims):
            turn[:, to, dims] = small[:, row]
        return Motion(turn, still.shift)


def _rotations(reach: float, count: int, like: Tensor) -> Tensor:
    """Rotations of the plane by angles up to `reach`.

    Shape:
        -> [count, 2, 2]
    """
    angle = reach * (2.0 * torch.rand(count, device=like.device) - 1.0).to(like)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def _orthogonal(count: int, like: Tensor) -> Tensor:
    """Orthogonal matrices of three dimensions.

    Shape:
        -> [count, 3, 3]
    """
    gaussian = torch.randn(count, _SPACE, _SPACE, device=like.device).to(like)
    turn: Tensor = torch.linalg.qr(gaussian)[0]
    return turn
