"""A folder of recorded notes, made here: two instruments with silence before each onset and odd tuning."""

from __future__ import annotations

import csv
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

RATE = 16000
LEAD_S = 0.3
BANK = {"violin": range(55, 76, 2), "trumpet": range(52, 73, 2)}
HARMONICS = {"violin": (1.0, 0.8, 0.6, 0.5, 0.4), "trumpet": (0.3, 0.6, 1.0, 0.7, 0.2)}


def tone(f0_hz: float, seconds: float, rate: int = RATE, harmonics: tuple[float, ...] = (1.0, 0.5, 0.3)):
    times_s = np.arange(round(seconds * rate)) / rate
    return sum(
        gain * np.sin(2 * np.pi * f0_hz * number * times_s + number)
        for number, gain in enumerate(harmonics, start=1)
        if f0_hz * number < 0.45 * rate
    )


def recorded_note(instrument: str, f0_hz: float, seconds: float = 1.6) -> np.ndarray:
    sound = 0.2 * tone(f0_hz, seconds, RATE, HARMONICS[instrument])
    edge = np.linspace(0.0, 1.0, RATE // 50)
    sound[: len(edge)] *= edge
    sound[-len(edge) :] *= edge[::-1]
    hiss = 1e-4 * np.random.default_rng(0).standard_normal(round((2 * LEAD_S + seconds) * RATE))
    hiss[round(LEAD_S * RATE) : round(LEAD_S * RATE) + len(sound)] += sound
    return hiss


@pytest.fixture(scope="session")
def bank_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Single notes, up to 60 cents off their labels as the manifest measures, and a long phrase for each."""
    root = tmp_path_factory.mktemp("bank")
    rows = []
    rng = np.random.default_rng(1)
    for instrument, pitches in BANK.items():
        for pitch in pitches:
            f0_hz = 440.0 * 2 ** ((pitch + rng.uniform(-0.6, 0.6) - 69) / 12)
            name = f"notes/{instrument}/{instrument}_{pitch}.flac"
            rows.append(
                _write(root, name, "note", instrument, recorded_note(instrument, f0_hz), pitch, f0_hz)
            )
        for number in range(4):
            audio = np.concatenate([recorded_note(instrument, 200.0 + 50 * number)] * 3)
            name = f"phrases/{instrument}/mov{number}.flac"
            rows.append(_write(root, name, "phrase", instrument, audio, "", ""))
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return root


def _write(root, name, kind, instrument, audio, pitch, f0_hz):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(root / name, audio, RATE)
    licence = "CC0 1.0" if instrument == "violin" else "CC-BY 4.0"
    return {
        "path": name,
        "kind": kind,
        "instrument": instrument,
        "pitch_midi": pitch,
        "f0_hz_yin": f0_hz,
        "licence": licence,
    }


@pytest.fixture(scope="session")
def tunes_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten tunes: tune k goes up and down by k semitones, so that a phrase shows which one it came from."""
    root = tmp_path_factory.mktemp("tunes")
    for interval in range(1, 11):
        track = mido.MidiTrack()
        for number in range(24):
            key = 60 + interval * (number % 2)
            track.append(mido.Message("note_on", note=key, velocity=90, time=0))
            track.append(mido.Message("note_off", note=key, velocity=0, time=240))
        file = mido.MidiFile(type=0, ticks_per_beat=480)
        file.tracks.append(track)
        file.save(root / f"tune{interval:02}.mid")
    return root
