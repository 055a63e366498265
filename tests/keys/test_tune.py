"""A MIDI file as the player of a plugin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mido import Message

import latentfx
from latentfx.automation.midi_file import write_midi
from latentfx.automation.moves import Move
from latentfx.errors import ControlError, MidiError
from latentfx.keys import Keyboard
from latentfx.training.metrics.pitch import track_pitch

RATE = 48_000
Write = Callable[[str], Path]


@pytest.fixture
def delay(plugin_file: Write) -> latentfx.LatentPlugin:
    """Audio times `gain`, 100 samples later."""
    return latentfx.load(plugin_file("delay"))


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    """A3 from 0.1 to 0.5 s, and a controller."""
    moves = [
        Move(0.1, Message("note_on", note=57, velocity=100)),
        Move(0.3, Message("control_change", control=1, value=127)),
        Move(0.5, Message("note_off", note=57)),
    ]
    write_midi(tmp_path / "tune.mid", moves, RATE)
    return tmp_path / "tune.mid"


def test_keys_sound_at_their_sample_and_as_they_do_live(delay: latentfx.LatentPlugin, tune: Path) -> None:
    sound, rate = latentfx.apply(tune, plugin=delay)
    assert rate == delay.sample_rate
    keyboard = Keyboard(delay, RATE)
    parts = [keyboard.render(1, 4800)]
    keyboard.send(Message("note_on", note=57, velocity=100))
    parts.append(keyboard.render(1, 19_200))
    keyboard.send(Message("note_off", note=57))
    parts.append(keyboard.render(1, sound.shape[1] - 24_000))
    np.testing.assert_allclose(sound, np.concatenate(parts, axis=1), atol=1e-6)
    assert not sound[0, :4800].any()
    assert np.abs(sound[0, -100:]).max() < 1e-4


def test_the_same_file_moves_controls_that_it_is_bound_to(delay: latentfx.LatentPlugin, tune: Path) -> None:
    moves = latentfx.load_automation(tune, ["cc:1=gain:1..3"])
    still, _ = latentfx.apply(tune, plugin=delay)
    moved, _ = latentfx.apply(tune, plugin=delay, automation=moves)
    turned = round(0.31 * RATE)
    np.testing.assert_allclose(moved[0, : round(0.29 * RATE)], still[0, : round(0.29 * RATE)], atol=1e-6)
    np.testing.assert_allclose(moved[0, turned:], 3 * still[0, turned:], atol=1e-5)


def test_notes_that_are_bound_are_not_played(delay: latentfx.LatentPlugin, tune: Path) -> None:
    moves = latentfx.load_automation(tune, ["note@1=gain:1..3"])
    with pytest.warns(latentfx.AudioWarning, match="the source is silent"):
        sound, _ = latentfx.apply(tune, plugin=delay, automation=moves)
    assert not sound.any()
    with pytest.raises(MidiError, match="none is left"):
        latentfx.apply(tune, plugin=delay, automation=latentfx.load_automation(tune, ["note=gain:1..3"]))


def test_a_tune_plays_for_the_first_plugin_of_a_board(delay: latentfx.LatentPlugin, tune: Path) -> None:
    alone, _ = latentfx.apply(tune, plugin=delay)
    board = latentfx.Board([latentfx.Split([latentfx.Branch("dry"), latentfx.Branch("late", delay)])])
    both, _ = latentfx.apply(tune, plugin=board)
    np.testing.assert_allclose(both, 2 * alone, atol=1e-6)
    with pytest.raises(ControlError, match="there is none on the board"):
        latentfx.apply(tune, plugin=latentfx.Board())


def test_a_side_chain_is_silent_or_another_recording(plugin_file: Write, tune: Path) -> None:
    side = plugin_file("side")
    alone, _ = latentfx.apply(tune, plugin=side)
    ones = np.full(2 * RATE, 0.1, np.float32)
    with pytest.warns(latentfx.AudioWarning, match="longer than the source"):
        less, _ = latentfx.apply(tune, plugin=side, side=(ones, RATE))
    np.testing.assert_allclose(less, alone - 0.1, atol=1e-6)


def test_a_folder_gets_a_sound_file(delay: latentfx.LatentPlugin, tune: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    applied = latentfx.apply(tune, tmp_path / "out", delay)
    assert applied.target == tmp_path / "out" / "tune.wav"


def test_the_shipped_tune_is_played_in_tune(root: Path) -> None:
    file = root / "examples" / "audio" / "tune.mid"
    sound, rate = latentfx.apply(file, plugin="timbre-swap", timbre="trumpet")
    first = sound[0, rate // 10 : round(0.4 * rate)]
    cents = 1200 * np.log2(np.median(track_pitch(first, rate, "tiny").f0_hz) / 220.0)
    assert abs(cents) < 25
