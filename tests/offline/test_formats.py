"""Sound files in and out: every format, bit depth, tags, and what a format cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.errors import AudioFileError
from latentfx.sound.reader import AudioReader

RATE = 48_000
TAGS = {
    "title": "Für Élise, 夜",
    "artist": "A. Dvořák",
    "album": "Песни",
    "date": "2024",
    "comment": "naïve 🎻",
    "genre": "Tänze",
}
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def plugin(plugin_file: Write) -> latentfx.LatentPlugin:
    return latentfx.load(plugin_file("delay"))


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    time = np.arange(RATE // 4) / RATE
    return np.stack([0.5 * np.sin(2 * np.pi * hz * time) for hz in (330, 440)], axis=1)


def write(
    path: Path, audio: np.ndarray, rate: int = RATE, tags: dict[str, str] | None = None, **how: str
) -> Path:
    with soundfile.SoundFile(path, "w", rate, audio.shape[1], **how) as file:
        for name, value in (tags or {}).items():
            setattr(file, name, value)
        file.write(audio)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg", "mp3", "opus", "caf", "w64", "au"])
@pytest.mark.parametrize("source", ["wav", "flac", "aiff", "ogg", "mp3"])
def test_every_format_becomes_every_other(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path, source: str, suffix: str
) -> None:
    path = write(tmp_path / f"in.{source}", audio)
    applied = latentfx.apply(path, tmp_path / f"out.{suffix}", plugin)
    out, rate = soundfile.read(applied.target)
    assert (rate, out.shape, applied.frames) == (RATE, audio.shape, len(audio))
    quarter = slice(len(audio) // 4, -len(audio) // 4)
    lossy = {"ogg", "mp3", "opus"} & {source, suffix}
    assert np.abs(out - audio)[quarter].max() < (0.08 if lossy else 1e-4)
    lag = np.argmax(np.correlate(out[quarter, 0], audio[quarter, 0], "same")) - len(out[quarter]) // 2
    assert abs(lag) <= (1 if lossy else 0)


@pytest.mark.parametrize(
    ("source", "subtype", "target", "expected"),
    [
        ("wav", "PCM_16", "wav", "PCM_16"),
        ("wav", "PCM_24", "wav", "PCM_24"),
        ("wav", "PCM_32", "wav", "PCM_32"),
        ("wav", "FLOAT", "wav", "FLOAT"),
        ("wav", "DOUBLE", "wav", "DOUBLE"),
        ("wav", "PCM_U8", "wav", "PCM_U8"),
        ("wav", "PCM_16", "flac", "PCM_16"),
        ("wav", "PCM_24", "aiff", "PCM_24"),
        ("wav", "FLOAT", "flac", "PCM_24"),
        ("wav", "PCM_U8", "flac", "PCM_S8"),
        ("flac", "PCM_S8", "wav", "PCM_U8"),
        ("wav", "ALAW", "flac", "PCM_16"),
        ("caf", "ALAC_16", "wav", "PCM_16"),
        ("caf", "ALAC_20", "flac", "PCM_24"),
        ("caf", "ALAC_24", "wav", "PCM_24"),
        ("caf", "ALAC_24", "flac", "PCM_24"),
        ("caf", "ALAC_32", "wav", "PCM_32"),
        ("ogg", "VORBIS", "wav", "PCM_16"),
        ("wav", "PCM_24", "ogg", "VORBIS"),
    ],
)
def test_the_bit_depth_is_kept_or_becomes_the_nearest_of_the_format(
    plugin: latentfx.LatentPlugin,
    audio: np.ndarray,
    tmp_path: Path,
    source: str,
    subtype: str,
    target: str,
    expected: str,
) -> None:
    path = write(tmp_path / f"in.{source}", audio, subtype=subtype)
    applied = latentfx.apply(path, tmp_path / f"out.{target}", plugin)
    assert applied.subtype == soundfile.info(applied.target).subtype == expected


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_an_effect_that_changes_nothing_changes_no_bit(
    plugin: latentfx.LatentPlugin, tmp_path: Path, subtype: str
) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, (5000, 2))
    noise[:2] = [[-1, 1], [1, -1]]
    path = write(tmp_path / "in.wav", noise, subtype=subtype)
    latentfx.apply(path, tmp_path / "out.wav", plugin)
    before, after = (soundfile.read(tmp_path / name, dtype="int32")[0] for name in ("in.wav", "out.wav"))
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [
        ("flac", ()),
        ("ogg", ()),
        ("opus", ()),
        ("mp3", ()),
        ("wav", ()),
        ("caf", ()),
        ("aiff", ("date", "album", "genre")),
        ("au", tuple(TAGS)),
    ],
)
@pytest.mark.filterwarnings("ignore::latentfx.AudioWarning")
def test_tags_are_kept_in_any_script_or_named_where_the_format_lacks_them(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path, suffix: str, lost: tuple[str, ...]
) -> None:
    path = write(tmp_path / "in.flac", audio, tags=TAGS)
    applied = latentfx.apply(path, tmp_path / f"out.{suffix}", plugin)
    named = {tag for note in applied.notes for tag in TAGS if tag in note}
    assert named == set(lost)
    with AudioReader(tmp_path / f"out.{suffix}") as reader:
        assert reader.info.tags == {name: text for name, text in TAGS.items() if name not in lost}


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6, 32])
def test_channels_stay_in_place_at_any_rate_and_number(
    plugin: latentfx.LatentPlugin, tmp_path: Path, rate: int, channels: int
) -> None:
    """An impulse in every channel stays where it was."""
    audio = np.zeros((rate // 8, channels))
    places = 100 + 7 * np.arange(channels)
    audio[places, np.arange(channels)] = 0.5
    path = write(tmp_path / "in.wav", audio, rate, subtype="FLOAT")
    applied = latentfx.apply(path, tmp_path / "out.wav", plugin)
    out, _ = soundfile.read(applied.target, always_2d=True)
    assert out.shape == audio.shape
    np.testing.assert_array_equal(np.abs(out).argmax(axis=0), places)


@pytest.mark.parametrize(
    ("name", "channels", "rate", "message"),
    [
        ("out.flac", 32, RATE, "cannot hold 32 channels at 48000 Hz as FLAC"),
        ("out.mp3", 3, RATE, "cannot hold 3 channels"),
        ("out.m4a", 1, RATE, r"ends in no format that can be written; choose one of .*\.wav"),
        ("out", 1, RATE, "ends in no format"),
    ],
)
def test_channels_that_a_format_cannot_hold_and_unknown_formats_are_refused_before_any_work(
    plugin: latentfx.LatentPlugin, tmp_path: Path, name: str, channels: int, rate: int, message: str
) -> None:
    path = write(tmp_path / "in.wav", np.zeros((100, channels)), rate)
    with pytest.raises(AudioFileError, match=message):
        latentfx.apply(
            path, tmp_path / name, plugin, progress=lambda done, total: pytest.fail("work was done")
        )
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.wav"]
