"""The family on streaming frames: one code a frame of a single line, so that a code can be played live.

A frame is a few numbers that are known to matter: pitch, level, partials, noise (`tone_frames`). The encoder
sees what a stream knows of them, the decoder gives them back, and the code between is that of the family: the
four objectives of SynTone, term by term. `designated` adds a term of ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from latentfx.errors import RecipeError
from latentfx.methods.base import AnyExample
from latentfx.methods.cache import FeatureCache
from latentfx.methods.common.gaussian import Gaussian
from latentfx.methods.streaming import StreamParts
from latentfx.methods.swapper.harmonic_synthesis import HarmonicSynthesis
from latentfx.methods.swapper.spectral import SpectralConfig
from latentfx.methods.syntone.config import FamilyConfig
from latentfx.methods.syntone.family import AutoencoderFamily
from latentfx.methods.syntone.frame_networks import ToneDecoder, ToneEncoder
from latentfx.methods.syntone.frame_stages import FrameModel
from latentfx.methods.syntone.terms import Designation
from latentfx.methods.syntone.tone_frames import (
    HEARD,
    LEVEL,
    PITCH,
    PROPERTIES,
    ToneAnalysis,
    ToneAxis,
    level_of_sine,
    properties_of,
    tone_targets,
)

NARROWEST = 1e-3
NEPERS = math.log(10.0) / 20.0


@dataclass(frozen=True)
class FrameVAEConfig(FamilyConfig):
    """Settings of the models of frames; see `FamilyConfig` too.

    Args:
        spectral: frames and axes; the latency is half of `spectral.level_window`.
        partials: of a decoded frame.
        noise_bands: of a decoded frame.
        active_db: frames below this level are not learnt, dBFS of a sine.
        pitch_error_st, level_error_db, error_db: deviations of the errors that a decoder is allowed in the
            pitch, the level, and every partial and band: they weigh the errors against the divergence.
        hidden: units of the encoder's layers; the decoder has them the other way round.
        transpose_st, gain_db: in training, a frame is transposed and made louder by random amounts up to
            these, so that pitch and level do not tell of the timbre, nor of each other.
        designated: properties that the first dimensions stand for, in order: of `PROPERTIES`.
        designated_weight: of that term, in units of the squared deviation of a property.
    """

    spectral: SpectralConfig = field(default_factory=lambda: SpectralConfig(n_fft=4096, level_length=1024))
    partials: int = 64
    noise_bands: int = 24
    active_db: float = -60.0
    pitch_error_st: float = 0.1
    level_error_db: float = 1.0
    error_db: float = 4.0
    hidden: tuple[int, ...] = (256, 128)
    transpose_st: float = 12.0
    gain_db: float = 12.0
    designated: tuple[str, ...] = ()
    designated_weight: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden or min(self.hidden) < 1:
            raise RecipeError(
                f"method.hidden is {list(self.hidden)}; allowed is one size or more, each above 0"
            )
        for name in ("pitch_error_st", "level_error_db", "error_db"):
            if getattr(self, name) <= 0.0:
                raise RecipeError(f"method.{name} is {getattr(self, name):g}; allowed above 0")
        for name in ("transpose_st", "gain_db", "designated_weight"):
            if getattr(self, name) < 0.0:
                raise RecipeError(f"method.{name} is {getattr(self, name):g}; allowed 0 or more")
        wrong = [name for name in self.designated if name not in PROPERTIES]
        if wrong or len(set(self.designated)) < len(self.designated) or len(self.designated) > self.z_size:
            raise RecipeError(
                f"method.designated is {list(self.designated)}; allowed are up to z_size = {self.z_size} "
                f"different ones of {', '.join(PROPERTIES)}"
            )


class FrameVAE(AutoencoderFamily):
    """Encoder and decoder of single frames.

    Args:
        config: see `FrameVAEConfig`.
    """

    config_type: ClassVar[type] = FrameVAEConfig
    revision: ClassVar[int] = 2  # 1: frames were log-magnitudes in bands
    config: FrameVAEConfig
    errors: Tensor
    usual: Tensor
    spread: Tensor

    def __init__(self, config: FrameVAEConfig) -> None:
        axis = ToneAxis(config.spectral, config.partials, config.noise_bands)
        places = {"pitch": PITCH, "level": LEVEL}
        straight = {places[name]: at for at, name in enumerate(config.designated) if name in places}
        encoder = ToneEncoder(config.hidden, config.z_size, straight)
        decoder = ToneDecoder(config.z_size, config.hidden[::-1], axis.size, straight)
        super().__init__(config, encoder, decoder)
        self.encoder: ToneEncoder
        self.decoder: ToneDecoder
        self.axis = axis
        self.analysis = ToneAnalysis(config.spectral, self._faintest)
        self.register_buffer("errors", _errors(config, axis), persistent=False)
        self.register_buffer("usual", torch.zeros(len(PROPERTIES)))
        self.register_buffer("spread", torch.ones(len(PROPERTIES)))
        if config.designated and config.designated_weight > 0.0:
            self.terms = (*self.terms, Designation(config.designated_weight, summed=True, told=self.told))

    @property
    def sample_rate(self) -> int:
        return self.config.spectral.sample_rate

    @torch.no_grad()
    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Frames of every example; the first call learns their means and widths."""

        def frames() -> Iterator[dict[str, Tensor]]:
            hop = self.config.spectral.hop_length
            for example in examples:
                audio = torch.from_numpy(example.audio[: len(example.audio) // hop * hop])[None, None]
                found, _ = self.analysis(audio, self.analysis.initial_state(1))
                wanted = tone_targets(audio, found["heard"], self.config.spectral, self.axis)
                yield {"heard": found["heard"][0].T[: len(wanted)].contiguous(), "wanted": wanted}

        cache = FeatureCache.join(frames())
        if not bool(self.total > 0):
            active = cache.frames["heard"][:, LEVEL] > self._faintest_log
            chosen = active if bool(active.any()) else torch.ones_like(active)
            heard, wanted = cache.frames["heard"][chosen], cache.frames["wanted"][chosen]
            self._learn(heard, wanted)
            self.counted(len(heard))
        return cache

    def inputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Frames that are not silent, of all clips; all frames where there is no other.

        Shape:
            -> [frames, HEARD + axis.size]
        """
        frames = torch.cat([batch["heard"], batch["wanted"]], dim=-1).flatten(0, 1)
        active = frames[:, LEVEL] > self._faintest_log
        frames = frames[active] if int(active.sum()) > 1 else frames
        return self._moved(frames) if self.training else frames

    def posterior(self, inputs: Tensor) -> Gaussian:
        """The encoder sees what was heard alone."""
        mean, logvar = self.encoder(inputs[:, :HEARD])
        return mean, logvar

    def compared(self, inputs: Tensor, decoded: Tensor) -> tuple[Tensor, Tensor]:
        """Frames in units of the errors that are allowed: squares then are those of Gaussians, twice."""
        return inputs[:, HEARD:] / self.errors, decoded / self.errors

    def told(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Designated properties of what a code decodes to, and those that it stands for; deviations.

        Shape:
            [B, D] -> two of [B, K]
        """
        found = (properties_of(self.decoder(z), self.axis) - self.usual) / self.spread
        chosen = [PROPERTIES.index(name) for name in self.config.designated]
        return found[:, chosen], z[:, : len(chosen)]

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means, one a frame."""
        return {"z": self.posteriors(batch)["z"][0]}

    def posteriors(self, batch: Mapping[str, Tensor]) -> dict[str, Gaussian]:
        """Mean and log-variance of q(z | frame), one a frame."""
        return {"z": self.encoder(batch["heard"])}

    def stream_parts(self) -> StreamParts:
        """The trained model as stages, its code `z` to be steered; see `latentfx.methods.streaming`."""
        spectral = self.config.spectral
        return StreamParts(
            ToneAnalysis(spectral, self._faintest, playing=True),
            FrameModel(self.encoder, self.decoder, spectral, self.axis, self._faintest),
            HarmonicSynthesis(spectral, self.config.partials),
            "z",
            high_pass=True,
        )

    @property
    def _faintest(self) -> float:
        return float(10.0 ** (self.config.active_db / 20.0)) * level_of_sine(self.config.spectral)

    @property
    def _faintest_log(self) -> float:
        return float(torch.log(torch.tensor(self._faintest))) + NARROWEST

    def _moved(self, frames: Tensor) -> Tensor:
        """Transpose frames, and make them louder, by random amounts."""
        frames = frames.clone()
        steps = (self.config.transpose_st / 12.0, self.config.gain_db * NEPERS)
        for place, furthest in zip((PITCH, LEVEL), steps, strict=True):
            by = (2.0 * torch.rand(len(frames), device=frames.device) - 1.0) * furthest
            frames[:, place] += by
            frames[:, HEARD + place] += by
        return frames

    def _learn(self, heard: Tensor, wanted: Tensor) -> None:
        """Set means and widths, those of pitch and level as wide as training moves them."""
        for network, frames in ((self.encoder, heard), (self.decoder, wanted)):
            network.middle.copy_(frames.mean(dim=0))
            network.width.copy_(frames.std(dim=0).clamp(min=NARROWEST))
        found = properties_of(wanted, self.axis)
        added = torch.zeros(len(PROPERTIES))
        added[PITCH], added[LEVEL] = self.config.transpose_st**2 / 3.0, self.config.gain_db**2 / 3.0
        self.usual.copy_(found.mean(dim=0))
        self.spread.copy_((found.var(dim=0) + added).sqrt().clamp(min=NARROWEST))


def _errors(config: FrameVAEConfig, axis: ToneAxis) -> Tensor:
    """Allowed errors of a frame, octaves and nepers, times the root of 2."""
    errors = torch.full((axis.size,), config.error_db * NEPERS)
    errors[PITCH], errors[LEVEL] = config.pitch_error_st / 12.0, config.level_error_db * NEPERS
    return errors * math.sqrt(2.0)
