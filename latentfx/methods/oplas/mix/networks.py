"""Networks of the latent mixer: an autoencoder of spectra in bands, and a projector, along frequency.

All are convolutions over the bands of single frames, the same at every frequency: what two sounds do to each
other in a band and its neighbours does not depend on which band it is.
"""

import torch
from torch import Tensor, nn

__all__ = ["GROUP", "BandDecoder", "BandEncoder", "BandProjector", "MixNetworks"]

GROUP = 4


class _Residual(nn.Module):
    """x + conv(gelu(conv(x)))."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(channels, channels, kernel, padding=kernel // 2),
            nn.GELU(),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.layers(x)
        return added


class BandEncoder(nn.Module):
    """f: compressed magnitudes in bands to an embedding.

    Args:
        width: channels of the layers.
        channels: of the embedding, one place for every four bands.
    Shape:
        [B, bands] -> [B, channels * bands / 4]
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, width, 3 * GROUP, stride=GROUP, padding=GROUP),
            nn.GELU(),
            _Residual(width, 3),
            nn.Conv1d(width, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x.unsqueeze(1))
        return y.flatten(1)


class BandDecoder(nn.Module):
    """g: an embedding to compressed magnitudes in bands, none below 0.

    Args:
        width: channels of the layers.
        channels: of the embedding.
    Shape:
        [B, channels * bands / 4] -> [B, bands]
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.Sequential(
            nn.Conv1d(channels, width, 3, padding=1),
            nn.GELU(),
            _Residual(width, 3),
            nn.Conv1d(width, GROUP, 3, padding=1),
            nn.Softplus(beta=4.0),
        )

    def forward(self, y: Tensor) -> Tensor:
        groups: Tensor = self.layers(y.unflatten(1, [self.channels, -1]))
        return groups.transpose(1, 2).flatten(1)


class BandProjector(nn.Module):
    """h, or hinv: y + CNN(y), GELU on every layer but the last.

    As `latentfx.methods.oplas.projector.Projector`, with convolutions along frequency for its matrices.

    Args:
        channels: of the embedding.
        width: channels of the layers.
        blocks: residual layers between the first and the last.
    Shape:
        [..., channels * P] -> the same
    """

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.Sequential(
            nn.Conv1d(channels, width, 3, padding=1),
            nn.GELU(),
            *(_Residual(width, 3) for _ in range(blocks)),
            nn.Conv1d(width, channels, 1),
        )

    def forward(self, y: Tensor) -> Tensor:
        x: Tensor = self.layers(y.reshape(-1, self.channels, y.shape[-1] // self.channels))
        return y + x.reshape(y.shape)


class MixNetworks(nn.Module):
    """f, g, h and hinv, on the magnitudes of single frames at level 1.

    `profile` is never multiplied with a constant: an exporter would keep the product alone, and the file
    could not be turned back into torch.

    Args:
        bands: of a frame.
        knee: magnitudes below this part of what is usual at their frequency are seen linearly, those above by
            their logarithm.
        channels: of the embedding, which has `size` = channels * bands / 4 dimensions.
        width: channels of f and g.
        projector_width: channels of h and hinv.
        blocks: residual layers of h and hinv.
    """

    profile: Tensor

    def __init__(
        self, bands: int, knee: float, channels: int, width: int, projector_width: int, blocks: int
    ) -> None:
        super().__init__()
        self.knee = knee
        self.size = channels * bands // GROUP
        self.register_buffer("profile", torch.ones(bands))
        self.encoder = BandEncoder(width, channels)
        self.decoder = BandDecoder(width, channels)
        self.into = BandProjector(channels, projector_width, blocks)
        self.back = BandProjector(channels, projector_width, blocks)

    def compress(self, magnitude: Tensor) -> Tensor:
        """Magnitudes in bands, at level 1, as the encoder sees them.

        Shape:
            [..., bands] -> [..., bands], 0 or more
        """
        return torch.log(magnitude / self.profile / self.knee + 1.0) * 0.25

    def expand(self, compressed: Tensor) -> Tensor:
        """Undo `compress`.

        Shape:
            [..., bands] -> [..., bands]
        """
        return (torch.exp((compressed * 4.0).clamp(max=15.0)) - 1.0) * self.knee * self.profile

    def project(self, magnitude: Tensor) -> Tensor:
        """h(f(x)).

        Shape:
            [B, bands], at level 1 -> [B, size]
        """
        z: Tensor = self.into(self.encoder(self.compress(magnitude)))
        return z

    def returned(self, z: Tensor) -> Tensor:
        """g(hinv(z)), compressed.

        Shape:
            [B, size] -> [B, bands]
        """
        x: Tensor = self.decoder(self.back(z))
        return x

    def mask(self, changed: Tensor, own: Tensor) -> Tensor:
        """What to multiply the main input's magnitudes with: the changed ones over its own, both decoded.

        Args:
            changed: magnitudes decoded after the operation.
            own: magnitudes decoded without it.
        Shape:
            [..., bands], [..., bands] -> [..., bands], 0 to 4
        """
        floor = self.knee * 0.1
        return ((changed / self.profile + floor) / (own / self.profile + floor)).clamp(max=4.0)
