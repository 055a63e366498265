"""A small model in the form of RAVE, scripted as nn~ wants it: filter bank, cached convolutions, code.

Its weights are random. It shows what a host meets in such files: state in buffers that calls change in place,
ratios, a code between `encode` and `decode`, attributes with setters that refuse.
"""

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BANDS, CODE, RATE = 16, 4, 44_100
MOST_ROWS = 64


class CachedConv(nn.Module):
    """A causal convolution that keeps the end of its input, in place, for the next call."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, scale: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride)
        nn.init.normal_(self.conv.weight, std=scale / math.sqrt(inputs * kernel))
        nn.init.zeros_(self.conv.bias)
        self.padding = kernel - stride
        self.register_buffer("pad", torch.zeros(MOST_ROWS, inputs, self.padding))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.pad[: x.shape[0]], x], -1)
        self.pad[: x.shape[0]].copy_(x[..., x.shape[-1] - self.padding :])
        return self.conv(x)


class CachedUpsample(nn.Module):
    """A transposed convolution whose open end is kept for the next call."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, bias=False)
        nn.init.normal_(self.conv.weight, std=1.0 / math.sqrt(2 * inputs))
        self.stride = stride
        self.register_buffer("tail", torch.zeros(MOST_ROWS, outputs, stride))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        y = torch.cat([y[..., : self.stride] + self.tail[: x.shape[0]], y[..., self.stride :]], -1)
        self.tail[: x.shape[0]].copy_(y[..., y.shape[-1] - self.stride :])
        return y[..., : y.shape[-1] - self.stride]


class FilterBank(nn.Module):
    """A pseudo-QMF: a prototype filter, moved to the middle of each band by a cosine."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        taps = 8 * BANDS
        t = torch.arange(taps) - (taps - 1) / 2
        prototype = torch.sinc(t / (2 * BANDS)) * torch.kaiser_window(taps, False, 8.0) / BANDS
        k = torch.arange(BANDS).unsqueeze(1)
        phase = (2 * k + 1) * math.pi / (2 * BANDS) * t
        sign = (-1.0) ** k * math.pi / 4
        self.register_buffer("analysis", (prototype * torch.cos(phase + sign)).flip(-1).unsqueeze(1))
        self.register_buffer("synthesis", (prototype * torch.cos(phase - sign) * BANDS).unsqueeze(1))
        self.channels, self.bands = channels, BANDS
        self.register_buffer("pad", torch.zeros(MOST_ROWS, channels, taps - BANDS))
        self.register_buffer("tail", torch.zeros(MOST_ROWS, channels, taps - BANDS))

    def forward(self, audio: Tensor) -> Tensor:
        rows = audio.shape[0]
        x = torch.cat([self.pad[:rows], audio], -1)
        self.pad[:rows].copy_(x[..., x.shape[-1] - self.pad.shape[-1] :])
        bands = F.conv1d(x.reshape(rows * self.channels, 1, x.shape[-1]), self.analysis, stride=self.bands)
        return bands.reshape(rows, self.channels * self.bands, bands.shape[-1])

    @torch.jit.export
    def inverse(self, bands: Tensor) -> Tensor:
        rows, open_end = bands.shape[0], self.tail.shape[-1]
        split = bands.reshape(rows * self.channels, self.bands, bands.shape[-1])
        y = F.conv_transpose1d(split, self.synthesis, stride=self.bands).reshape(rows, self.channels, -1)
        y = torch.cat([y[..., :open_end] + self.tail[:rows], y[..., open_end:]], -1)
        self.tail[:rows].copy_(y[..., y.shape[-1] - open_end :])
        return y[..., : y.shape[-1] - open_end]


class ToyRave(nn.Module):
    """Encoder and decoder round a code, as RAVE exports them.

    Args:
        channels: of the sound.
        strides: of the encoder's layers; their product with `BANDS` is the ratio.
        noise: how loud the noise is that the decoder adds.
    """

    def __init__(self, channels: int = 1, strides: tuple[int, ...] = (4, 4, 4), noise: float = 0.0):
        super().__init__()
        width = 12
        self.sr, self.noise = RATE, noise
        self.pqmf = FilterBank(channels)
        sizes = [BANDS * channels, *[width] * len(strides)]
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(CachedConv(a, b, 2 * s, s, 2.0), nn.LeakyReLU(0.2))
                for a, b, s in zip(sizes, sizes[1:], strides, strict=False)
            ),
            CachedConv(width, CODE, 3, scale=2.0),
        )
        self.decoder = nn.Sequential(
            CachedConv(CODE, width, 3, scale=2.0),
            *(nn.Sequential(CachedUpsample(width, width, s), nn.LeakyReLU(0.2)) for s in reversed(strides)),
            CachedConv(width, BANDS * channels, 3, scale=2.0),
        )
        ratio = BANDS * math.prod(strides)
        self.register_buffer("forward_params", torch.tensor([channels, 1, channels, 1]))
        self.register_buffer("encode_params", torch.tensor([channels, 1, CODE, ratio]))
        self.register_buffer("decode_params", torch.tensor([CODE, ratio, channels, 1]))
        self.gain, self.mode, self.bright, self.pair, self.label = (
            (1.0,),
            (0,),
            (False,),
            (0.0, 0.5),
            ("toy",),
        )
        for name, codes in {"gain": [2], "mode": [1], "bright": [0], "pair": [2, 2], "label": [3]}.items():
            self.register_buffer(f"{name}_params", torch.tensor(codes))

    @torch.jit.export
    def get_methods(self) -> list[str]:
        return ["forward", "encode", "decode"]

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        return ["gain", "mode", "bright", "pair", "label"]

    @torch.jit.export
    def get_gain(self) -> tuple[float]:
        return self.gain

    @torch.jit.export
    def set_gain(self, value: float) -> int:
        self.gain = (min(max(value, 0.0), 2.0),)
        return 0

    @torch.jit.export
    def get_mode(self) -> tuple[int]:
        return self.mode

    @torch.jit.export
    def set_mode(self, value: int) -> int:
        if value < 0 or value > 2:
            return 1
        self.mode = (value,)
        return 0

    @torch.jit.export
    def get_bright(self) -> tuple[bool]:
        return self.bright

    @torch.jit.export
    def set_bright(self, value: bool) -> int:
        self.bright = (value,)
        return 0

    @torch.jit.export
    def get_pair(self) -> tuple[float, float]:
        return self.pair

    @torch.jit.export
    def set_pair(self, first: float, second: float) -> int:
        self.pair = (first, second)
        return 0

    @torch.jit.export
    def get_label(self) -> tuple[str]:
        return self.label

    @torch.jit.export
    def set_label(self, value: str) -> int:
        self.label = (value,)
        return 0

    @torch.jit.export
    def encode(self, audio: Tensor) -> Tensor:
        return self.encoder(self.pqmf(audio))

    @torch.jit.export
    def decode(self, code: Tensor) -> Tensor:
        bands = self.decoder(code)
        if self.noise > 0.0:
            bands = bands + self.noise * torch.randn_like(bands)
        audio = 0.05 * self.pqmf.inverse(bands) * self.gain[0]
        if self.mode[0] == 1:
            audio = audio.tanh()
        if self.mode[0] == 2:
            audio = audio / (audio - audio)
        return audio

    def forward(self, audio: Tensor) -> Tensor:
        return self.decode(self.encode(audio))


def write_model(path: Path, model: nn.Module, seed: int = 0) -> Path:
    """Script a model and write it, as nn~ loads it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        torch.jit.save(torch.jit.script(model.eval()), str(path))
    return path


def toy_file(path: Path, make: Callable[[], nn.Module] = ToyRave) -> Path:
    """Write a toy with weights that are the same each time."""
    torch.manual_seed(0)
    return write_model(path, make())
