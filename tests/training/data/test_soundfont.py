from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data.example import Note
from latentfx.training.data.fluidsynth import SoundFont, default_cache
from latentfx.training.data.instruments import INSTRUMENTS
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.sources.soundfont import GENERAL_MIDI

RATE = 24000
FONT = Path(GENERAL_MIDI)
PHRASES = (
    (Note(0.1, 0.9, 67.0, 0.8), Note(0.95, 1.8, 71.08, 0.8)),
    (Note(0.3, 1.6, 74.93, 0.6),),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("instrument", ["oboe", "trumpet"])
def test_phrases_sound_at_their_times_and_pitches(cache: Path, instrument: str) -> None:
    rendered = SoundFont(FONT, cache).play(INSTRUMENTS[instrument].program, PHRASES, 2.0, RATE)
    assert [len(audio) for audio in rendered] == [2 * RATE] * 2
    for audio, notes in zip(rendered, PHRASES, strict=True):
        assert np.max(np.abs(audio[: round((notes[0].start_s - 0.01) * RATE)])) < 1e-3
        for note in notes:
            inside = audio[round((note.start_s + 0.2) * RATE) : round(note.end_s * RATE)]
            assert np.std(inside) > 1e-3
            measured = measure_pitch(inside, RATE, round(note.pitch_midi))
            assert measured == pytest.approx(note.pitch_midi, abs=0.15)


def test_pitch_bend_tunes_in_cents(cache: Path) -> None:
    phrases = [(Note(0.1, 1.4, 70.0 + detune, 0.8),) for detune in (-0.4, 0.0, 0.4)]
    rendered = SoundFont(FONT, cache).play(INSTRUMENTS["oboe"].program, phrases, 1.5, RATE)
    low, mid, high = (measure_pitch(audio[RATE // 3 : RATE], RATE, 70.0) for audio in rendered)
    assert mid - low == pytest.approx(0.4, abs=0.02)
    assert high - mid == pytest.approx(0.4, abs=0.02)


def test_a_kept_rendering_is_not_rendered_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    font = SoundFont(FONT, cache)
    first = font.play(INSTRUMENTS["oboe"].program, PHRASES, 2.0, RATE)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendered again")

    monkeypatch.setattr(subprocess, "run", refuse)
    again = font.play(INSTRUMENTS["oboe"].program, PHRASES, 2.0, RATE)
    np.testing.assert_array_equal(np.stack(first), np.stack(again))
    with pytest.raises(AssertionError, match="rendered again"):
        font.play(INSTRUMENTS["flute"].program, PHRASES, 2.0, RATE)


def test_what_is_missing_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="apt install fluid-soundfont-gm"):
        SoundFont(tmp_path / "absent.sf2")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt install fluidsynth"):
        SoundFont(FONT)


@pytest.mark.parametrize("content", [b"RIFF not a soundfont", b"RIFF\x10\x00\x00\x00sfbkLISTxxxx"])
def test_a_damaged_soundfont_is_not_replaced_by_another(tmp_path: Path, content: bytes) -> None:
    fake = tmp_path / "fake.sf2"
    fake.write_bytes(content)
    with pytest.raises(DataError, match=r"fluidsynth cannot play .*fake\.sf2"):
        SoundFont(fake).play(68, PHRASES, 2.0, RATE)


def _font(tmp_path: Path, *texts: tuple[bytes, bytes], form: bytes = b"sfbk") -> SoundFont:
    """The beginning of a soundfont file: its INFO list."""
    chunks = b"".join(
        name + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2) for name, text in texts
    )
    info = b"LIST" + struct.pack("<I", 4 + len(chunks)) + b"INFO" + chunks
    path = tmp_path / "made.sf2"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(info)) + form + info)
    return SoundFont(path)


def test_author_and_licence_are_read_from_the_soundfont(tmp_path: Path) -> None:
    assert SoundFont(FONT).licence == (
        "Frank Wen 2000-2002, 2008; Toby Smithe 2008: Licensed under the MIT License."
    )
    name, author, terms = (b"INAM", b"Odd"), (b"IENG", b"A. N. Other\0"), (b"ICMT", b"CC0\0\0")
    assert _font(tmp_path, name, author, terms).licence == "A. N. Other: CC0"
    assert _font(tmp_path, name, terms).licence == "CC0"
    assert _font(tmp_path, name).licence == "not stated"
    assert _font(tmp_path, author, form=b"WAVE").licence == "not stated"


@pytest.mark.parametrize("length", [0, 11, 20, 23, 30, 37])
def test_licence_is_read_as_far_as_a_soundfont_goes_that_ends_early(tmp_path: Path, length: int) -> None:
    font = _font(tmp_path, (b"ICOP", b"Somebody\0"))
    font.path.write_bytes(font.path.read_bytes()[:length])
    assert font.licence == ("Someb" if length == 37 else "not stated")


def test_rendering_without_sound_is_refused() -> None:
    with pytest.raises(DataError, match="plays only silence"):
        SoundFont(FONT).play(68, [()], 0.5, RATE)


def test_the_cache_is_in_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "latentfx" / "soundfont"
