"""Scales of single notes from a soundfont: what is in tune, what is on the grid, and what repeats."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from latentfx.errors import RecipeError
from latentfx.training.data.load import load_data
from latentfx.training.data.sources.scales import SCALE

STEP = 2560


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def scales(instruments: tuple[str, ...] = ("accordion",), **settings: object) -> dict[str, object]:
    return {"instruments": list(instruments), "parts": [{"kind": "scales", **settings}]}


def midi_of(audio: np.ndarray) -> float:
    f0 = librosa.yin(audio, fmin=100, fmax=2500, sr=16_000, frame_length=2048, center=False)
    return float(librosa.hz_to_midi(f0[0]))


def test_the_accordion_has_27_scales_of_39_different_notes_and_as_many_bent_ones() -> None:
    data = load_data(scales(), 16_000, seed=0)
    assert len(data.train) == len(data.validation) == 27
    pitches = np.stack([np.asarray(example.labels["pitch"]) for example in data.train])
    assert pitches.min() == 58
    assert pitches.max() == 96
    assert len(np.unique(pitches)) == 39
    sounds = {note.tobytes() for example in data.train for note in example.audio.reshape(15, STEP)}
    assert len(sounds) == 39
    for plain, bent in zip(data.train, data.validation, strict=True):
        rise = np.asarray(bent.labels["pitch"]) - np.asarray(plain.labels["pitch"])
        assert np.ptp(rise) < 1e-6
        assert 0.0 <= rise[0] < 1.0


def test_notes_sound_at_their_pitch_bent_ones_too_and_end_in_silence() -> None:
    data = load_data(scales(lowest=60, highest=74), 16_000, seed=0)
    for example in (data.train[0], data.validation[1]):
        pitch = np.asarray(example.labels["pitch"])
        assert len(example.audio) == len(SCALE) * STEP
        for index in (0, 3, 7):
            note = example.audio[index * STEP : (index + 1) * STEP]
            assert midi_of(note[:2048]) == pytest.approx(pitch[index], abs=0.15)
            assert np.abs(note[2048:]).max() == 0.0


def test_the_same_seed_makes_the_same_clips_with_or_without_kept_renderings() -> None:
    first = load_data(scales(lowest=60, highest=73), 16_000, seed=3)
    again = load_data(scales(lowest=60, highest=73), 16_000, seed=3)
    fresh = load_data(scales(lowest=60, highest=73, cache=False), 16_000, seed=3)
    for one, two, three in zip(first.validation, again.validation, fresh.validation, strict=True):
        assert np.array_equal(one.audio, two.audio)
        np.testing.assert_allclose(one.audio, three.audio, atol=1e-4)


def test_several_instruments_have_their_own_ranges_and_plain_test_clips_on_demand() -> None:
    data = load_data(scales(("tuba", "flute"), bent=False), 16_000, seed=0)
    starts = {name: [] for name in ("tuba", "flute")}  # type: dict[str, list[float]]
    for example in data.train:
        starts[example.instrument].append(float(np.asarray(example.labels["pitch"])[0]))
    assert starts == {"tuba": list(range(36, 61)), "flute": list(range(48, 85))}
    for plain, test in zip(data.train, data.validation, strict=True):
        assert np.array_equal(plain.audio, test.audio)


def test_an_instrument_that_has_no_scales_is_named() -> None:
    with pytest.raises(RecipeError, match="'kazoo'"):
        load_data(scales(("kazoo",)), 16_000, seed=0)


def test_a_range_below_an_octave_is_refused() -> None:
    with pytest.raises(RecipeError, match="octave"):
        load_data(scales(lowest=60, highest=70), 16_000, seed=0)
