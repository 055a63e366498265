"""FiLMR: feature-wise linear modulation followed by a rotation in a plane that is learnt.

Source: the OpLaS paper, "Operational latent spaces" (2024), equation of the layer; its rotation is built from
Givens rotations (Aguilera & Perez-Aguila, "General n-dimensional rotations", 2004). Here it is two
reflections: the same matrix, differentiable wherever u and v are not zero, at a cost that grows with n alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from latentfx.errors import ShapeError

__all__ = [
    "FiLMR",
    "plane_of",
    "rotate",
    "rotate_steps",
    "rotation_angle",
    "rotation_matrix",
    "turn_in_plane",
]

NEAR_PAPER = 0.25
SHIFT_SCALE = 1e-4
SMALLEST = 1e-12


def _unit(vector: Tensor) -> Tensor:
    unit: Tensor = vector / torch.linalg.vector_norm(vector, dim=-1, keepdim=True).clamp(min=SMALLEST)
    return unit


def _reflect(x: Tensor, normal: Tensor) -> Tensor:
    """Mirror rows of x in the hyperplane across a unit vector."""
    return x - 2.0 * (x * normal).sum(-1, keepdim=True) * normal


def _towards(vector: Tensor, other: Tensor) -> Tensor:
    """The vector or its opposite, whichever is nearer: a reflection does not tell them apart."""
    return torch.where((vector * other).sum(-1, keepdim=True) < 0.0, -vector, vector)


def rotate(x: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Turn row vectors in the plane of u and v, from v towards u, by twice the angle between them.

    What is orthogonal to both stays. Where u and v are parallel, nothing turns.

    Shape:
        x [..., n], u [n], v [n] -> [..., n]
    """
    return _reflect(_reflect(x, _unit(v)), _unit(u))


def rotation_angle(u: Tensor, v: Tensor) -> Tensor:
    """How far `rotate` turns, in radians: 0 to pi.

    More than half a turn is less than half the other way.

    Shape:
        u [n], v [n] -> scalar
    """
    a, b = _towards(_unit(u), _unit(v)), _unit(v)
    # exact for small angles, where the arc cosine of a.b is not
    apart, together = torch.linalg.vector_norm(a - b, dim=-1), torch.linalg.vector_norm(a + b, dim=-1)
    return 4.0 * torch.atan2(apart, together)


def rotation_matrix(u: Tensor, v: Tensor) -> Tensor:
    """M with `x @ M == rotate(x, u, v)`.

    Shape:
        u [n], v [n] -> [n, n]
    """
    return rotate(torch.eye(u.shape[-1], dtype=u.dtype, device=u.device), u, v)


def rotate_steps(x: Tensor, u: Tensor, v: Tensor, steps: Tensor) -> Tensor:
    """`rotate`, any real number of times: half a step turns half as far, a negative one back.

    Shape:
        x [..., n], u [n], v [n], steps [...] (as many as x has rows, or one) -> [..., n]
    """
    first, second = plane_of(u, v)
    return turn_in_plane(x, first, second, rotation_angle(u, v) * steps)


def plane_of(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Two orthogonal unit vectors: `rotate` turns the first towards the second.

    Shape:
        u [n], v [n] -> [n], [n]
    """
    first = _unit(v)
    near = _towards(_unit(u), first)
    return first, _unit(near - (near * first).sum(-1, keepdim=True) * first)


def turn_in_plane(x: Tensor, first: Tensor, second: Tensor, angle: Tensor) -> Tensor:
    """Turn row vectors by an angle in a plane; what is orthogonal to it stays.

    Shape:
        x [..., n], first [n], second [n] (orthogonal unit vectors), angle [...] in radians -> [..., n]
    """
    angle = angle.unsqueeze(-1)
    p, q = (x * first).sum(-1, keepdim=True), (x * second).sum(-1, keepdim=True)
    cosine, sine = torch.cos(angle) - 1.0, torch.sin(angle)
    return x + (cosine * p - sine * q) * first + (sine * p + cosine * q) * second


class FiLMR(nn.Module):
    """(gamma x + beta) M(u, v): one step of an operator on a latent space.

    Args:
        size: dimensions of the space, 2 or more.
        per_feature: a gamma and a beta for every dimension, as in FiLM; the paper has one of each.
        planes: rotations one after the other, each in a plane of its own (ours; the paper has 1).
        spread: v starts as u plus this times N(0, I); the paper draws both from N(0, I).
    Raises:
        ShapeError: fewer than 2 dimensions or 1 plane.
    """

    def __init__(
        self, size: int, *, per_feature: bool = False, planes: int = 1, spread: float = NEAR_PAPER
    ) -> None:
        super().__init__()
        if size < 2 or planes < 1:
            raise ShapeError(
                f"FiLMR of {size} dimensions in {planes} planes; allowed 2 or more, and 1 or more"
            )
        features = size if per_feature else 1
        self.gamma = nn.Parameter(torch.ones(features))
        self.beta = nn.Parameter(SHIFT_SCALE * torch.randn(features))
        self.u = nn.Parameter(torch.randn(planes, size))
        self.v = nn.Parameter(self.u.detach() + spread * torch.randn(planes, size))

    def forward(self, x: Tensor) -> Tensor:
        """One step.

        Shape:
            [..., n] -> [..., n]
        """
        x = self.gamma * x + self.beta
        for plane in range(self.u.shape[0]):
            x = rotate(x, self.u[plane], self.v[plane])
        return x

    def turn(self, x: Tensor, steps: Tensor) -> Tensor:
        """The rotation alone, any real number of times, so that a pitch bend glides along the ring.

        Planes that share a direction do not commute: with several, whole steps turn as `forward` does only
        where the planes are orthogonal.

        Shape:
            x [..., n], steps [...] -> [..., n]
        """
        for plane in range(self.u.shape[0]):
            x = rotate_steps(x, self.u[plane], self.v[plane], steps)
        return x

    def angles(self) -> Tensor:
        """How far a step turns in each plane, in degrees.

        Shape:
            -> [planes]
        """
        each = [rotation_angle(u, v) for u, v in zip(self.u, self.v, strict=True)]
        return torch.rad2deg(torch.stack(each))
