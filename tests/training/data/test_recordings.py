from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.recording import cut_clips, find_recordings, read_audio

RATE = 16000


def sine(seconds: float, f0_hz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * rate)) / rate)


def test_a_manifest_says_what_is_there(bank_root: Path) -> None:
    found = find_recordings(bank_root)
    assert {item.instrument for item in found} == {"violin", "trumpet"}
    note = next(item for item in found if item.name == "notes/violin/violin_55.flac")
    assert note.is_note
    assert note.pitch_midi == 55.0
    assert {item.licence for item in found if item.instrument == "trumpet"} == {"CC-BY 4.0"}


def test_globs_choose(bank_root: Path) -> None:
    names = [item.name for item in find_recordings(bank_root, ("phrases/*",), ("*mov3*",))]
    assert len(names) == 6
    assert all(name.startswith("phrases/") and "mov3" not in name for name in names)


def test_folders_alone_name_the_instrument_and_file_names_the_pitch(tmp_path: Path) -> None:
    for name in ("oboe/A4.wav", "oboe/deep/study.wav", "horn/soft_Bb3_1.flac", "horn/readme.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt"):
            (tmp_path / name).write_text("no sound")
        else:
            soundfile.write(tmp_path / name, sine(1.0), RATE)
    found = {
        item.name: (item.instrument, item.is_note, item.pitch_midi) for item in find_recordings(tmp_path)
    }
    assert found == {
        "oboe/A4.wav": ("oboe", True, 69.0),
        "oboe/deep/study.wav": ("oboe", False, None),
        "horn/soft_Bb3_1.flac": ("horn", True, 58.0),
    }


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("path,instrument\na.wav,oboe\n", "lacks the columns"),
        ("path,kind,instrument\na.wav,note,oboe\n", "names 1 files that are not there, such as a.wav"),
        ("path,kind,instrument,pitch_midi\na.wav,note,oboe,high\n", "row of a.wav"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(tmp_path: Path, manifest: str, message: str) -> None:
    (tmp_path / "manifest.csv").write_text(manifest)
    with pytest.raises(DataError, match=message):
        find_recordings(tmp_path)


def test_nothing_found_is_an_error(tmp_path: Path, bank_root: Path) -> None:
    with pytest.raises(DataError, match="LATENTFX_DATA"):
        find_recordings(tmp_path / "absent")
    with pytest.raises(DataError, match=r"no recording of .* matches include \['harp/\*'\]"):
        find_recordings(bank_root, ("harp/*",))


def test_reading_resamples_and_mixes_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "two.wav", np.stack([sine(1.0), 0 * sine(1.0)], axis=1), RATE)
    audio = read_audio(tmp_path / "two.wav", 22050)
    assert audio.shape == (22050,)
    assert audio.dtype == np.float32
    assert measure_pitch(audio, 22050, 69.0) == pytest.approx(69.0, abs=0.01)
    assert np.std(audio[1000:-1000]) == pytest.approx(0.05 / np.sqrt(2), rel=0.01)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    with pytest.raises(DataError, match=r"text\.wav cannot be read"):
        read_audio(tmp_path / "text.wav", RATE)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"nan\.wav is empty or holds NaN"):
        read_audio(tmp_path / "nan.wav", RATE)


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


def test_a_short_recording_is_padded_and_a_silent_one_refused(tmp_path: Path) -> None:
    (clip,) = clips_of(tmp_path, sine(0.4), 1.0)
    assert len(clip.audio) == RATE
    assert not np.any(clip.audio[round(0.4 * RATE) :])
    soundfile.write(tmp_path / "oboe" / "study.wav", np.zeros(RATE), RATE)
    with pytest.raises(DataError, match="silent; exclude it"):
        cut_clips(find_recordings(tmp_path)[0], RATE, 1.0)
