"""The picture: a tone stands where its frequency is, and a long file needs no more columns."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import AudioFileError, MissingExtraError
from latentfx.sound.plot import BANDS, COLUMNS, LOWEST_HZ, plot, spectrogram


def write_tone(path: Path, hz: float, seconds: float = 1.0, rate: int = 44_100) -> Path:
    time = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * time), rate)
    return path


@pytest.mark.parametrize("hz", [100.0, 440.0, 3000.0, 12_000.0])
def test_a_tone_stands_where_its_frequency_is(tmp_path: Path, hz: float) -> None:
    levels, seconds, highest_hz = spectrogram(write_tone(tmp_path / "tone.wav", hz))
    band = levels[:, levels.shape[1] // 2].argmax()
    found = LOWEST_HZ * (highest_hz / LOWEST_HZ) ** ((band + 0.5) / BANDS)
    assert abs(np.log2(found / hz)) < 1 / 12
    assert seconds == 1.0
    assert -9 < levels.max() < -3  # half of full scale


def test_the_picture_of_a_long_file_has_no_more_columns(tmp_path: Path) -> None:
    levels, _, _ = spectrogram(write_tone(tmp_path / "long.wav", 440, 60.0, 22_050))
    assert levels.shape == (BANDS, COLUMNS)


def test_plot_writes_a_png(tmp_path: Path) -> None:
    before, after = (write_tone(tmp_path / f"{hz}.wav", hz) for hz in (440, 880))
    content = plot(before, after, tmp_path / "both.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG")
    assert (width, height) == (1320, 840)
    with pytest.raises(AudioFileError, match="cannot write the picture"):
        plot(before, after, tmp_path / "no" / "both.png")


def test_without_matplotlib_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latentfx\[plot\]'"):
        plot("a.wav", "b.wav", tmp_path / "c.png")
