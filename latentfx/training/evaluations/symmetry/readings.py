"""What an SPS model makes of examples: codes, errors of images, predictions of its prior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from latentfx.errors import DataError
from latentfx.methods.sps.images import as_numbers
from latentfx.methods.sps.model import SPS
from latentfx.methods.sps.prior import draw_forcing, forcing_probability
from latentfx.training.data.example import Example
from latentfx.training.metrics.linearity import standardised_error

Float64 = NDArray[np.float64]
BATCH = 32


@dataclass(frozen=True)
class RollOut:
    """How well the prior predicts.

    Args:
        image: mean cross-entropy of a pixel of the decoded predictions.
        code: mean squared error of the standardised predictions.
    """

    image: float
    code: float


@dataclass(frozen=True)
class Readings:
    """Codes and errors of a model on examples.

    Args:
        codes: posterior means, content first.
        labels: of the examples, in the same order.
        self_error: mean cross-entropy of a pixel of the decoded codes.
        floor: the same of the images themselves: their entropy.
        mean_error: the same of the mean image, which a decoder that ignores the code makes at best.
        forced: the prior sees nearly all codes, as at the start of the training.
        free: it sees the given frames alone.
    Shape:
        codes [n, T, D]
    """

    codes: Float64
    labels: Sequence[Mapping[str, object]]
    self_error: float
    floor: float
    mean_error: float
    forced: RollOut | None
    free: RollOut | None

    @property
    def explained(self) -> float:
        """Share of what differs between images that the decoder shows: 0 for the mean image, 1 at best."""
        return (self.mean_error - self.self_error) / max(self.mean_error - self.floor, 1e-12)

    def label(self, name: str) -> Float64:
        """A label of every frame.

        Shape:
            -> [n, T]
        Raises:
            DataError: an example without it.
        """
        frames = self.codes.shape[1]
        found = []
        for labels in self.labels:
            if name not in labels:
                raise DataError(
                    f"an example has the labels {sorted(labels)}, without {name!r}: judge on data that has it"
                )
            found.append(np.broadcast_to(np.asarray(labels[name], dtype=np.float64), (frames,)))
        return np.stack(found)


@dataclass
class _Sums:
    codes: list[Float64] = field(default_factory=list)
    labels: list[Mapping[str, object]] = field(default_factory=list)
    self_error: float = 0.0
    floor: float = 0.0
    pixels: int = 0
    image: Tensor | None = None
    mean_error: float = 0.0
    rolled: dict[str, list[tuple[float, int, Float64, Float64]]] = field(default_factory=dict)


@torch.no_grad()
def read(model: SPS, examples: Sequence[Example], own_statistics: bool = False, seed: int = 0) -> Readings:
    """Encode examples, decode their codes, and let the prior predict them.

    Args:
        model: in evaluation mode.
        examples: of one length.
        own_statistics: standardise predictions by their own mean and deviation.
        seed: of which codes the forced prior sees.
    Raises:
        DataError: no example, or examples of different lengths.
    """
    sums, mean = _Sums(), _mean_image(model, examples)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for images, labels in _batches(model, examples):
            _add(model, images, sums)
            sums.labels += labels
            sums.mean_error += _entropy(mean.expand_as(images), images)
    n = sums.pixels
    rolled = {name: _roll_out(parts, own_statistics) for name, parts in sums.rolled.items()}
    return Readings(
        np.concatenate(sums.codes),
        sums.labels,
        sums.self_error / n,
        sums.floor / n,
        sums.mean_error / n,
        rolled.get("forced"),
        rolled.get("free"),
    )


def _mean_image(model: SPS, examples: Sequence[Example]) -> Tensor:
    total, count = None, 0
    for images, _ in _batches(model, examples):
        added = images.double().sum(dim=(0, 1))
        total = added if total is None else total + added
        count += images.shape[0] * images.shape[1]
    if total is None:
        raise DataError("there are no examples to judge; raise data.validation")
    return (total / count).float()


def _batches(model: SPS, examples: Sequence[Example]) -> Iterator[tuple[Tensor, list[Mapping[str, object]]]]:
    for start in range(0, len(examples), BATCH):
        chunk = [examples[i] for i in range(start, min(start + BATCH, len(examples)))]
        features = model.prepare(chunk)
        lengths = set(features.lengths.tolist())
        if len(lengths) > 1:
            raise DataError(f"examples have {sorted(lengths)} frames; judge on examples of one length")
        members = torch.arange(len(chunk))
        batch = features.crop(members, torch.zeros_like(members), lengths.pop())
        yield as_numbers(batch["image"]), [dict(example.labels) for example in chunk]


def _add(model: SPS, images: Tensor, sums: _Sums) -> None:
    size = model.config.content
    mean, _ = model.encode(images)
    z, style = mean[..., :size], mean[..., size:]
    held = model.config.style > 0 and model.config.kind != "beta-vae"
    shown = style[:, :1].expand_as(style) if held else style
    sums.codes.append(mean.double().numpy())
    sums.self_error += _entropy(model.decode(z, shown).sigmoid(), images)
    sums.floor += _entropy(images, images)
    sums.pixels += images.numel()
    if model.prior is None:
        return
    steps, given, weights = images.shape[1] - 1, model.config.given_frames, model.config.weights
    start = forcing_probability(0, weights.alpha, weights.beta)
    for name, probability in (("forced", start), ("free", 0.0)):
        found = model.prior(z, draw_forcing(steps, given, probability))
        error = _entropy(model.decode(found, shown[:, 1:]).sigmoid(), images[:, 1:])
        predicted, wanted = (part.double().flatten(0, 1).numpy() for part in (found, z[:, 1:]))
        pixels = images[:, 1:].numel()
        sums.rolled.setdefault(name, []).append((error, pixels, predicted, wanted))


def _roll_out(parts: Sequence[tuple[float, int, Float64, Float64]], own: bool) -> RollOut:
    errors, pixels, found, wanted = zip(*parts, strict=True)
    code = standardised_error(np.concatenate(found), np.concatenate(wanted), own)
    return RollOut(sum(errors) / sum(pixels), code)


def _entropy(estimate: Tensor, images: Tensor) -> float:
    """Binary cross-entropy of probabilities, summed."""
    return float(functional.binary_cross_entropy(estimate.double(), images.double(), reduction="sum"))
