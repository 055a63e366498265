"""An instrument classifier: what a clip sounds like, and a 128-D embedding for the Fréchet distance.

Four convolution blocks on a log-mel picture of one second of sound at 16 kHz, scaled so that the loudest cell
is 0 dB: level does not matter. Longer audio is cut into overlapping seconds whose votes are averaged.
Training is in `classifier_training.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import librosa
import numpy as np
import soxr
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from latentfx.arrays import Float32
from latentfx.errors import ShapeError
from latentfx.training.judges.labelled import Labelled


@dataclass(frozen=True)
class ClassifierConfig:
    """Shape of the picture and of the network.

    Args:
        sample_rate: Hz; audio of another rate is resampled.
        clip_s: length of one picture in seconds.
        n_fft: samples of a Hann window.
        hop_length: samples between frames.
        n_mels: mel bands up to half the sample rate.
        floor_db: everything below this, relative to the loudest cell, is drawn as this.
        channels: channels of the four blocks; the last is the size of the embedding.
    """

    sample_rate: int = 16_000
    clip_s: float = 1.0
    n_fft: int = 1024
    hop_length: int = 512
    n_mels: int = 80
    floor_db: float = -60.0
    channels: tuple[int, int, int, int] = (32, 64, 128, 128)

    @property
    def clip_length(self) -> int:
        """Samples of one picture."""
        return round(self.clip_s * self.sample_rate)


class Pictures(nn.Module):
    """Log-mel pictures of clips, 0 dB at each picture's loudest cell, scaled to -1..1."""

    window: Tensor
    mel: Tensor

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        mel = librosa.filters.mel(sr=config.sample_rate, n_fft=config.n_fft, n_mels=config.n_mels)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Draw the pictures.

        Shape:
            audio [B, T] -> [B, 1, n_mels, 1 + T // hop_length]
        """
        config = self.config
        spectrum = torch.stft(audio, config.n_fft, config.hop_length, window=self.window, return_complex=True)
        power = self.mel @ spectrum.abs().square()
        level_db = 10 * torch.log10(power.clamp_min(1e-16))
        relative_db = level_db - level_db.amax(dim=(1, 2), keepdim=True)
        return (1 - 2 * relative_db.clamp_min(config.floor_db) / config.floor_db).unsqueeze(1)


class PictureNet(nn.Module):
    """Picture, four blocks (3x3 convolution, batch norm, ReLU, 2x2 max pool), global mean, linear.

    Args:
        n_labels: number of classes.
        channels: channels of the four blocks; the last is the size of the embedding.
    """

    def __init__(self, n_labels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        inputs = (1, *channels[:-1])
        self.blocks = nn.Sequential(*(_block(i, o) for i, o in zip(inputs, channels, strict=True)))
        self.head = nn.Linear(channels[-1], n_labels)

    def embed(self, pictures: Tensor) -> Tensor:
        """Reduce pictures to vectors.

        Shape:
            pictures [B, 1, n_mels, N] -> [B, D]
        """
        vectors: Tensor = self.blocks(pictures).mean(dim=(2, 3))
        return vectors

    def forward(self, pictures: Tensor) -> Tensor:
        """Give a logit for every class.

        Shape:
            pictures [B, 1, n_mels, N] -> [B, n_labels]
        """
        logits: Tensor = self.head(self.embed(pictures))
        return logits


class ClassifierNet(PictureNet):
    """A `PictureNet` with the pictures that it takes.

    Args:
        n_labels: number of classes.
        config: shape of the picture and of the network.
    """

    def __init__(self, n_labels: int, config: ClassifierConfig) -> None:
        super().__init__(n_labels, config.channels)
        self.features = Pictures(config)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


class Classifier(Labelled[ClassifierNet, ClassifierConfig]):
    """A trained classifier of clips; see `Labelled`."""

    header = "classifier"
    called = "instrument classifier"

    @classmethod
    def build(cls, n_labels: int, config: Mapping[str, Any]) -> tuple[ClassifierNet, ClassifierConfig]:
        shape = ClassifierConfig(**config)
        return ClassifierNet(n_labels, shape), shape

    def probabilities(self, audio: ArrayLike, sample_rate: int) -> Float32:
        """Probability of every label, averaged over the clip's seconds (the mean of their logits).

        Shape:
            audio [T] -> [n_labels]
        """
        with torch.inference_mode():
            logits = self.net(self._pictures(audio, sample_rate)).mean(dim=0)
            return np.asarray(torch.softmax(logits, dim=0), dtype=np.float32)

    def predict(self, audio: ArrayLike, sample_rate: int) -> str:
        """Name the instrument of a clip."""
        return self.labels[int(self.probabilities(audio, sample_rate).argmax())]

    def embedding(self, audio: ArrayLike, sample_rate: int) -> Float32:
        """The last layer's input for every second of a clip, half overlapping.

        Shape:
            audio [T] -> [W, 128]
        """
        with torch.inference_mode():
            return np.asarray(self.net.embed(self._pictures(audio, sample_rate)), dtype=np.float32)

    def _pictures(self, audio: ArrayLike, sample_rate: int) -> Tensor:
        pictures: Tensor = self.net.features(torch.from_numpy(_windows(audio, sample_rate, self.config)))
        return pictures


def _windows(audio: ArrayLike, sample_rate: int, config: ClassifierConfig) -> Float32:
    """Cut audio into half-overlapping clips at the classifier's rate, without those 40 dB below the loudest.

    Audio shorter than a clip is repeated to fill one.

    Shape:
        audio [T] -> [W, clip_length]
    """
    samples = np.asarray(audio, dtype=np.float32)
    if samples.ndim != 1 or samples.size == 0 or not np.isfinite(samples).all():
        raise ShapeError(
            f"audio has the shape {samples.shape}; allowed [T], one channel, T above 0, no NaN or Inf"
        )
    if sample_rate != config.sample_rate:
        samples = soxr.resample(samples, sample_rate, config.sample_rate)
    length = config.clip_length
    if len(samples) < length:
        samples = np.resize(samples, length)
    windows = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 2]
    energy = np.square(windows).sum(axis=1)
    return np.ascontiguousarray(windows[energy >= energy.max() * 1e-4], dtype=np.float32)
