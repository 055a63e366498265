"""Densities of a code under the aggregate posterior, estimated from one batch.

q(z) is the mean of q(z | x) over all N examples of a data set, of which a batch holds B. Minibatch stratified
sampling weighs the B posteriors so that the estimate is right in the mean.

Source: Chen, Li, Grosse, Duvenaud, "Isolating sources of disentanglement in VAEs", 2018, appendix C.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from latentfx.errors import ShapeError
from latentfx.methods.common.gaussian import Gaussian


def log_density(z: Tensor, gaussian: Gaussian) -> Tensor:
    """Log density of a diagonal Gaussian, dimension by dimension.

    Shape:
        z [..., D], each of the two [..., D] -> [..., D], nats
    """
    mean, logvar = gaussian
    return -0.5 * (math.log(2.0 * math.pi) + logvar + (z - mean) ** 2 * torch.exp(-logvar))


def stratified_log_weights(
    batch: int, total: int, form: Literal["correct", "reference"] = "correct"
) -> Tensor:
    """Logarithms of the weights of a batch's posteriors; each row of the weights sums to 1.

    Row i weighs the posteriors under which the code of example i is scored. Its own counts 1 / N, one other
    stands for all that the batch lacks, and the rest count 1 / (B - 1).

    Args:
        batch: B, 2 or more.
        total: N, at least B.
        form: `reference` is the matrix of widely copied code, in which 1 / N stands in the first column and
            not on the diagonal.
    Shape:
        -> [batch, batch]
    Raises:
        ShapeError: a batch of one example, or of more than there are.
    """
    if not 2 <= batch <= total:
        raise ShapeError(f"a batch of {batch} of {total} examples; allowed 2 to {total}")
    rest = batch - 1
    weights = torch.full((batch, batch), 1.0 / rest, dtype=torch.float64)
    missing = (total - rest) / (total * rest)
    rows = torch.arange(batch)
    if form == "correct":
        weights[rows, rows] = 1.0 / total
        weights[rows, (rows + 1) % batch] = missing
    else:
        weights[:, 0] = 1.0 / total
        weights[:, 1 % batch] = missing
        weights[batch - 2, 0] = missing
    return weights.log().float()


def aggregate(z: Tensor, q: Gaussian, log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Log q(z) and the sum over dimensions of log q(z_j), of every code of a batch.

    Args:
        z: drawn from q.
        q: posteriors of the batch.
        log_weights: of `stratified_log_weights`.
    Shape:
        z [B, D], log_weights [B, B] -> two of [B], nats
    """
    mean, logvar = q
    each = log_density(z.unsqueeze(1), (mean.unsqueeze(0), logvar.unsqueeze(0)))
    joint = torch.logsumexp(log_weights + each.sum(-1), dim=1)
    marginals = torch.logsumexp(log_weights.unsqueeze(-1) + each, dim=1).sum(-1)
    return joint, marginals
