"""Encoder and decoder of images, and the discriminator of FactorVAE.

Source: SynTone (2024) and its code, which has three convolutions where the paper says four; Kim & Mnih,
"Disentangling by factorising", 2018.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from latentfx.methods.common.gaussian import Gaussian

CHANNELS = (16, 32, 64)
SHRINKS = 2 ** len(CHANNELS)
LEAK = 0.01
DISCRIMINATOR_LAYERS = 6
DISCRIMINATOR_LEAK = 0.2


class ImageEncoder(nn.Module):
    """q(z | image): three convolutions that halve the image each, and two layers.

    The published code pools after the leaky ReLU. The ReLU rises everywhere, so the maximum may come first:
    the result is the same, and the ReLU sees a quarter of the values.

    Args:
        height, width: of an image, multiples of 8.
        z_size: dimensions of the code.
    Shape:
        [B, height, width] -> two of [B, z_size], mean and log-variance
    """

    def __init__(self, height: int, width: int, z_size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((1, *CHANNELS[:-1]), CHANNELS, strict=True):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.MaxPool2d(2), nn.LeakyReLU(LEAK)]
        size = CHANNELS[-1] * (height // SHRINKS) * (width // SHRINKS)
        layers += [nn.Flatten(), nn.Linear(size, 128), nn.LeakyReLU(LEAK), nn.Linear(128, 64)]
        self.body = nn.Sequential(*layers, nn.LeakyReLU(LEAK))
        self.mean, self.logvar = nn.Linear(64, z_size), nn.Linear(64, z_size)

    def forward(self, image: Tensor) -> Gaussian:
        hidden = self.body(image.unsqueeze(1))
        return self.mean(hidden), self.logvar(hidden)


class ImageDecoder(nn.Module):
    """Mean of p(image | z): the encoder's mirror.

    Args:
        height, width: of an image, multiples of 8.
        z_size: dimensions of the code.
    Shape:
        [B, z_size] -> [B, height, width], from 0 to 1
    """

    def __init__(self, height: int, width: int, z_size: int) -> None:
        super().__init__()
        rows, columns = height // SHRINKS, width // SHRINKS
        size = CHANNELS[-1] * rows * columns
        layers: list[nn.Module] = [nn.Linear(z_size, 64), nn.LeakyReLU(LEAK), nn.Linear(64, 128)]
        layers += [nn.LeakyReLU(LEAK), nn.Linear(128, size), nn.LeakyReLU(LEAK)]
        layers.append(nn.Unflatten(1, (CHANNELS[-1], rows, columns)))
        narrowing = (*CHANNELS[::-1], 1)
        for before, after in itertools.pairwise(narrowing):
            layers.append(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1))
            layers.append(nn.LeakyReLU(LEAK) if after > 1 else nn.Sigmoid())
        self.body = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.body(z).squeeze(1)
        return image


class Discriminator(nn.Module):
    """Tells codes of examples (the first logit) from codes whose dimensions were shuffled (the second).

    Args:
        z_size: dimensions of the code.
        width: units of each layer.
    Shape:
        [B, z_size] -> [B, 2], logits
    """

    def __init__(self, z_size: int, width: int) -> None:
        super().__init__()
        sizes = (z_size, *[width] * (DISCRIMINATOR_LAYERS - 1))
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LeakyReLU(DISCRIMINATOR_LEAK)]
        self.body = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.body(z)
        return logits
