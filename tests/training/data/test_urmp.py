"""URMP in both layouts, on a tiny tree of the same shape."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError, RecipeError
from latentfx.training.data import Dataset, load_data
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.sources.urmp import confidence, find_stems

RATE, FILE_RATE = 16_000, 48_000
PIECES = {
    "01_Jupiter_vn_vc": ("AuSep_1_vn_01_Jupiter", "AuSep_2_vc_01_Jupiter"),
    "02_Sonata_vn_vn": ("AuSep_1_vn_02_Sonata", "AuSep_2_vn_02_Sonata"),
    "15_Surprise_tpt_tpt_tbn": ("AuSep_1_tpt_15_Surprise", "AuSep_2_tpt_15_Surprise"),
}


def faded(sound: np.ndarray, level: float, rate: int) -> np.ndarray:
    edge = np.linspace(0.0, 1.0, rate // 50)
    sound = level * sound / np.abs(sound[len(edge) : -len(edge)]).max()
    sound[: len(edge)] *= edge
    sound[-len(edge) :] *= edge[::-1]
    return sound


def note(seconds: float, f0_hz: float, level: float, rate: int = FILE_RATE) -> np.ndarray:
    phase = 2 * np.pi * f0_hz * np.arange(round(seconds * rate)) / rate
    return faded(sum(np.sin(k * phase) / k for k in range(1, 11)), level, rate)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each recording: a note of a second, a second of noise, a louder note, half a second that is left over.

    Left and right differ; the annotation calls the notes voiced.
    """
    root = tmp_path_factory.mktemp("urmp")
    noise = faded(np.random.default_rng(0).standard_normal(FILE_RATE), 0.9, FILE_RATE)
    for number, (piece, stems) in enumerate(PIECES.items()):
        (root / piece).mkdir()
        for at, stem in enumerate(stems):
            f0_hz = 220.0 * 2 ** ((2 * number + at) / 12)
            left = np.concatenate([note(1, f0_hz, 0.1), noise, note(1, f0_hz, 0.2), note(0.5, f0_hz, 0.2)])
            soundfile.write(root / piece / f"{stem}.wav", np.stack([left, -left / 3], 1), FILE_RATE, "FLOAT")
            times = np.arange(350) * 0.01
            f0 = np.where((times < 1.0) | (times >= 2.0), f0_hz, 0.0)
            np.savetxt(root / piece / f"{stem.replace('AuSep', 'F0s')}.txt", np.stack([times, f0], 1), "%.3f")
        soundfile.write(root / piece / f"AuMix_{piece}.wav", noise, FILE_RATE)
    return root


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chunks of every recording lie on all three sides, numbered past ten."""
    root = tmp_path_factory.mktemp("prepared")
    for code, stem, f0_hz in (
        ("vn", "AuSep_1_vn_01_Jupiter", 440.0),
        ("vn", "AuSep_2_vn_02_Sonata", 494.0),
        ("tpt", "AuSep_1_tpt_15_Surprise", 523.0),
        ("tpt", "AuSep_2_tpt_15_Surprise", 587.0),
    ):
        for number in (0, 2, 10):
            side = ("train", "val", "test")[number % 3]
            folder = root / code / side / "audio"
            folder.mkdir(parents=True, exist_ok=True)
            chunk = note(1, f0_hz, 0.1 + 0.01 * number, RATE).astype(np.float32)
            np.save(folder / f"audio_{stem}_{number}.npy", chunk)
    return root


def load(root: Path, instruments: Sequence[str] = ("violin", "trumpet"), **settings: object) -> Dataset:
    part = {"kind": "urmp", "root": str(root), "segment_seconds": 1, "crepe": "tiny", **settings}
    table = {"instruments": list(instruments), "validation": 0.3, "parts": [part]}
    return load_data(table, RATE, seed=0)


def peaks(data: Dataset, instrument: str) -> list[float]:
    return [
        float(np.abs(c.audio).max()) for c in (*data.train, *data.validation) if c.instrument == instrument
    ]


def test_instruments_and_recordings_are_read_from_the_names(published: Path, prepared: Path) -> None:
    stems = find_stems(published, ["violin", "trumpet"])
    assert [(stem.name, stem.instrument) for stem in stems] == [
        ("AuSep_1_tpt_15_Surprise", "trumpet"),
        ("AuSep_1_vn_01_Jupiter", "violin"),
        ("AuSep_1_vn_02_Sonata", "violin"),
        ("AuSep_2_tpt_15_Surprise", "trumpet"),
        ("AuSep_2_vn_02_Sonata", "violin"),
    ]
    assert all(stem.annotation.is_file() for stem in stems)
    chunks = find_stems(prepared, ["violin"])[0].files
    assert [file.stem.rpartition("_")[2] for file in chunks] == ["0", "2", "10"]


@pytest.mark.parametrize("keep", ["crepe", "annotated"])
def test_clear_chunks_are_kept_and_scaled_by_the_loudest_of_them(published: Path, keep: str) -> None:
    data = load(published, keep=keep, minimum=0.8)
    for instrument, recordings in (("violin", 3), ("trumpet", 2)):
        assert sorted(peaks(data, instrument)) == pytest.approx(
            [0.5] * recordings + [1.0] * recordings, abs=0.01
        )
    every = load(published, keep="all")
    assert len(every.train) + len(every.validation) == 5 * 3
    assert min(peaks(every, "violin")) < 0.25  # by the noise, which stayed


def test_the_left_channel_comes_at_the_wanted_rate(published: Path) -> None:
    data = load(published)
    first = next(clip for clip in (*data.train, *data.validation) if clip.source == "AuSep_1_vn_01_Jupiter")
    assert first.audio.shape == (RATE,)
    assert first.audio.dtype == np.float32
    assert measure_pitch(first.audio, RATE, 57.0) == pytest.approx(57.0, abs=0.02)
    other = next(clip for clip in load(published, ["cello"], keep="all").train)
    assert other.audio.max() > -other.audio.min()  # the right channel is upside down


def test_confidence_tells_a_note_from_noise() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 0.1
    assert confidence(note(1, 440, 0.1, RATE).astype(np.float32), RATE, "tiny") > 0.85
    assert confidence(noise, RATE, "tiny") < 0.6


@pytest.mark.parametrize("layout", ["published", "prepared"])
def test_a_recording_is_on_one_side_as_a_whole(layout: str, request: pytest.FixtureRequest) -> None:
    data = load(request.getfixturevalue(layout), keep="annotated")
    train, validation = ({clip.source for clip in side} for side in (data.train, data.validation))
    assert not train & validation
    for instrument in ("violin", "trumpet"):
        assert {clip.instrument for clip in data.train} >= {instrument}
        assert {clip.instrument for clip in data.validation} >= {instrument}
    held = sorted(name for part in data.card["parts"] for name in part["held_out"])  # type: ignore[attr-defined]
    assert held == sorted(validation)


def test_named_recordings_are_held_out(published: Path) -> None:
    data = load(published, keep="annotated", holdout=["AuSep_*_02_Sonata", "AuSep_2_tpt_*"])
    assert {clip.source for clip in data.validation} == {
        "AuSep_1_vn_02_Sonata",
        "AuSep_2_vn_02_Sonata",
        "AuSep_2_tpt_15_Surprise",
    }


def test_prepared_chunks_stay_as_they_are(prepared: Path) -> None:
    data = load(prepared)
    assert len(data.train) + len(data.validation) == 12
    assert sorted(peaks(data, "violin")) == pytest.approx([0.1, 0.1, 0.12, 0.12, 0.2, 0.2], abs=1e-3)


def test_the_card_says_what_was_chosen_and_not_where(published: Path) -> None:
    card = load(published, keep="annotated").card
    text = json.dumps(card)
    assert str(published) not in text
    (part,) = json.loads(text)["parts"]
    assert (part["kind"], part["settings"]["keep"], part["settings"]["minimum"]) == (
        "urmp",
        "annotated",
        0.85,
    )
    assert part["train"] == {"trumpet": 2.0, "violin": 4.0}
    assert part["validation"] == {"trumpet": 2.0, "violin": 2.0}
    assert card["licences"] == {"URMP, see its authors": 5}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"keep": "best"}, RecipeError, "allowed crepe, annotated, all"),
        ({"crepe": "huge"}, RecipeError, "allowed full, tiny"),
        ({"minimum": 1.5}, RecipeError, "allowed 0 to 1"),
        ({"keep": "annotated", "minimum": 1.0}, DataError, "lower minimum, or keep = 'all'"),
    ],
)
def test_wrong_settings_are_named(
    published: Path, settings: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(published, **settings)


def test_missing_files_are_named(published: Path, prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"has no URMP recordings of oboe.*found recordings of cello, trumpet"
    ):
        find_stems(published, ["oboe"])
    with pytest.raises(DataError, match="found recordings of nothing"):
        find_stems(tmp_path, ["violin"])
    with pytest.raises(DataError, match=r"has the shape \(16000,\).*segment_seconds"):
        load(prepared, segment_seconds=4)
    folder = tmp_path / "01_Jupiter_vn_vc"
    folder.mkdir()
    for name in PIECES["01_Jupiter_vn_vc"]:
        soundfile.write(folder / f"{name}.wav", note(1, 220, 0.1), FILE_RATE)
    with pytest.raises(DataError, match=r"F0s_1_vn_01_Jupiter.txt cannot be read.*keep = 'crepe'"):
        load(tmp_path, ["violin"], keep="annotated")


def test_an_array_of_objects_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "vn" / "train" / "audio"
    folder.mkdir(parents=True)
    np.save(folder / "audio_AuSep_1_vn_01_Jupiter_0.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path, ["violin"])
