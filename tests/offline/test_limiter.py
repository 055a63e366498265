"""Files that hold no more than full scale are never clipped: what is too loud is turned down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import latentfx
from latentfx.sound.limiter import Limiter

RATE = 48_000
Float32 = NDArray[np.float32]


def loud(seconds: float = 1.0, peak: float = 2.0) -> Float32:
    """A tone whose middle is beyond full scale.

    Shape:
        -> [1, T]
    """
    time = np.arange(round(seconds * RATE)) / RATE
    swell = np.where((time > 0.4) & (time < 0.6), peak, 0.5)
    return (swell * np.sin(2 * np.pi * 440.0 * time)).astype(np.float32)[None]


def limited(audio: Float32, sizes: list[int]) -> Float32:
    limiter = Limiter(RATE, ahead=240)
    pieces = [limiter.push(piece) for piece in np.split(audio, np.cumsum(sizes)[:-1], axis=1)]
    return np.concatenate([*pieces, limiter.flush()], axis=1)


def test_it_turns_down_before_the_loud_sample_and_leaves_the_rest() -> None:
    audio = loud()
    out = limited(audio, [audio.shape[1]])
    assert out.shape == audio.shape
    assert float(np.abs(out).max()) <= 1.0
    np.testing.assert_array_equal(out[:, : round(0.39 * RATE)], audio[:, : round(0.39 * RATE)])
    gain = np.abs(out[0]) / np.maximum(np.abs(audio[0]), 1e-9)
    steps = np.abs(np.diff(20 * np.log10(gain[np.abs(audio[0]) > 0.05])))
    assert float(steps.max()) < 1.0  # a clipped sample would fall by 6 dB at once


def test_pieces_give_what_the_whole_gives() -> None:
    audio = loud()
    whole = limited(audio, [audio.shape[1]])
    cut = limited(audio, [100, 1, 20_000, 13_000, audio.shape[1] - 33_101])
    np.testing.assert_allclose(cut, whole, atol=1e-6)


def test_a_fixed_point_file_is_limited_with_a_note_that_names_the_cure(tmp_path: Path) -> None:
    target = tmp_path / "out.flac"
    with pytest.warns(latentfx.AudioWarning, match=r"6\.1 dB above full scale.*--output-db -.*--normalize"):
        latentfx.apply(loud(), target, "timbre-swap", sample_rate=RATE, mix=0.0)
    written, _ = soundfile.read(target)
    assert 0.98 < float(np.abs(written).max()) <= 1.0
    assert int((np.abs(written) >= 0.9999).sum()) < 200


def test_a_floating_point_file_keeps_what_is_beyond_full_scale(tmp_path: Path) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, loud().T, RATE, subtype="FLOAT")
    latentfx.apply(source, target, "timbre-swap", mix=0.0)
    assert float(np.abs(soundfile.read(target)[0]).max()) > 1.9


@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_normalize_brings_the_peak_to_1_db_below_full_scale(tmp_path: Path, gain: float) -> None:
    target = tmp_path / "out.wav"
    audio = loud() * np.float32(gain)
    latentfx.apply(audio, target, "timbre-swap", sample_rate=RATE, normalize=True, mix=0.0)
    written, _ = soundfile.read(target)
    assert float(np.abs(written).max()) == pytest.approx(10 ** (-1 / 20), rel=1e-3)
    kept = latentfx.apply(audio, plugin="timbre-swap", sample_rate=RATE, normalize=True, mix=0.0)
    np.testing.assert_allclose(kept[0], written, atol=1e-4)
