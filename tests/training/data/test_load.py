from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError
from latentfx.sound.level import frame_levels_db
from latentfx.training.data import Dataset, Example, load_data
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.recipes.files import override

RATE = 16000
INSTRUMENTS = ["violin", "trumpet"]
SOURCES = {
    "tones": {"kind": "tones", "seconds_per_instrument": 16, "segment_seconds": 2},
    "notes": {"kind": "notes", "root": "", "seconds_per_instrument": 16, "segment_seconds": 2},
    "recordings": {"kind": "recordings", "root": "", "include": ["phrases/*"], "segment_seconds": 2},
    "soundfont": {"kind": "soundfont", "seconds_per_instrument": 8, "segment_seconds": 2, "cache": False},
}


def load(root: Path, *parts: dict[str, object], seed: int = 0, validation: float = 0.25) -> Dataset:
    table = {"instruments": INSTRUMENTS, "validation": validation, "parts": list(parts)}
    return load_data(table, RATE, seed, data_root=root)


def sound(clips: tuple[Example, ...]) -> np.ndarray:
    return np.stack([clip.audio for clip in clips])


@pytest.fixture(scope="module")
def everything(bank_root: Path) -> Dataset:
    return load(bank_root, *SOURCES.values())


def test_examples_of_all_kinds_have_one_length_rate_and_level(everything: Dataset) -> None:
    for clip in everything.train + everything.validation:
        assert clip.sample_rate == RATE
        assert clip.audio.shape == (2 * RATE,)
        assert clip.audio.dtype == np.float32
        assert 0.01 < np.max(np.abs(clip.audio)) <= 1.0
        assert np.percentile(frame_levels_db(clip.audio, RATE // 100), 95) == pytest.approx(-19.0, abs=6.0)
        assert clip.instrument in INSTRUMENTS


def test_no_source_is_in_training_and_in_validation(everything: Dataset) -> None:
    train, validation = ({clip.source for clip in side} for side in (everything.train, everything.validation))
    assert not train & validation
    for kind in ("tones", "notes", "soundfont", "phrases"):
        assert any(source.startswith(kind) for source in train)
        assert any(source.startswith(kind) for source in validation)


def test_the_card_tells_kinds_seconds_and_licences_but_no_places(
    everything: Dataset, bank_root: Path
) -> None:
    card = json.loads(json.dumps(everything.card))
    assert [part["kind"] for part in card["parts"]] == list(SOURCES)
    assert card["parts"][0]["train"] == {"violin": 12.0, "trumpet": 12.0}
    assert card["parts"][0]["validation"] == {"violin": 4.0, "trumpet": 4.0}
    assert card["licences"] == {
        "Frank Wen 2000-2002, 2008; Toby Smithe 2008: Licensed under the MIT License.": 1,
        "generated": 2,
        "CC0 1.0": 11 + 4,
        "CC-BY 4.0": 11 + 4,
    }
    held = [part["held_out"] for part in card["parts"] if part["kind"] in ("notes", "recordings")]
    assert held == [[], sorted({clip.source for clip in everything.validation if "phrases/" in clip.source})]
    assert card["parts"][3]["soundfont"] == "FluidR3_GM.sf2"
    assert len(card["parts"][3]["sha256"]) == 64
    assert str(bank_root) not in json.dumps(card)
    assert "/usr" not in json.dumps(card)


@pytest.mark.parametrize("kind", SOURCES)
def test_the_same_seed_gives_the_same_clips(bank_root: Path, kind: str) -> None:
    first, again = load(bank_root, SOURCES[kind], seed=5), load(bank_root, SOURCES[kind], seed=5)
    np.testing.assert_array_equal(sound(first.train), sound(again.train))
    np.testing.assert_array_equal(sound(first.validation), sound(again.validation))
    assert first.card == again.card


@pytest.mark.parametrize("kind", ["tones", "notes"])
def test_another_seed_or_place_gives_other_clips(bank_root: Path, kind: str) -> None:
    part = SOURCES[kind] | {"seconds_per_instrument": 4}
    here, there = sound(load(bank_root, part, part, seed=5).train).reshape(2, -1)
    other, _ = sound(load(bank_root, part, part, seed=6).train).reshape(2, -1)
    assert not np.array_equal(here, there)
    assert not np.array_equal(here, other)


@pytest.mark.parametrize("kind", ["tones", "notes"])
def test_phrases_sound_as_their_notes_say(bank_root: Path, kind: str) -> None:
    data = load(bank_root, SOURCES[kind] | {"reverb": 0, "noise": 0})
    errors = []
    for clip in data.train:
        for note in clip.notes:
            inside = clip.audio[round((note.start_s + 0.07) * RATE) : round((note.end_s - 0.01) * RATE)]
            if len(inside) > 0.15 * RATE:
                errors.append(abs(measure_pitch(inside, RATE, round(note.pitch_midi)) - note.pitch_midi))
    assert len(errors) > 15
    assert max(errors) < 0.15


def test_held_out_recordings_are_for_validation_alone(bank_root: Path) -> None:
    part = SOURCES["recordings"] | {"holdout": ["*mov2*"]}
    data = load(bank_root, part)
    assert {clip.source for clip in data.validation} == {f"phrases/{name}/mov2.flac" for name in INSTRUMENTS}
    assert not any("mov2" in clip.source for clip in data.train)
    assert len(data.train) == 3 * len(data.validation)


def test_held_out_notes_are_for_validation_alone(bank_root: Path) -> None:
    """The highest and lowest notes are held out, so only validation phrases can go so high."""
    numbers = {"violin": (55, 57, 71, 73, 75), "trumpet": (52, 54, 68, 70, 72)}
    holdout = [f"notes/{name}/{name}_{number}.flac" for name in numbers for number in numbers[name]]
    data = load(bank_root, SOURCES["notes"] | {"holdout": holdout, "seconds_per_instrument": 60})
    for name, highest in (("violin", 69 + 2.6), ("trumpet", 66 + 2.6)):
        train, validation = (
            [note.pitch_midi for clip in side if clip.instrument == name for note in clip.notes]
            for side in (data.train, data.validation)
        )
        assert max(train) < highest < max(validation)


def test_notes_that_span_less_than_an_octave_are_named(bank_root: Path) -> None:
    with pytest.raises(DataError, match=r"the 2 notes of violin reach from .*raise reach_st"):
        load(bank_root, SOURCES["notes"] | {"include": ["*violin_61*", "*violin_63*", "*trumpet_*"]})


def test_a_tune_is_for_one_side_alone(bank_root: Path, tunes_root: Path) -> None:
    shared = {"tunes": str(tunes_root), "tunes_share": 1, "seconds_per_instrument": 60}
    data = load(bank_root, SOURCES["tones"] | shared, SOURCES["notes"] | shared, validation=0.4)

    def tunes(clips: tuple[Example, ...]) -> set[int]:
        steps = [np.diff([note.pitch_midi for note in clip.notes]) for clip in clips]
        return {round(float(np.median(np.abs(step)))) for step in steps}

    assert len(tunes(data.train)) >= 4
    assert len(tunes(data.validation)) >= 3
    assert not tunes(data.train) & tunes(data.validation)


def test_recording_that_two_parts_hold_out_differently_is_refused(bank_root: Path) -> None:
    part = SOURCES["recordings"]
    with pytest.raises(DataError, match=r"mov\d\.flac is in training and in validation"):
        load(bank_root, part | {"holdout": ["*mov2*"]}, part | {"holdout": ["*mov1*"]})


def test_an_instrument_that_no_part_has_is_named(bank_root: Path) -> None:
    table = {"instruments": ["violin", "kazoo"], "parts": [{"kind": "tones", "seconds_per_instrument": 8}]}
    with pytest.raises(DataError, match=r"no training examples of \['kazoo'\]; the parts have \['violin'\]"):
        load_data(table, RATE, 0)


def test_missing_data_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.parts\[0\]\.root: there is no .*absent"):
        load(tmp_path, SOURCES["notes"] | {"root": "absent"})
    with pytest.raises(DataError, match=r"data\.parts\[0\]\.tunes: there is no .*reels"):
        load(tmp_path, SOURCES["tones"] | {"tunes": "reels"})


def test_no_validation_when_none_is_wanted(bank_root: Path) -> None:
    data = load(bank_root, SOURCES["tones"], SOURCES["recordings"], validation=0.0)
    assert data.validation == ()
    assert len(data.train) > 16


def test_every_recording_that_cannot_be_used_is_named_once_with_the_setting(tmp_path: Path) -> None:
    folder = tmp_path / "violin"
    folder.mkdir()
    tone = 0.1 * np.sin(np.arange(4 * RATE) * 0.1)
    soundfile.write(folder / "good [1].wav", tone, RATE)
    soundfile.write(folder / "nan [1].wav", np.full(4 * RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(folder / "zero.wav", np.zeros(1), RATE)
    (folder / "text.wav").write_text("not a sound")
    (folder / "notes.txt").write_text("not a sound")
    part = {"kind": "recordings", "root": "", "exclude": ["*.bak"], "segment_seconds": 1}
    table = {"instruments": ["violin"], "validation": 0, "parts": [part]}
    with pytest.raises(DataError) as refused:
        load_data(table, RATE, 0, data_root=tmp_path)
    note, first, *reasons, last = str(refused.value).splitlines()
    assert "passed over, no sound files: 1 x .txt" in note
    assert first == "3 of the recordings cannot be used:"
    assert [name for name in ("nan [1].wav", "text.wav", "zero.wav") if name in " ".join(reasons)] == [
        "nan [1].wav",
        "text.wav",
        "zero.wav",
    ]
    (setting,) = shlex.split(last.partition("--set ")[2])
    override({"data": table}, setting)
    load_data(table, RATE, 0, data_root=tmp_path)
