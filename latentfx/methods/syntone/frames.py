"""The family on streaming frames: one code a frame of log-magnitudes, so that a code can be played live.

The level of a frame is taken out before it is encoded and put back when it is decoded: what the code holds is
the shape of the spectrum, pitch and timbre together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from latentfx.errors import RecipeError
from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.common.gaussian import Gaussian
from latentfx.methods.streaming import StreamParts
from latentfx.methods.syntone.config import FamilyConfig
from latentfx.methods.syntone.family import AutoencoderFamily
from latentfx.methods.syntone.frame_stages import FrameAnalysis, FrameModel, FrameSynthesis

LEAK = 0.1


@dataclass(frozen=True)
class FrameVAEConfig(FamilyConfig):
    """Settings of the models of frames; see `FamilyConfig` too.

    Args:
        sample_rate: Hz.
        n_fft: samples of a Hann frame; the latency is n_fft - hop_length.
        hop_length: samples from frame to frame.
        bands: of a frame, as fine as the FFT at the low end and even in pitch above.
        floor_db: what lies so far below a frame's level counts as nothing.
        active_db: frames below this level are not learnt; 0 is a sine of amplitude 1.
        error_db: deviation of the error that a decoder is allowed, which weighs it against the divergence.
        hidden: units of the encoder's layers; the decoder has them the other way round.
    """

    sample_rate: int = 48_000
    n_fft: int = 1024
    hop_length: int = 256
    bands: int = 288
    floor_db: float = -60.0
    active_db: float = -60.0
    error_db: float = 3.0
    hidden: tuple[int, ...] = (512, 256)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden or min(self.hidden) < 1:
            raise RecipeError(
                f"method.hidden is {list(self.hidden)}; allowed is one size or more, each above 0"
            )
        if self.error_db <= 0.0:
            raise RecipeError(f"method.error_db is {self.error_db:g}; allowed above 0")


class FrameEncoder(nn.Module):
    """q(z | frame).

    Args:
        bands: of a frame.
        hidden: units of each layer.
        z_size: dimensions of the code.
    Shape:
        [..., bands] -> two of [..., z_size], mean and log-variance
    """

    def __init__(self, bands: int, hidden: Sequence[int], z_size: int) -> None:
        super().__init__()
        self.body = _layers((bands, *hidden))
        self.mean, self.logvar = nn.Linear(hidden[-1], z_size), nn.Linear(hidden[-1], z_size)

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(frame)
        return self.mean(hidden), self.logvar(hidden).clamp(-12.0, 6.0)


class FrameVAE(AutoencoderFamily):
    """Encoder and decoder of single frames.

    Args:
        config: see `FrameVAEConfig`.
    """

    config_type: ClassVar[type] = FrameVAEConfig
    config: FrameVAEConfig
    middle: Tensor

    def __init__(self, config: FrameVAEConfig) -> None:
        hidden = config.hidden
        encoder = FrameEncoder(config.bands, hidden, config.z_size)
        decoder = nn.Sequential(_layers((config.z_size, *hidden[::-1])), nn.Linear(hidden[0], config.bands))
        super().__init__(config, encoder, decoder)
        self.analysis = FrameAnalysis(config.n_fft, config.hop_length, config.bands, config.floor_db)
        self.register_buffer("middle", torch.zeros(config.bands))

    @property
    def sample_rate(self) -> int:
        return self.config.sample_rate

    @property
    def unit(self) -> float:
        """Nepers that count as 1: squares of errors then are those of a Gaussian of `error_db`, twice."""
        return float(self.config.error_db / 20.0 * torch.log(torch.tensor(10.0)) * 2.0**0.5)

    @torch.no_grad()
    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Frames and levels of every example; the first call learns their mean."""

        def frames() -> Iterator[dict[str, Tensor]]:
            for example in examples:
                hop = self.config.hop_length
                audio = torch.from_numpy(example.audio[: len(example.audio) // hop * hop])[None, None]
                found, _ = self.analysis(audio, self.analysis.initial_state(1))
                yield {"frame": found["frame"][0].T.half(), "level": found["level"][0].T.contiguous()}

        cache = FeatureCache.join(frames())
        if not bool(self.total > 0):
            active = cache.frames["level"][:, 0] >= self._faintest
            chosen = cache.frames["frame"][active] if bool(active.any()) else cache.frames["frame"]
            self.middle.copy_(chosen.float().mean(dim=0))
            self.counted(len(chosen))
        return cache

    def inputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Frames that are not silent, of all clips; all frames where there is no other.

        Shape:
            -> [frames, bands]
        """
        frame, level = batch["frame"].flatten(0, 1), batch["level"].flatten(0, 1)[:, 0]
        active = level >= self._faintest
        return self._scaled(frame[active] if int(active.sum()) > 1 else frame)

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means, one a frame."""
        return {"z": self.posteriors(batch)["z"][0]}

    def posteriors(self, batch: Mapping[str, Tensor]) -> dict[str, Gaussian]:
        """Mean and log-variance of q(z | frame), one a frame."""
        return {"z": self.encoder(self._scaled(batch["frame"]))}

    def stream_parts(self) -> StreamParts:
        """The trained model as stages, its code `z` to be steered; see `latentfx.methods.streaming`."""
        config = self.config
        return StreamParts(
            self.analysis,
            FrameModel(self.encoder, self.decoder, self.middle, self.unit),
            FrameSynthesis(config.n_fft, config.hop_length, config.bands),
            "z",
        )

    @property
    def _faintest(self) -> float:
        return float(10.0 ** (self.config.active_db / 20.0))

    def _scaled(self, frame: Tensor) -> Tensor:
        return (frame - self.middle) / self.unit


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers)
