"""How examples become sequences of images from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from latentfx.errors import DataError
from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.sps.config import NoteImagesConfig, View

N_FFT = 1024
LOG_SCALE = 12.5
LINEAR_SCALE = 2800.0


class NoteImages(nn.Module):
    """Spectrograms of the notes of a clip, which lie on a grid of `frames` hops.

    Args:
        config: frames and scale.
    """

    window: Tensor

    def __init__(self, config: NoteImagesConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Images of the notes of a clip.

        Shape:
            [T] -> [notes, frames, bins]
        """
        config = self.config
        spectrum = torch.stft(
            audio,
            N_FFT,
            config.hop_length,
            window=self.window.to(audio.device),
            pad_mode="constant",
            return_complex=True,
        )
        magnitude = spectrum.abs() * (N_FFT / float(self.window.sum()))
        notes = len(audio) // (config.hop_length * config.frames)
        if notes == 0:
            raise DataError(
                f"an example of {len(audio)} samples is shorter than a note of "
                f"{config.hop_length * config.frames}; give sound whose notes lie on that grid"
            )
        image = self.scaled(magnitude.T[: notes * config.frames])
        return image.reshape(notes, config.frames, -1)

    def scaled(self, magnitude: Tensor) -> Tensor:
        """Magnitudes, of which a full-scale sine has 512, as values of an image."""
        if self.config.scale == "linear":
            return (magnitude / LINEAR_SCALE).clamp(max=1.0)
        return (torch.log2(magnitude + 1.0) / LOG_SCALE).clamp(max=1.0)

    def magnitude(self, image: Tensor) -> Tensor:
        """Magnitudes of an image: the inverse of `scaled`."""
        if self.config.scale == "linear":
            return image * LINEAR_SCALE
        return torch.exp2(image * LOG_SCALE) - 1.0


def prepare_notes(examples: Sequence[AnyExample], images: NoteImages) -> FeatureCache:
    """Images of the notes of every example."""

    def made() -> Iterator[dict[str, Tensor]]:
        for example in examples:
            yield {"image": images(torch.from_numpy(example.audio))}

    return FeatureCache.join(made())


def prepare_frames(examples: Sequence[AnyExample], view: View, channels: int, size: int) -> FeatureCache:
    """Frames of every example, as they come: bytes, or numbers from 0 to 1.

    Raises:
        DataError: frames of another size.
    """

    def made() -> Iterator[dict[str, Tensor]]:
        for example in examples:
            if view not in example.arrays:
                raise DataError(
                    f"example {example.source!r} has the arrays {sorted(example.arrays)}; method.view is "
                    f"{view!r}: train on a kind of data that has it, or change method.view"
                )
            frames = torch.from_numpy(example.arrays[view])
            if tuple(frames.shape[1:]) != (channels, size, size):
                raise DataError(
                    f"example {example.source!r} has frames of the shape {tuple(frames.shape[1:])}; wanted "
                    f"{(channels, size, size)}: change method.image_size or the size of the data"
                )
            yield {"image": frames}

    return FeatureCache.join(made())


def as_numbers(image: Tensor) -> Tensor:
    """Bytes as numbers from 0 to 1; numbers stay."""
    return image if image.is_floating_point() else image.float() / 255.0
