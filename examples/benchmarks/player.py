"""What a player hears of the shipped plugins: note changes, quiet, level, range.

    python examples/benchmarks/player.py notes quiet level range --data FOLDER [--plugins FOLDER]

FOLDER has a manifest.csv of recordings that no training heard. Needs the extra 'test' (swift-f0, pyloudnorm).

    notes   how often a minute the pitch leaves that of the source, by SwiftF0, on a solo violin: runs of
            frames (16 ms) more than 100 cents off where SwiftF0 is 0.9 sure of the source. "at once" compares
            frame with frame: a note change 8 ms early or late counts, in the recording itself moved by 8 ms
            too. "within 16 ms" and "within 32 ms" allow every pitch that the source has, or passes, in so
            many milliseconds: what is left is another pitch.
    quiet   level of what comes out of what nobody hears, dBFS, half a second after it began
    level   integrated loudness out against in (ITU-R BS.1770), LU, and the peak
    range   share of the sure frames of the output that lie in the range of the instrument, and how often the
            octave changes, with `octave_auto` at 0 and 1
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import soundfile
import soxr
from numpy.typing import NDArray
from swift_f0 import SwiftF0
from table import print_table, write_json

import latentfx
from latentfx.training.data.instruments import INSTRUMENTS

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

RATE = 48_000
SURE = 0.9
OFF_CENTS = 100.0
FRAME_S = 0.016
VIOLIN = "phrases/violin/minji-kim_bwv1003_mov4.flac"
TIMBRES = ("violin", "trumpet", "flute", "clarinet", "cello", "altosax", "trombone", "oboe")
SOURCES = {
    "low voice": "singing/vocadito_1.flac",
    "voice": "../pjs/pjs/pjs001_song.flac",
    "second voice": "../pjs/pjs/pjs031_song.flac",
    "violin": VIOLIN,
    "trumpet": "notes/trumpet",
    "cello": "notes/cello",
    "clarinet": "notes/clarinet",
    "flute": "notes/flute",
}


class Bench:
    """The recordings, the plugins and the judge of pitch."""

    def __init__(self, data: Path, plugins: Path | None, seconds: float) -> None:
        self.data, self.plugins, self.seconds = data, plugins, seconds
        self.judge = SwiftF0(threads=1)

    def source(self, name: str, seconds: float | None = None) -> Float32:
        """A recording, or a second of every third note of a folder of notes, at 48 kHz.

        Shape:
            -> [T]
        """
        path = self.data / name
        seconds = seconds or self.seconds
        if path.is_dir():
            notes = sorted(path.iterdir())[::3]
            return np.concatenate([_read(note, 1.0) for note in notes])[: round(seconds * RATE)]
        return _read(path, seconds)

    def plugin(self, name: str, **controls: Any) -> latentfx.LatentPlugin:
        """A plugin of the folder, or a shipped one."""
        return latentfx.load(name if self.plugins is None else self.plugins / f"{name}.onnx", **controls)

    def pitch(self, audio: Float32) -> tuple[Float64, Float64]:
        """Pitch in semitones and how sure it is, every 16 ms."""
        found = self.judge.detect(audio, RATE)
        return 12.0 * np.log2(found.pitch_hz / 440.0) + 69.0, found.confidence


def departures(bench: Bench, source: Float32, played: Float32) -> dict[str, float]:
    """Runs of frames a minute in which the output has another pitch than the source, by the time allowed."""
    (pitch, sure), (heard, _) = bench.pitch(source), bench.pitch(played)
    found = {}
    for frames, name in enumerate(("at once", "within 16 ms", "within 32 ms")):
        near = np.stack([np.roll(pitch, shift) for shift in range(-frames, frames + 1)])
        most = OFF_CENTS / 100.0
        off = (sure >= SURE) & ((heard < near.min(0) - most) | (heard > near.max(0) + most))
        runs = np.count_nonzero(np.diff(np.concatenate([[0], off.astype(int)])) == 1)
        found[name] = 60.0 * RATE * runs / len(source)
    return found


def notes(bench: Bench) -> dict[str, Any]:
    """Departures a minute of every plugin that has the pitch code."""
    source = bench.source(VIOLIN, 600.0)
    cases: list[tuple[str, Callable[[], Float32]]] = [
        ("source, 8 ms late", lambda: np.roll(source, RATE // 125))
    ]
    cases += [
        (f"timbre-swap {timbre}", lambda t=timbre: bench.plugin("timbre-swap", timbre=t)(source, RATE))
        for timbre in TIMBRES[:4]
    ]
    cases.append(
        ("timbre-swap-live trumpet", lambda: bench.plugin("timbre-swap-live", timbre="trumpet")(source, RATE))
    )
    cases.append(("ring", lambda: bench.plugin("ring")(source, RATE)))
    rows = {name: departures(bench, source, play()) for name, play in cases}
    print_table(
        ["departures a minute", *next(iter(rows.values()))],
        [(name, *row.values()) for name, row in rows.items()],
    )
    return rows


def inaudible(seconds: float = 4.0) -> Iterator[tuple[str, Float32]]:
    """Signals that nobody hears."""
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.fft.rfft(np.random.default_rng(0).standard_normal(len(time)))
    noise[1:] /= np.sqrt(np.arange(1, len(noise)))
    noise[0] = 0.0
    room = np.fft.irfft(noise, len(time))
    yield "offset 0.003", np.full(len(time), 0.003, np.float32)
    yield "rumble 8 Hz, -40 dBFS", (0.01 * np.sqrt(2) * np.sin(2 * np.pi * 8 * time)).astype(np.float32)
    yield "hum 50 Hz, -60 dBFS", (0.001 * np.sqrt(2) * np.sin(2 * np.pi * 50 * time)).astype(np.float32)
    yield "room noise, -60 dBFS", (0.001 * room / room.std()).astype(np.float32)


def quiet(bench: Bench) -> dict[str, Any]:
    """What comes out of what nobody hears: level, and share of frames that SwiftF0 takes for notes."""
    rows, found = [], {}
    for name, source in inaudible():
        for plugin, controls in (("timbre-swap", {"timbre": "trumpet"}), ("ring", {}), ("latent-mix", {})):
            stereo = plugin == "latent-mix"
            given = np.stack([source, 0 * source]) if stereo else source
            played = np.ravel(bench.plugin(plugin, **controls)(given, RATE))[RATE // 2 :]
            heard = played - played.mean()
            _, sure = bench.pitch(heard)
            share = float((sure > 0.5).mean())
            rows.append((name, plugin, _db(heard), share))
            found[f"{name}, {plugin}"] = {"dbfs": rows[-1][2], "notes": share}
    print_table(["in", "plugin", "out, dBFS", "frames with a pitch"], rows)
    return found


def level(bench: Bench) -> dict[str, Any]:
    """Loudness out against in, and the peak."""
    rows, found = [], {}
    for name, path in SOURCES.items():
        source = bench.source(path)
        for timbre in TIMBRES:
            played = bench.plugin("timbre-swap", timbre=timbre)(source, RATE)
            change = loudness(played) - loudness(source)
            peak = 20.0 * np.log10(np.abs(played).max())
            rows.append((name, timbre, change, 20.0 * np.log10(np.abs(source).max()), float(peak)))
            found[f"{name} to {timbre}"] = {"lu": change, "peak_dbfs": float(peak)}
        change = loudness(bench.plugin("ring")(source, RATE)) - loudness(source)
        rows.append((name, "(ring)", change, "", ""))
        found[f"{name}, ring"] = {"lu": change}
    print_table(["source", "timbre", "LU out against in", "peak in, dBFS", "peak out, dBFS"], rows)
    worst = max(abs(row[2]) for row in rows)
    print(
        f"\nfarthest {worst:.2f} LU; {sum(abs(row[2]) > 1 for row in rows)} of {len(rows)} beyond 1 LU; "
        f"{sum(row[4] > 0 for row in rows if row[4] != '')} above full scale"
    )
    return found


def loudness(audio: Float32) -> float:
    """Integrated loudness, LUFS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(pyloudnorm.Meter(RATE).integrated_loudness(audio.astype(np.float64)))


def octave_range(bench: Bench) -> dict[str, Any]:
    """Where the output lies against the range of its instrument."""
    rows, found = [], {}
    for name in ("low voice", "voice", "violin", "cello"):
        source = bench.source(SOURCES[name])
        pitch, sure = bench.pitch(source)
        for timbre in TIMBRES:
            reach = INSTRUMENTS[timbre]
            for auto in (0.0, 1.0):
                played = bench.plugin("timbre-swap", timbre=timbre, octave_auto=auto)(source, RATE)
                heard, clear = bench.pitch(played)
                use = (sure > SURE) & (clear > SURE)
                inside = (heard[use] > reach.lowest - 1) & (heard[use] < reach.highest + 1)
                octaves = np.round((heard - pitch)[use] / 12.0)
                steps = np.count_nonzero(np.diff(octaves))
                rows.append((name, timbre, int(auto), float(inside.mean()), float(np.median(octaves)), steps))
                found[f"{name} to {timbre}, {int(auto)}"] = rows[-1][3:]
    print_table(["source", "timbre", "octave_auto", "in range", "octaves (median)", "octave changes"], rows)
    return found


def _read(path: Path, seconds: float) -> Float32:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    audio = audio[: round(seconds * rate)].mean(1)
    return np.asarray(soxr.resample(audio, rate, RATE), np.float32)


def _db(audio: Float32) -> float:
    return float(20.0 * np.log10(np.sqrt(np.mean(np.square(audio))) + 1e-10))


PARTS = {"notes": notes, "quiet": quiet, "level": level, "range": octave_range}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless given")
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--plugins", type=Path, help="folder of plugin files; the shipped ones unless given")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each source, for level and range")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    bench = Bench(arguments.data, arguments.plugins, arguments.seconds)
    found = {}
    for part in arguments.parts or PARTS:
        print(f"\n## {part}\n")
        found[part] = PARTS[part](bench)
    write_json(arguments.json, found)


if __name__ == "__main__":
    main()
