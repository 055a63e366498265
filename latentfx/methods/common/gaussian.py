"""Diagonal Gaussians as pairs of mean and log-variance: draws and divergences."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Gaussian", "kl_divergence", "sample"]

Gaussian = tuple[Tensor, Tensor]


def sample(gaussian: Gaussian) -> Tensor:
    """Reparameterised draw from N(mean, exp(logvar)).

    Shape:
        two of [..., D] -> [..., D]
    """
    mean, logvar = gaussian
    return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


def kl_divergence(q: Gaussian, p: Gaussian | None = None) -> Tensor:
    """KL(q || p) of every dimension, in nats; p is N(0, I) when left out.

    Shape:
        each two of [..., D] -> [..., D]
    """
    mean, logvar = q
    p_mean, p_logvar = p if p is not None else (torch.zeros_like(mean), torch.zeros_like(logvar))
    return 0.5 * (p_logvar - logvar + (logvar.exp() + (mean - p_mean) ** 2) * torch.exp(-p_logvar) - 1.0)
