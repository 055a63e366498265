"""Phrases that the instrument classifier and models with the same split have not heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data import load_data
from latentfx.training.data.example import pitch_contour
from latentfx.training.data.folder import matches
from latentfx.training.evaluations.swap.held_out import (
    RealPlayer,
    heard_in_training,
    held_out_notes,
    held_out_phrases,
)
from latentfx.training.evaluations.swap.notes import is_held_out
from latentfx.training.metrics.pitch import track_pitch
from latentfx.training.recipes.config import load_recipe

RATE = 16_000
NAMES = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")


def test_the_recipe_holds_out_what_the_classifier_does_not_hear() -> None:
    (globs,) = (
        part["holdout"] for part in load_recipe("timbre-swap-held-out").data["parts"] if "holdout" in part
    )
    for pitch in range(24, 108):
        name = f"notes/cello/cello_{NAMES[pitch % 12]}{pitch // 12 - 1}_tonejs.flac"
        assert matches(name, globs) == is_held_out(pitch), name


def test_tunes_are_played_on_every_fourth_pitch_alone_and_within_what_was_recorded(
    bank_root: Path, tunes_root: Path
) -> None:
    names = held_out_notes(bank_root, ["violin"])
    assert [Path(name).stem for name in names] == [f"violin_{pitch}" for pitch in range(55, 76, 4)]
    clips = held_out_phrases(bank_root, ["violin"], 3, RATE, tunes_root)
    assert [clip.duration_s for clip in clips["violin"]] == [4.0] * 3
    pitches = [note.pitch_midi for clip in clips["violin"] for note in clip.notes]
    assert min(pitches) > 55 - 1
    assert max(pitches) < 75 + 1
    again = held_out_phrases(bank_root, ["violin"], 3, RATE, tunes_root)
    np.testing.assert_array_equal(clips["violin"][2].audio, again["violin"][2].audio)


def test_the_instrument_itself_plays_lines_on_its_other_notes(bank_root: Path, tunes_root: Path) -> None:
    (clip,) = held_out_phrases(bank_root, ["violin"], 1, RATE, tunes_root)["violin"]
    player = RealPlayer(bank_root, "violin", RATE)
    played = player.play(clip, shift_st=1.0)
    assert played.shape == clip.audio.shape
    found = track_pitch(played, RATE, "tiny")
    wanted = pitch_contour(clip.notes, found.times_s) + 1.0
    heard = 69.0 + 12.0 * np.log2(found.f0_hz / 440.0)
    both = found.voiced & ~np.isnan(wanted)
    assert both.sum() > 100
    assert np.mean(np.abs(heard - wanted)[both] < 0.5) > 0.9
    assert not {round(note.pitch_midi) for note in player._bank.notes} & set(range(55, 76, 4))


def test_an_instrument_without_such_notes_is_named(bank_root: Path) -> None:
    with pytest.raises(DataError, match=r"no held-out notes .* of trumpet"):
        held_out_notes(bank_root, ["violin", "trumpet"])


def test_the_data_card_tells_which_notes_training_heard(bank_root: Path) -> None:
    names = held_out_notes(bank_root, ["violin"])
    part = {"kind": "notes", "root": str(bank_root), "seconds_per_instrument": 8.0}
    tones = {"kind": "tones", "seconds_per_instrument": 4.0}

    def card(**settings: object) -> dict[str, object]:
        table = {"instruments": ["violin"], "validation": 0.5, "parts": [part | settings, tones]}
        return dict(load_data(table, RATE, 0).card)

    assert heard_in_training(card(), names) == names
    assert heard_in_training(card(holdout=list(names)), names) == ()
    assert heard_in_training(card(holdout=list(names[:5])), names) == names[5:]
    assert heard_in_training({}, names) == ()
