"""The instrument classifier of the DSAE papers' protocol: it judges decoded log-mels, not audio.

Four convolution blocks on pictures of a second, cut from log-mels of 16 kHz and 80 bands; the votes of a
clip's pictures are averaged, and the 128 values before the last layer are what Fréchet distances are measured
on. It is trained on the clips that the judged models were trained on (`judge_training.py`), so its distances
compare models judged by one and the same judge, and nothing else.

The papers publish neither architecture nor picture. Decided here: a picture has 64 frames (1.02 s) and half
overlaps the next; power below 0.05 (67 dB below a sine of amplitude 1) is drawn as that, so that what a
model makes of digital silence, where recordings have the noise of their room, does not count; pictures 40 dB
below a clip's loudest cell are left out.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import ArrayLike

from latentfx.arrays import Float32
from latentfx.dsp.log_mel import LogMel, LogMelConfig
from latentfx.errors import ShapeError
from latentfx.training.judges.classifier import PictureNet
from latentfx.training.judges.labelled import Labelled

JUDGED = LogMelConfig(log_eps=0.05)
"""The log-mels that judges see: those of the DSAE papers, but digital silence is at -3."""

_QUIET = 9.21  # 40 dB of power, in nats


def log_mel(audio: ArrayLike, sample_rate: int) -> Float32:
    """Log-mels as judges see them.

    Shape:
        audio [T] -> [1 + T / 256 at 16 kHz, 80]
    """
    samples = np.asarray(audio, dtype=np.float32)
    front_end = judged_front_end()
    if sample_rate != front_end.config.sample_rate:
        samples = soxr.resample(samples, sample_rate, front_end.config.sample_rate)
    return np.asarray(front_end(torch.from_numpy(samples)[None])[0], dtype=np.float32)


@functools.cache
def judged_front_end() -> LogMel:
    """The log-mels that judges see, and the way back to audio."""
    return LogMel(JUDGED)


@dataclass(frozen=True)
class JudgeConfig:
    """Shape of the picture and of the network.

    Args:
        frames: of one picture.
        floor: natural logarithm of power, that of digital silence in `JUDGED`; everything below is drawn as
            this.
        mean, deviation: of the training pictures' cells.
        channels: channels of the four blocks; the last is the size of the embedding.
    """

    frames: int = 64
    floor: float = -3.0
    mean: float = 0.0
    deviation: float = 1.0
    channels: tuple[int, int, int, int] = (32, 64, 128, 128)


class MelJudge(Labelled[PictureNet, JudgeConfig]):
    """A trained judge of log-mels; see `Labelled`."""

    header = "judge"
    called = "judge of log-mels"

    @classmethod
    def build(cls, n_labels: int, config: Mapping[str, Any]) -> tuple[PictureNet, JudgeConfig]:
        shape = JudgeConfig(**config)
        return PictureNet(n_labels, shape.channels), shape

    def embedding(self, log_mel: ArrayLike) -> Float32:
        """The last layer's input for every picture of a clip, half overlapping.

        Shape:
            log_mel [N, 80] -> [W, 128]
        """
        with torch.inference_mode():
            found = self.net.embed(torch.from_numpy(pictures(log_mel, self.config)))
        return np.asarray(found, dtype=np.float32)

    def label(self, embedding: Float32) -> str:
        """Name the instrument of a clip whose embedding is known: the mean of its pictures' logits decides.

        Shape:
            embedding [W, 128]
        """
        with torch.inference_mode():
            logits = self.net.head(torch.from_numpy(embedding)).mean(dim=0)
        return self.labels[int(logits.argmax())]


def pictures(log_mel: ArrayLike, config: JudgeConfig, start: int = 0, step: int | None = None) -> Float32:
    """Cut log-mels into standardised pictures, without those 40 dB below the loudest cell.

    A clip shorter than a picture is repeated to fill one.

    Args:
        log_mel: natural logarithm of power.
        config: shape and scale of a picture.
        start: first frame.
        step: frames from picture to picture; half a picture unless given.
    Shape:
        log_mel [N, M] -> [W, 1, M, frames]
    Raises:
        ShapeError: another number of axes, no frames, or NaN or Inf.
    """
    cells = np.asarray(log_mel, dtype=np.float32)
    if cells.ndim != 2 or cells.shape[1] != JUDGED.n_mels or not len(cells) or not np.isfinite(cells).all():
        broken = np.count_nonzero(~np.isfinite(cells))
        raise ShapeError(
            f"log-mels have the shape {cells.shape}, {broken} cells not finite; "
            f"allowed [N, {JUDGED.n_mels}], N above 0, all finite"
        )
    length = config.frames
    if len(cells) < length + start:
        cells = np.resize(cells, (length + start, JUDGED.n_mels))
    cut = np.lib.stride_tricks.sliding_window_view(cells[start:], length, axis=0)[:: step or length // 2]
    heard = cut[cut.max(axis=(1, 2)) >= cut.max() - _QUIET]
    scaled = (np.maximum(heard, config.floor) - config.mean) / config.deviation
    return np.ascontiguousarray(scaled[:, None], dtype=np.float32)
