from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data.example import Note, midi_to_hz
from latentfx.training.data.instruments import INSTRUMENTS
from latentfx.training.data.pitch import measure_pitch
from latentfx.training.data.sources.tones import TONES, play_tones

RATE = 48000


def held(instrument: str, pitch_midi: float, velocity: float = 0.8, rate: int = RATE) -> np.ndarray:
    notes = (Note(0.0, 1.0, pitch_midi, velocity),)
    return play_tones(instrument, notes, 1.2, rate, np.random.default_rng(0))


def harmonics_db(audio: np.ndarray, f0_hz: float, count: int) -> np.ndarray:
    """Levels of the harmonics against the strongest, from the steady part."""
    steady = audio[RATE // 4 : RATE // 4 + RATE // 2]
    power = np.abs(np.fft.rfft(steady * np.hanning(len(steady)))) ** 2
    bins = np.arange(1, count + 1) * f0_hz * len(steady) / RATE
    width = int(0.4 * bins[0])
    levels = [10 * np.log10(power[int(b) - width : int(b) + width].sum()) for b in bins]
    return np.array(levels) - max(levels)


def test_every_named_instrument_has_a_tone() -> None:
    assert set(TONES) == set(INSTRUMENTS)


@pytest.mark.parametrize("instrument", sorted(TONES))
def test_the_pitch_is_exact(instrument: str) -> None:
    known = INSTRUMENTS[instrument]
    for pitch_midi in (known.lowest + 0.3, 0.5 * (known.lowest + known.highest), known.highest - 0.4):
        audio = held(instrument, pitch_midi)
        assert measure_pitch(audio[:RATE], RATE, pitch_midi) == pytest.approx(pitch_midi, abs=0.03)


def test_no_two_instruments_have_the_same_spectrum() -> None:
    f0_hz = midi_to_hz(64.0)
    spectra = {name: harmonics_db(held(name, 64.0), f0_hz, 8) for name in TONES}
    for first, second in combinations(sorted(TONES), 2):
        distance_db = np.sqrt(np.mean((spectra[first] - spectra[second]) ** 2))
        assert distance_db > 3.0, (first, second)


def test_a_clarinet_lacks_even_harmonics() -> None:
    levels = harmonics_db(held("clarinet", 60.0), midi_to_hz(60.0), 4)
    assert levels[1] < levels[2] - 15.0


def test_a_soft_note_is_softer_and_darker() -> None:
    f0_hz = midi_to_hz(64.0)
    soft, loud = held("trumpet", 64.0, velocity=0.0), held("trumpet", 64.0, velocity=1.0)
    assert 20 * np.log10(np.std(loud) / np.std(soft)) == pytest.approx(18.0, abs=0.5)
    darker = harmonics_db(loud, f0_hz, 8) - harmonics_db(soft, f0_hz, 8)
    assert darker[7] - darker[0] == pytest.approx(15.0, abs=1.0)  # brightness 5 dB an octave, three octaves


def test_high_notes_do_not_alias() -> None:
    f0_hz = midi_to_hz(86.3)
    audio = held("trumpet", 86.3, rate=16000)[4000:12000]
    power = np.abs(np.fft.rfft(audio * np.blackman(len(audio)))) ** 2
    frequencies = np.fft.rfftfreq(len(audio), 1 / 16000)
    away = np.abs(frequencies / f0_hz - np.round(frequencies / f0_hz)) > 0.1
    assert 10 * np.log10(power[away].sum() / power.sum()) < -45.0


def test_silence_before_and_after_a_note() -> None:
    audio = play_tones("oboe", (Note(0.5, 0.8, 70.0),), 1.5, RATE, np.random.default_rng(0))
    assert len(audio) == round(1.5 * RATE)
    assert not np.any(audio[: RATE // 2])
    assert not np.any(audio[round(0.86 * RATE) :])
    assert np.std(audio[round(0.6 * RATE) : round(0.75 * RATE)]) > 0.01


def test_an_unknown_instrument_is_named() -> None:
    with pytest.raises(DataError, match="no generated instrument 'kazoo'"):
        held("kazoo", 60.0)
