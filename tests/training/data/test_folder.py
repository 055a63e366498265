"""What a data folder holds, and what is said about the rest of it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError
from latentfx.training.data import load_data
from latentfx.training.data.folder import find_recordings, of_instruments

RATE = 16000


def sine(seconds: float, f0_hz: float = 440.0) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * RATE)) / RATE)


def put(root: Path, *names: str, seconds: float = 1.0) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, sine(seconds), RATE)


def told(root: Path) -> list[str]:
    notes: list[str] = []
    find_recordings(root, note=notes.append)
    return notes


def test_manifest_decides_which_recordings_are_there(bank_root: Path) -> None:
    found = find_recordings(bank_root)
    assert {item.instrument for item in found} == {"violin", "trumpet"}
    note = next(item for item in found if item.name == "notes/violin/violin_55.flac")
    assert note.is_note
    assert note.pitch_midi == 55.0
    assert {item.licence for item in found if item.instrument == "trumpet"} == {"CC-BY 4.0"}


def test_globs_choose_recordings_by_their_paths(bank_root: Path) -> None:
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
def test_wrong_manifest_is_answered_with_what_is_wrong(tmp_path: Path, manifest: str, message: str) -> None:
    (tmp_path / "manifest.csv").write_text(manifest)
    with pytest.raises(DataError, match=message):
        find_recordings(tmp_path)


def test_nothing_found_is_an_error_that_shows_what_is_there(tmp_path: Path, bank_root: Path) -> None:
    with pytest.raises(DataError, match="LATENTFX_DATA"):
        find_recordings(tmp_path / "absent")
    with pytest.raises(DataError, match=r"no recording of .* is left: include is \['harp/\*'\], exclude is"):
        find_recordings(bank_root, ("harp/*",))


def test_files_that_lie_flat_get_the_layout_explained(tmp_path: Path) -> None:
    put(tmp_path, *(f"take{number}.wav" for number in range(9)))
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError) as refused:
        find_recordings(tmp_path)
    message = str(refused.value)
    assert f"put files into {tmp_path}/INSTRUMENT/; 9 sound files lie directly in {tmp_path}" in message
    assert "1 x .txt" in message
    assert "FOLDER/violin/study.wav" in message


def test_empty_folder_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="INSTRUMENT/; it is empty"):
        find_recordings(tmp_path)


def test_every_file_that_is_passed_over_is_named_with_its_reason(tmp_path: Path) -> None:
    put(tmp_path, "oboe/good.wav", "loose.wav", "oboe/x.wav/inner.flac")
    (tmp_path / "oboe" / "._good.wav").write_bytes(b"\0\5\26\7")
    (tmp_path / "oboe" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    (tmp_path / "oboe" / "phone.m4a").write_bytes(b"ftyp")
    (tmp_path / "oboe" / "score.pdf").write_bytes(b"%PDF")
    assert [item.name for item in find_recordings(tmp_path)] == ["oboe/good.wav", "oboe/x.wav/inner.flac"]
    assert sorted(told(tmp_path)) == [
        (
            "passed over, because they lie in no instrument's folder: loose.wav; "
            f"put them into {tmp_path}/INSTRUMENT/"
        ),
        "passed over, folders that are called like sound files: oboe/x.wav",
        "passed over, links that lead nowhere: oboe/gone.wav",
        "passed over, no sound files: 1 x .pdf",
        "passed over, of a kind that is not read (convert them: ffmpeg -i IN OUT.wav): oboe/phone.m4a",
        "passed over, side files of macOS without sound: oboe/._good.wav",
    ]


@pytest.mark.parametrize("suffix", [".opus", ".oga", ".aiff", ".caf", ".WAV", ".mp3"])
def test_training_reads_every_kind_of_file_that_apply_reads(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "oboe").mkdir()
    kind = "OGG" if suffix in (".opus", ".oga") else None
    subtype = "OPUS" if suffix == ".opus" else None
    soundfile.write(tmp_path / "oboe" / f"study{suffix}", sine(1.0), RATE, format=kind, subtype=subtype)
    table = {"instruments": ["oboe"], "validation": 0.0, "parts": [{"kind": "recordings"}]}
    (example,) = load_data(table, RATE, 0, tmp_path).train
    assert example.duration_s == pytest.approx(1.0, abs=0.1)


def test_folders_behind_links_are_read_and_a_loop_of_links_ends(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "study.wav")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "oboe").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "data")
    assert [item.name for item in find_recordings(tmp_path / "data")] == ["oboe/study.wav"]


def test_capitals_and_unicode_forms_of_an_instrument_do_not_matter(tmp_path: Path) -> None:
    put(tmp_path, "Violin/a.wav", f"{unicodedata.normalize('NFD', 'cor français')}/b.wav", "cello/c.wav")
    notes: list[str] = []
    wanted = ["violin", unicodedata.normalize("NFC", "cor français")]
    found = of_instruments(find_recordings(tmp_path), wanted, notes.append)
    assert {item.instrument for item in found} == set(wanted)
    assert notes == [
        "recordings of instruments that data.instruments does not name were passed over: 1 of 'cello'"
    ]


def test_missing_instrument_is_answered_with_what_the_folder_holds(tmp_path: Path) -> None:
    put(tmp_path, "Geige/a.wav")
    table = {"instruments": ["violin"], "parts": [{"kind": "recordings"}]}
    with pytest.raises(DataError, match=r"no training examples of \['violin'\].*\n.* 1 of 'Geige'"):
        load_data(table, RATE, 0, tmp_path)


def test_real_seconds_are_counted_and_little_sound_is_doubted(tmp_path: Path) -> None:
    put(tmp_path, "oboe/a.wav", "oboe/b.wav", "horn/a.wav", seconds=0.5)
    put(tmp_path, "oboe/blip.wav", seconds=0.05)
    put(tmp_path, "horn/long.wav", seconds=12.0)
    parts = [{"kind": "recordings", "holdout": ["oboe/b.wav"], "segment_seconds": 4}]
    data = load_data({"instruments": ["oboe", "horn"], "parts": parts}, RATE, 0, tmp_path)
    (part,) = data.card["parts"]  # type: ignore[misc]
    assert part["train"] == {"horn": 12.5, "oboe": 0.5}
    assert data.notes == (
        "data.parts[0]: passed over, shorter than 0.25 s: oboe/blip.wav",
        "there are only 0.5 s of oboe to train on; add recordings, 10 s or more",
        "there is no horn to validate on: add a recording of it, or raise data.validation",
    )
