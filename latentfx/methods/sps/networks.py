"""Encoders and decoders of note images, video frames and masks.

Decoders give logits: their sigmoid is the image. Note images come with their five frames as channels, which
makes the first and the last convolution one-dimensional. That is the same function as the published
two-dimensional form, and several times as fast on a processor.

Source: the authors' code of "Learning interpretable low-dimensional representation via physical symmetry"
(2023), which has four convolutions for audio and three for video where the paper says three and four.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from latentfx.methods.common.gaussian import Gaussian

FIRST_SCALE = 300.0
FIRST_LOGVAR = -4.0
NOTE_ROWS, NOTE_CHANNELS = 16, 128
NOTE_WIDTHS = (16, 64, 256, 1024)
IMAGE_WIDTHS = (16, 32, 64)
VIDEO_CHANNELS = (3, 64, 128, 256)
MASK_CHANNELS = (1, 64, 64, 128, 256)
MASK_SIZE = 64


class Encoder(nn.Module):
    """q(z | image): a body that gives one vector an image, and linear heads.

    Args:
        body: convolutions and a flattening.
        features: of the body.
        size: dimensions of the code.
        has_variance: whether there is a head for the log-variance.
        scaled: start with large means and a small variance.
    Shape:
        [n, ...] -> two of [n, size], mean and log-variance; zeros for the latter where there is no head
    """

    def __init__(self, body: nn.Module, features: int, size: int, has_variance: bool, scaled: bool) -> None:
        super().__init__()
        self.body, self.mean = body, nn.Linear(features, size)
        self.logvar = nn.Linear(features, size) if has_variance else None
        if scaled:
            with torch.no_grad():
                self.mean.weight *= FIRST_SCALE
                if self.logvar is not None:
                    self.logvar.bias.fill_(FIRST_LOGVAR)

    def forward(self, image: Tensor) -> Gaussian:
        hidden = self.body(image)
        mean = self.mean(hidden)
        return mean, torch.zeros_like(mean) if self.logvar is None else self.logvar(hidden)


def note_encoder_body(frames: int) -> nn.Sequential:
    """Convolutions of note images.

    Shape:
        [n, frames, 513] -> [n, 2048]
    """
    return nn.Sequential(
        nn.Conv1d(frames, 64, 5, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv1d(64, 64, 8, stride=4, padding=2),
        nn.ReLU(),
        nn.Conv1d(64, 128, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv1d(128, NOTE_CHANNELS, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
    )


class NoteDecoder(nn.Module):
    """Logits of note images: the encoder's mirror.

    Args:
        size: dimensions of the code.
        frames: of a note.
    Shape:
        [n, size] -> [n, frames, 513]
    """

    def __init__(self, size: int, frames: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_widening(size, (*NOTE_WIDTHS, NOTE_CHANNELS * NOTE_ROWS)),
            nn.Unflatten(1, (NOTE_CHANNELS, NOTE_ROWS)),
            nn.ConvTranspose1d(NOTE_CHANNELS, 128, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose1d(128, 64, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose1d(64, 64, 8, stride=4, padding=2),
            nn.ReLU(),
            nn.ConvTranspose1d(64, frames, 5, stride=2, padding=1, bias=False),
        )
        reach = 1.0 / math.sqrt(5 * frames)
        self.bias = nn.Parameter(torch.empty(1).uniform_(-reach, reach))

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.body(z) + self.bias
        return logits


def image_encoder_body(channels: tuple[int, ...]) -> nn.Sequential:
    """Convolutions that halve an image each.

    Shape:
        [n, channels[0], H, W] -> [n, channels[-1] * H * W / 4 ** (len(channels) - 1)]
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


class FrameDecoder(nn.Module):
    """Logits of images: the encoder's mirror.

    Args:
        size: dimensions of the code.
        channels: of the encoder.
        image_size: height and width.
    Shape:
        [n, size] -> [n, channels[0], image_size, image_size]
    """

    def __init__(self, size: int, channels: tuple[int, ...], image_size: int) -> None:
        super().__init__()
        side = image_size // 2 ** (len(channels) - 1)
        layers = _widening(size, (*IMAGE_WIDTHS, channels[-1] * side * side))
        layers.append(nn.Unflatten(1, (channels[-1], side, side)))
        for before, after in itertools.pairwise(channels[::-1]):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        self.body = nn.Sequential(*layers[:-1])

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.body(z)
        return logits


def _widening(size: int, widths: tuple[int, ...]) -> list[nn.Module]:
    """Linear layers with ReLU between them, and none after the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((size, *widths)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]
