"""A picture of a recording before and after: two log-frequency spectrograms, one above the other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32
from latentfx.errors import AudioFileError, MissingExtraError
from latentfx.files import whole_file
from latentfx.sound.reader import AudioReader

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

COLUMNS: Final = 1200
BANDS: Final = 320
LOWEST_HZ: Final = 40.0
DYNAMIC_DB: Final = 80.0
_N_FFT = 4096


def plot(
    before: str | os.PathLike[str], after: str | os.PathLike[str], target: str | os.PathLike[str]
) -> Path:
    """Draw the spectrograms of two sound files into a PNG.

    Files of any length take the same memory: one frame is measured for each column of the picture.

    Raises:
        MissingExtraError: matplotlib is not installed.
        AudioFileError: a file cannot be read, or the picture cannot be written.
    """
    figure_type = require_matplotlib()
    figure = figure_type(figsize=(11, 7), dpi=120, layout="constrained")
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    pictures = [spectrogram(path) for path in (before, after)]
    top = max(float(levels.max()) for levels, _, _ in pictures)
    images = [
        _draw(ax, Path(path).name, *picture, top)
        for ax, path, picture in zip(axes, (before, after), pictures, strict=True)
    ]
    axes[1].set_xlabel("time (s)")
    figure.colorbar(images[0], ax=axes, label="level (dB)")
    path = Path(target)
    try:
        with whole_file(path) as part:
            figure.savefig(part, format=path.suffix[1:] or "png")
    except OSError as error:
        raise AudioFileError(f"cannot write the picture {path}: {error.strerror or error}") from None
    return path


def require_matplotlib() -> type[Figure]:
    """Import what draws.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("a plot", "plot", error.name or "matplotlib") from None
    return Figure


def spectrogram(path: str | os.PathLike[str]) -> tuple[Float32, float, float]:
    """Measure the levels of a file, channels averaged, on bands of equal musical width.

    Returns:
        Levels in dB, the length in seconds, the upper edge in Hz.
    Shape:
        levels [BANDS, N], N at most COLUMNS
    """
    with AudioReader(path) as reader:
        info = reader.info
        columns = min(COLUMNS, max(info.frames // (_N_FFT // 4), 1))
        centres = np.linspace(0, max(info.frames - 1, 0), columns).astype(np.int64)
        highest_hz = min(info.sample_rate / 2, 16_000.0)
        edges = np.geomspace(LOWEST_HZ, highest_hz, BANDS + 1) * _N_FFT / info.sample_rate
        window = np.hanning(_N_FFT).astype(np.float32)
        levels = np.empty((BANDS, columns), np.float32)
        for column, frame in enumerate(reader.frames_at(np.maximum(centres - _N_FFT // 2, 0), _N_FFT)):
            power = np.abs(np.fft.rfft(frame * window)) ** 2
            levels[:, column] = _bands(power, edges)
    return levels, info.frames / info.sample_rate, highest_hz


def _bands(power: NDArray[np.floating], edges: NDArray[np.floating]) -> Float32:
    """Level of each band in dB: its loudest bin, or between two bins where it is narrower than one."""
    centres = (edges[:-1] + edges[1:]) / 2
    fine = np.interp(centres, np.arange(len(power)), power)
    low, high = edges[:-1].astype(int), np.ceil(edges[1:]).astype(int)
    wide = np.array([power[a : max(b, a + 1)].max(initial=0.0) for a, b in zip(low, high, strict=True)])
    loud = np.where(edges[1:] - edges[:-1] > 1, wide, fine)
    return (10 * np.log10(loud * (4 / _N_FFT) ** 2 + 1e-12)).astype(np.float32)


def _draw(ax: Axes, title: str, levels: Float32, seconds: float, highest_hz: float, top: float) -> AxesImage:
    ax.set_title(title, loc="left", fontsize=10)
    ax.set_ylabel("frequency (Hz)")
    octaves = float(np.log2(highest_hz / LOWEST_HZ))
    image = ax.imshow(
        levels,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=top - DYNAMIC_DB,
        vmax=top,
        extent=(0.0, seconds, 0.0, octaves),
    )
    ticks = [hz for hz in (50, 100, 200, 500, 1000, 2000, 5000, 10_000) if LOWEST_HZ <= hz <= highest_hz]
    ax.set_yticks([float(np.log2(hz / LOWEST_HZ)) for hz in ticks], [f"{hz:g}" for hz in ticks])
    return image
