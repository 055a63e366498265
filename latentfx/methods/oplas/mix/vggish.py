"""VGGish in torch: 128 numbers for every 0.96 s of sound, with weights from a file of the user's.

Source: Hershey et al., "CNN architectures for large-scale audio classification", 2017; the layout of the
weights is that of the torch port by H. Taylor (github.com/harritaylor/torchvggish).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from latentfx.errors import CheckpointError

__all__ = ["VGGish", "load_vggish", "vggish_filters", "vggish_patches"]

RATE = 16_000
WINDOW, HOP, N_FFT = 400, 160, 512
MELS, LOWEST_HZ, HIGHEST_HZ = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
FRAMES = 96
CONVOLUTIONS = (0, 3, 6, 8, 11, 13)
POOLED = (0, 3, 8, 13)
LINEAR = (0, 2, 4)


class VGGish(nn.Module):
    """The network, of any widths.

    Args:
        channels: of the six convolutions; the published ones have 64, 128, 256, 256, 512 and 512.
        hidden: of the two layers before the last; 4096.
        size: of the embedding; 128.
    Shape:
        patches [B, 96, 64] -> [B, size]
    """

    sample_rate = RATE

    def __init__(
        self,
        channels: tuple[int, ...] = (64, 128, 256, 256, 512, 512),
        hidden: int = 4096,
        size: int = 128,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for place, width in zip(CONVOLUTIONS, channels, strict=True):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if place in POOLED else []
            before = width
        self.features = nn.Sequential(*layers)
        places = (FRAMES // 16) * (MELS // 16)
        sizes = (places * before, hidden, hidden, size)
        self.embeddings = nn.Sequential(
            *(
                part
                for inputs, outputs in itertools.pairwise(sizes)
                for part in (nn.Linear(inputs, outputs), nn.ReLU())
            )
        )
        self.size = size

    def forward(self, patches: Tensor) -> Tensor:
        x: Tensor = self.features(patches.unsqueeze(1))
        y: Tensor = self.embeddings(x.permute(0, 2, 3, 1).flatten(1))
        return y

    @torch.no_grad()
    def embed(self, audio: Tensor) -> Tensor:
        """Mean of the embeddings of all whole patches; sound that is shorter is followed by silence.

        Shape:
            audio [T] at 16 kHz -> [size]
        """
        short = WINDOW + HOP * (FRAMES - 1) - len(audio)
        patches = vggish_patches(nn.functional.pad(audio, (0, max(0, short))))
        mean: Tensor = self(patches).mean(0)
        return mean


def vggish_filters() -> Tensor:
    """Mel filters of VGGish: triangles over mel, not over Hz, and nothing from the lowest bin.

    Shape:
        -> [64, 257], float64
    """

    def mel(frequency_hz: Tensor) -> Tensor:
        return 1127.0 * torch.log1p(frequency_hz / 700.0)

    bins = mel(torch.linspace(0.0, RATE / 2, N_FFT // 2 + 1, dtype=torch.float64))
    ends = mel(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64))
    corners = torch.linspace(float(ends[0]), float(ends[1]), MELS + 2, dtype=torch.float64)
    rise = (bins - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    fall = (corners[2:, None] - bins) / (corners[2:] - corners[1:-1])[:, None]
    filters = torch.minimum(rise, fall).clamp(min=0.0)
    filters[:, 0] = 0.0
    return filters


def vggish_patches(audio: Tensor) -> Tensor:
    """Log-mel patches of 0.96 s, one after the other.

    Shape:
        audio [T] at 16 kHz -> [T2, 96, 64]
    """
    frames = audio.double().unfold(0, WINDOW, HOP)
    window = torch.hann_window(WINDOW, periodic=True, dtype=torch.float64)
    magnitude = torch.fft.rfft(frames * window, N_FFT).abs()
    mels = torch.log(magnitude @ vggish_filters().t() + LOG_OFFSET).float()
    whole = len(mels) // FRAMES
    return mels[: whole * FRAMES].reshape(whole, FRAMES, MELS)


def load_vggish(path: str | os.PathLike[str]) -> VGGish:
    """Read weights in the layout of torchvggish; widths are found from the shapes.

    Args:
        path: a state dict, as `.safetensors`, or as the `.pth` of torchvggish (tensors alone are read).
    Raises:
        CheckpointError: no such file, or other weights.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise CheckpointError(
            f"no VGGish weights at {file}; download vggish-10086976.pth from the releases of "
            "github.com/harritaylor/torchvggish and name it"
        )
    weights = _read(file)
    try:
        channels = tuple(len(weights[f"features.{place}.weight"]) for place in CONVOLUTIONS)
        hidden, size = (len(weights[f"embeddings.{place}.weight"]) for place in LINEAR[1:])
        model = VGGish(channels, hidden, size)
        model.load_state_dict({name: weights[name] for name in model.state_dict()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{file} holds no VGGish weights: {type(error).__name__}: {error}. They are called "
            "features.0.weight to features.13.bias and embeddings.0.weight to embeddings.4.bias"
        ) from error
    return model.eval().requires_grad_(False)


def _read(file: Path) -> Mapping[str, Tensor]:
    """Tensors by name.

    Raises:
        CheckpointError: a damaged file, or one with more than tensors in it.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        # An unpickler that knows tensors and nothing else; the published weights have no other form.
        weights: Mapping[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)  # noqa: TID251
    except Exception as error:  # torch and safetensors have no common base for a damaged file
        raise CheckpointError(f"{file} is damaged or holds more than tensors; fetch it again") from error
    return weights
