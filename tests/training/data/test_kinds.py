"""Every kind of data: the same examples as ever, made now or when they are read, with progress."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import RecipeError
from latentfx.training.data import Dataset, load_data
from latentfx.training.data.side import Side
from latentfx.training.data.source import Progress, silent
from latentfx.training.data.sources import KINDS, find_kind

RATE = 16000
GOLDEN = Path(__file__).with_name("golden_examples.json")
PLAYED = {"seconds_per_instrument": 16, "segment_seconds": 2}
PARTS: dict[str, dict[str, object]] = {
    "tones": PLAYED,
    "notes": {"root": "bank", **PLAYED},
    "soundfont": {"seconds_per_instrument": 8, "segment_seconds": 2, "cache": False},
    "recordings": {"root": "bank", "include": ["phrases/*"], "segment_seconds": 2},
    "stems": {"root": "songs", "segment_seconds": 2},
    "band": {"seconds": 8, "segment_seconds": 2, "voices": 2, "cache": False},
    "urmp": {"root": "urmp", "segment_seconds": 2, "keep": "annotated"},
}
TEXTS = {
    "tones": "making 2 x 16 s of tones",
    "notes": "making 2 x 16 s of notes",
    "soundfont": "making 2 x 8 s of soundfont",
    "recordings": "reading recordings",
    "stems": "reading songs",
    "band": "making 8 s of band",
    "urmp": "reading URMP",
}


@pytest.fixture(scope="module")
def root(bank_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded notes and phrases, four songs of three stems, and three recordings of each of two players."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "bank").symlink_to(bank_root)
    noise = np.random.default_rng(0).standard_normal(9 * RATE)
    times_s = np.arange(9 * RATE) / RATE
    for song in range(4):
        (folder / "songs" / f"song{song}").mkdir(parents=True)
        for number, name in enumerate(("bass", "lead", "drums")):
            tone = 0.1 * np.sin(2 * np.pi * (100 + 50 * song + 111 * number) * times_s) + 0.01 * noise
            soundfile.write(folder / "songs" / f"song{song}" / f"{name}.wav", tone, RATE)
    for number, (code, piece) in enumerate((c, p) for c in ("vn", "tpt") for p in range(3)):
        (folder / "urmp" / f"0{piece}_Piece_{code}").mkdir(parents=True)
        place = folder / "urmp" / f"0{piece}_Piece_{code}"
        tone = 0.2 * np.sin(2 * np.pi * (200 + 60 * number) * times_s) + 0.01 * noise
        soundfile.write(place / f"AuSep_1_{code}_0{piece}_Piece.wav", np.stack([tone, 0 * tone], 1), RATE)
        frames_s = np.arange(900) * 0.01
        f0_hz = np.where(frames_s < 7, 200.0, 0.0)
        np.savetxt(place / f"F0s_1_{code}_0{piece}_Piece.txt", np.stack([frames_s, f0_hz], 1))
    return folder


Kept = tuple[str, Dataset, list[tuple[str, int, int]]]


def load(root: Path, kind: str, keep: str, progress: Progress = silent) -> Dataset:
    instruments = ["mix"] if kind in ("stems", "band") else ["violin", "trumpet"]
    part = {"kind": kind, **PARTS[kind]}
    table = {"instruments": instruments, "validation": 0.25, "keep": keep, "parts": [part]}
    return load_data(table, RATE, 7, root, progress=progress)


@pytest.fixture(scope="module", params=list(PARTS))
def kept(root: Path, request: pytest.FixtureRequest) -> Kept:
    """Each kind, its examples in memory, and what was told of the progress."""
    steps: list[tuple[str, int, int]] = []
    data = load(root, request.param, "memory", lambda *step: steps.append(step))
    return request.param, data, steps


def fingerprint(data: Dataset) -> list[float]:
    """Numbers of examples, and for each side its level and where its sound lies, sample by sample."""
    numbers: list[float] = []
    for side in (data.train, data.validation):
        sound = np.concatenate([example.audio for example in side]).astype(np.float64)
        level = np.linalg.norm(sound)
        probe = np.random.default_rng(0).standard_normal(len(sound))
        numbers += [len(side), float(level), float(sound @ probe / level)]
    return numbers


def test_recipe_and_seed_give_the_examples_that_they_always_gave(kept: Kept) -> None:
    kind, data, _ = kept
    assert fingerprint(data) == pytest.approx(json.loads(GOLDEN.read_text())[kind], rel=1e-3, abs=1e-2)


def test_examples_made_when_they_are_read_equal_those_in_memory(root: Path, kept: Kept) -> None:
    kind, data, _ = kept
    lazy = load(root, kind, "disk")
    assert lazy.card == data.card
    for now, later in ((data.train, lazy.train), (data.validation, lazy.validation)):
        assert isinstance(now, tuple)
        assert isinstance(later, Side)
        assert len(later) == len(now) > 0
        for one, other in zip(now, later, strict=True):
            np.testing.assert_array_equal(one.audio, other.audio)
            np.testing.assert_array_equal(one.stems, other.stems)
            assert (one.source, one.labels, one.notes) == (other.source, other.labels, other.notes)


def test_progress_names_the_work_from_its_start_to_its_end(kept: Kept) -> None:
    kind, _, steps = kept
    text, _, total = steps[-1]
    assert text == TEXTS[kind]
    assert [done for name, done, _ in steps if name == text] == list(range(total + 1))
    assert steps[0][1] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_the_table_is_a_source_with_limits_for_its_own_numbers(kind: str) -> None:
    found = find_kind(kind, "kind")
    assert set(found.limits) <= {field.name for field in fields(found)}
    assert found.limits


def test_unknown_kind_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"kind 'recording' is unknown; did you mean 'recordings'\?"):
        find_kind("recording", "kind")
