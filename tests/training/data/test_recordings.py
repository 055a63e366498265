from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError
from latentfx.training.data.folder import find_recordings
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.recording import cut_clips, read_audio

RATE = 16000


def sine(seconds: float, f0_hz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * rate)) / rate)


def test_reading_resamples_and_mixes_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "two.wav", np.stack([sine(1.0), 0 * sine(1.0)], axis=1), RATE)
    audio = read_audio(tmp_path / "two.wav", 22050)
    assert audio.shape == (22050,)
    assert audio.dtype == np.float32
    assert measure_pitch(audio, 22050, 69.0) == pytest.approx(69.0, abs=0.01)
    assert np.std(audio[1000:-1000]) == pytest.approx(0.05 / np.sqrt(2), rel=0.01)


def test_file_that_cannot_be_read_whole_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    with pytest.raises(DataError, match=r"text\.wav cannot be read"):
        read_audio(tmp_path / "text.wav", RATE)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"nan\.wav holds NaN or Inf; replace it or exclude it"):
        read_audio(tmp_path / "nan.wav", RATE)
    soundfile.write(tmp_path / "cut.wav", sine(1.0), RATE)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "cut.wav").read_bytes()[: RATE // 2])
    with pytest.raises(DataError, match=r"cut\.wav is cut short.* or exclude it"):
        read_audio(tmp_path / "cut.wav", RATE)


def clips_of(tmp_path: Path, audio: np.ndarray, seconds: float):
    (tmp_path / "oboe").mkdir()
    soundfile.write(tmp_path / "oboe" / "study.wav", audio, RATE)
    return cut_clips(find_recordings(tmp_path)[0], RATE, seconds)


def test_clips_cover_a_recording_and_leave_its_silence_out(tmp_path: Path) -> None:
    clips = clips_of(tmp_path, np.concatenate([sine(2.0), np.zeros(2 * RATE), sine(1.5, 660.0)]), 1.0)
    assert [len(clip.audio) for clip in clips] == [RATE] * 4
    assert [
        round(measure_pitch(clip.audio[RATE // 2 :], RATE, 75.5 if i > 1 else 69.0))
        for i, clip in enumerate(clips)
    ] == [
        69,
        69,
        76,
        76,
    ]
    assert {clip.source for clip in clips} == {"oboe/study.wav"}


def test_short_recording_is_a_short_example_and_a_shorter_one_is_none(tmp_path: Path) -> None:
    (clip,) = clips_of(tmp_path, sine(0.4), 1.0)
    assert clip.duration_s == pytest.approx(0.4)
    for seconds in (0.2, 1 / RATE):
        soundfile.write(tmp_path / "oboe" / "study.wav", sine(seconds) + 0.1, RATE)
        assert cut_clips(find_recordings(tmp_path)[0], RATE, 1.0) == []


def test_silent_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="silent; exclude it"):
        clips_of(tmp_path, np.zeros(RATE), 1.0)
