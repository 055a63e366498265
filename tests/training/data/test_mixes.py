"""Clips of several sounds: songs as stems, in every layout, and bands from a soundfont."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentfx.errors import DataError
from latentfx.sound.level import frame_levels_db
from latentfx.training.data import Dataset, Example, load_data
from latentfx.training.data.sources.band import draw_beat
from latentfx.training.data.sources.stems import MUSDB_STREAMS, find_songs

RATE = 16000
STEMS = {"drums": 110.0, "bass": 220.0, "other": 440.0, "vocals": 880.0}
# Plays the part of ffmpeg: stream k of any file is a sine of k * 100 Hz, and a sixth stream is not there.
FFMPEG = """#!{python}
import sys
import numpy as np
arguments = sys.argv[1:]
stream = int(arguments[arguments.index("-map") + 1].removeprefix("0:a:"))
rate = int(arguments[arguments.index("-ar") + 1])
assert arguments[arguments.index("-i") + 1].endswith(".stem.mp4") and arguments[-2:] == ["f32le", "-"]
if "short" in arguments[arguments.index("-i") + 1] and stream > 2:
    sys.exit("Stream map matches no streams.")
times_s = np.arange(rate) / rate
sys.stdout.buffer.write(np.sin(2 * np.pi * 100 * stream * times_s).astype("<f4").tobytes())
"""


def sine(f0_hz: float, seconds: float) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * RATE)) / RATE)


def pitches(audio: np.ndarray) -> list[int]:
    """Frequencies that sound, Hz, of a whole number of seconds."""
    spectrum = np.abs(np.fft.rfft(audio)) / len(audio)
    return [int(hz) for hz in np.flatnonzero(spectrum > 0.01) * RATE / len(audio)]


@pytest.fixture(scope="module")
def musdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three songs in the wav layout of MUSDB18-HQ; stereo, with a stem that is shorter than the others."""
    root = tmp_path_factory.mktemp("musdb")
    for name in ("train/One", "train/Two", "test/Three"):
        (root / name).mkdir(parents=True)
        for stem, f0_hz in STEMS.items():
            audio = sine(f0_hz, 2.0 if stem == "vocals" else 4.0)
            soundfile.write(root / name / f"{stem}.wav", np.stack([audio, audio], 1), RATE)
        soundfile.write(root / name / "mixture.wav", sine(3000.0, 4.0), RATE)
    return root


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for ffmpeg, the only one on the path."""
    tool = tmp_path / "bin" / "ffmpeg"
    tool.parent.mkdir()
    tool.write_text(FFMPEG.format(python=sys.executable))
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tool.parent))


def load(root: Path | None, part: dict[str, object], validation: float = 0.25, seed: int = 0) -> Dataset:
    table = {"instruments": ["mix"], "validation": validation, "parts": [part]}
    return load_data(table, RATE, seed, data_root=root)


def test_songs_of_musdb18_hq_are_cut_with_their_stems(musdb: Path) -> None:
    part = {"kind": "stems", "segment_seconds": 2.0, "holdout": ["test/*"], "licence": "theirs"}
    data = load(musdb, part)
    assert [clip.source for clip in data.train] == ["train/One"] * 2 + ["train/Two"] * 2
    assert {clip.source for clip in data.validation} == {"test/Three"}
    first, second = data.train[:2]
    assert [pitches(stem / np.max(np.abs(stem))) for stem in first.stems] == [[220], [110], [440], [880]]
    assert len(second.stems) == 3, "what is silent in a clip is no stem of it"
    for clip in (first, second):
        assert clip.instrument == "mix"
        np.testing.assert_allclose(clip.audio, np.sum(clip.stems, 0), atol=1e-6)
    assert 3000 not in pitches(first.audio), "the mixture on disk is not what is heard"
    assert data.card["licences"] == {"theirs": 3}


def test_songs_are_left_out_by_their_names(musdb: Path) -> None:
    part = {"kind": "stems", "segment_seconds": 2.0, "include": ["train/*"], "exclude": ["*/Two"]}
    assert {clip.source for clip in load(musdb, part, validation=0.0).train} == {"train/One"}


def test_silence_at_the_end_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "song" / f"{name}.flac", np.pad(sine(200.0, 2.0), (0, 4 * RATE)), RATE)
    assert len(load(tmp_path, {"kind": "stems", "segment_seconds": 2.0}, validation=0.0).train) == 1


@pytest.mark.usefixtures("ffmpeg")
def test_stem_mp4_files_are_read_stream_by_stream(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "A song.stem.mp4").touch()
    (song,) = find_songs(tmp_path)
    assert song.name == "train/A song"
    stems = song.read(RATE)
    found = {name: pitches(audio) for name, audio in stems.items()}
    assert found == {name: [100 * k] for k, name in enumerate(MUSDB_STREAMS) if name != "mixture"}


@pytest.mark.usefixtures("ffmpeg")
def test_a_file_with_too_few_streams_is_named(tmp_path: Path) -> None:
    (tmp_path / "short.stem.mp4").touch()
    with pytest.raises(DataError, match=r"short\.stem\.mp4 has no audio stream 3 .* matches no streams"):
        find_songs(tmp_path)[0].read(RATE)


def test_without_ffmpeg_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "A.stem.mp4").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"ffmpeg, which is not installed.*apt install ffmpeg.*MUSDB18-HQ"):
        find_songs(tmp_path)[0].read(RATE)


def test_a_folder_without_songs_says_what_a_song_is(tmp_path: Path) -> None:
    (tmp_path / "lonely").mkdir()
    soundfile.write(tmp_path / "lonely" / "voice.wav", sine(200.0, 1.0), RATE)
    with pytest.raises(DataError, match=r"no song below .* a sound file for each stem"):
        find_songs(tmp_path)
    with pytest.raises(DataError, match="no data folder"):
        find_songs(tmp_path / "absent")


def test_a_beat_keeps_its_grid() -> None:
    beat = draw_beat(8.0, np.random.default_rng(0))
    assert {note.pitch_midi for note in beat} <= {36.0, 38.0, 42.0, 46.0}
    starts = np.unique([note.start_s for note in beat])
    step_s = np.diff(starts).min()
    np.testing.assert_allclose(starts / step_s, np.round(starts / step_s), atol=1e-6)
    assert max(note.end_s for note in beat) <= 8.0


@pytest.fixture(scope="module")
def band(tunes_root: Path) -> Dataset:
    part = {"kind": "band", "seconds": 16, "segment_seconds": 2, "voices": 3, "drums": 1.0, "cache": False}
    return load(tunes_root.parent, part | {"tunes": tunes_root.name})


def test_a_band_plays_several_instruments_at_once(band: Dataset) -> None:
    clips: tuple[Example, ...] = band.train + band.validation
    assert (len(band.train), len(band.validation)) == (6, 2)
    assert not {clip.source for clip in band.train} & {clip.source for clip in band.validation}
    for clip in clips:
        assert 3 <= len(clip.stems) <= 4
        np.testing.assert_allclose(clip.audio, np.sum(clip.stems, 0), atol=1e-6)
        levels_db = [np.percentile(frame_levels_db(stem, RATE // 100), 95) for stem in clip.stems]
        assert min(levels_db) > -45.0
    assert {len(clip.stems) for clip in clips} == {3, 4}
    assert any("MIT License" in licence for licence in band.card["licences"])


def test_drums_are_noise_and_other_voices_are_tones(band: Dataset) -> None:
    """Above 4 kHz hats have more of their energy than any other stem on average."""

    def high(stem: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(stem)) ** 2
        return float(power[len(power) // 2 :].sum() / power.sum())

    drums = np.mean([high(clip.stems[-1]) for clip in band.train])
    others = np.mean([high(stem) for clip in band.train for stem in clip.stems[:-1]])
    assert drums > 3.0 * others
