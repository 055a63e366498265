"""What a file holds beside samples, and rates that a format lacks: kept, or said."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mutagen import id3
from mutagen.wave import WAVE

import latentfx
from latentfx.sound.chunks import Extras
from latentfx.sound.reader import AudioReader

RATE = 48_000
SURROUND = 0x60F
HEIGHTS = 0x2D033
CUE = struct.pack("<III4sIII", 1, 1, 100, b"data", 0, 0, 100)
LABEL = b"adtl" + b"labl" + struct.pack("<I", 10) + struct.pack("<I", 1) + b"verse\0"
LOOPS = struct.pack("<9I", 0, 0, 20_833, 60, 0, 0, 0, 0, 0)
BROADCAST = b"A take".ljust(346, b"\0") + struct.pack("<H", 2) + bytes(64) + b"\x10\0" * 5 + bytes(180)
CHUNKS = ((b"cue ", CUE), (b"LIST", LABEL), (b"smpl", LOOPS), (b"bext", BROADCAST))
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def plugin(plugin_file: Write) -> latentfx.LatentPlugin:
    return latentfx.load(plugin_file("delay"))


def make(path: Path, chunks: tuple[tuple[bytes, bytes], ...] = (), speakers: int | None = None) -> Path:
    """A recording of 6 channels, with chunks after its samples."""
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, (4801, 6))
    kind = "WAV" if speakers is None else "WAVEX"
    soundfile.write(path, audio, RATE, format=kind, subtype="PCM_24")
    content = bytearray(path.read_bytes())
    if speakers is not None:
        content[40:44] = struct.pack("<I", speakers)
    for name, inside in chunks:
        content += name + struct.pack("<I", len(inside)) + inside + b"\0" * (len(inside) % 2)
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    return path


def extras_of(path: Path) -> Extras | None:
    with AudioReader(path) as reader:
        return reader.info.extras


@pytest.mark.parametrize("suffix", ["wav", "rf64"])
@pytest.mark.parametrize("speakers", [SURROUND, HEIGHTS])
def test_the_layout_of_speakers_is_kept(
    plugin: latentfx.LatentPlugin, tmp_path: Path, suffix: str, speakers: int
) -> None:
    applied = latentfx.apply(make(tmp_path / "in.wav", (), speakers), tmp_path / f"out.{suffix}", plugin)
    found = extras_of(applied.target)
    assert found is not None
    assert (found.speakers, found.channels) == (speakers, 6)
    assert soundfile.info(applied.target).frames == 4801


def test_a_layout_is_made_for_no_source_that_has_none(plugin: latentfx.LatentPlugin, tmp_path: Path) -> None:
    applied = latentfx.apply(make(tmp_path / "in.wav"), tmp_path / "out.wav", plugin)
    assert (soundfile.info(applied.target).format, extras_of(applied.target)) == ("WAV", None)


@pytest.mark.parametrize("suffix", ["wav", "rf64"])
def test_cue_points_loops_and_broadcast_data_are_kept(
    plugin: latentfx.LatentPlugin, tmp_path: Path, suffix: str
) -> None:
    applied = latentfx.apply(make(tmp_path / "in.wav", CHUNKS), tmp_path / f"out.{suffix}", plugin)
    content = applied.target.read_bytes()
    found = extras_of(applied.target)
    assert found is not None
    kept = dict(found.chunks)
    assert [kept[name] for name in (b"cue ", b"LIST", b"smpl")] == [CUE, LABEL, LOOPS]
    assert kept[b"bext"][:412] + kept[b"bext"][422:] == BROADCAST[:412] + BROADCAST[422:]
    size = struct.unpack("<Q", content[20:28]) if suffix == "rf64" else struct.unpack("<I", content[4:8])
    assert size == (len(content) - 8,)
    assert applied.notes == ()


def test_the_loudness_of_the_source_is_not_said_of_the_result(
    plugin: latentfx.LatentPlugin, tmp_path: Path
) -> None:
    applied = latentfx.apply(make(tmp_path / "in.wav", CHUNKS), tmp_path / "out.wav", plugin)
    found = extras_of(applied.target)
    assert found is not None
    assert dict(found.chunks)[b"bext"][412:422] == b"\xff\x7f" * 5  # "not given", by the standard


def test_markers_of_aiff_stay_in_aiff(plugin: latentfx.LatentPlugin, tmp_path: Path) -> None:
    source, marks = tmp_path / "in.aiff", struct.pack(">HHI", 1, 1, 100) + b"\5verse"
    soundfile.write(source, np.zeros(1000) + 0.1, RATE)
    content = source.read_bytes() + b"MARK" + struct.pack(">I", len(marks)) + marks
    source.write_bytes(content[:4] + struct.pack(">I", len(content) - 8) + content[8:])
    applied = latentfx.apply(source, tmp_path / "out.aiff", plugin)
    found = extras_of(applied.target)
    assert found is not None
    assert found.chunks == ((b"MARK", marks),)


@pytest.mark.parametrize(("suffix", "name"), [("flac", "FLAC"), ("aiff", "AIFF"), ("ogg", "Ogg Vorbis")])
def test_what_another_format_cannot_hold_is_named(
    plugin: latentfx.LatentPlugin, tmp_path: Path, suffix: str, name: str
) -> None:
    source = make(tmp_path / "in.wav", CHUNKS, HEIGHTS)
    with pytest.warns(latentfx.AudioWarning, match=f"{name} cannot hold") as said:
        latentfx.apply(source, tmp_path / f"out.{suffix}", plugin)
    text = str(said[0].message)
    for words in ("cue points", "labels", "sampler loops", "broadcast data", "layout of speakers", ".wav"):
        assert words in text


def test_the_usual_order_of_speakers_is_no_loss(plugin: latentfx.LatentPlugin, tmp_path: Path) -> None:
    applied = latentfx.apply(make(tmp_path / "in.wav", (), SURROUND), tmp_path / "out.flac", plugin)
    assert applied.notes == ()


def test_chunks_that_lie_beyond_the_end_are_not_taken(plugin: latentfx.LatentPlugin, tmp_path: Path) -> None:
    source = make(tmp_path / "in.wav")
    content = source.read_bytes() + b"cue " + struct.pack("<I", 1 << 30) + CUE
    source.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])
    assert extras_of(latentfx.apply(source, tmp_path / "out.wav", plugin).target) is None


@pytest.mark.parametrize(
    ("name", "rate", "expected"),
    [
        ("out.opus", 44_100, 48_000),
        ("out.opus", 11_025, 12_000),
        ("out.mp3", 96_000, 48_000),
        ("out.mp3", 88_200, 44_100),
        ("out.mp3", 192_000, 48_000),
        ("out.ogg", 384_000, 192_000),  # above 200 kHz, the library would crash
        ("out.flac", 768_000, 384_000),
    ],
)
def test_a_rate_that_the_format_lacks_is_resampled_and_said(
    plugin: latentfx.LatentPlugin, tmp_path: Path, name: str, rate: int, expected: int
) -> None:
    time = np.arange(rate // 2) / rate
    source = tmp_path / "in.wav"
    soundfile.write(source, 0.5 * np.sin(2 * np.pi * 440 * time), rate, subtype="FLOAT")
    with pytest.warns(latentfx.AudioWarning, match=f"has no {rate} Hz: resampled to {expected} Hz"):
        applied = latentfx.apply(source, tmp_path / name, plugin)
    out, found = soundfile.read(applied.target)
    length = round(len(time) * expected / rate)
    assert (found, applied.sample_rate, len(out), applied.frames) == (expected, expected, length, length)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(out)) / expected)
    middle = slice(len(out) // 4, -len(out) // 4)
    assert np.abs(out - wanted)[middle].max() < 0.08  # as for every lossy format


def test_mp3_has_its_tags_once_and_in_the_form_that_every_player_reads(
    plugin: latentfx.LatentPlugin, tmp_path: Path
) -> None:
    source = tmp_path / "in.flac"
    with soundfile.SoundFile(source, "w", RATE, 1) as file:
        file.title, file.copyright, file.license = "Žluťoučký kůň", "© Müller", "CC BY 4.0"
        file.write(np.zeros(RATE) + 0.1)
    applied = latentfx.apply(source, tmp_path / "out.mp3", plugin)
    tags = id3.ID3(applied.target)
    assert tags.version == (2, 3, 0)
    assert (tags["TIT2"].text, tags["TCOP"].text) == (["Žluťoučký kůň"], ["© Müller"])
    assert tags["TXXX:LICENSE"].text == ["CC BY 4.0"]
    assert soundfile.info(applied.target).frames == RATE


def test_a_licence_is_kept_in_the_id3_chunk_of_wav_and_told_where_it_cannot_follow(
    plugin: latentfx.LatentPlugin, tmp_path: Path
) -> None:
    source = tmp_path / "in.flac"
    with soundfile.SoundFile(source, "w", RATE, 1) as file:
        file.license = "CC BY 4.0, Žluťoučký"
        file.write(np.zeros(RATE) + 0.1)
    applied = latentfx.apply(source, tmp_path / "out.wav", plugin)
    again = latentfx.apply(applied.target, tmp_path / "again.wav", plugin)
    for each in (applied, again):
        assert not each.notes
        assert WAVE(each.target).tags["TXXX:LICENSE"].text == ["CC BY 4.0, Žluťoučký"]
        assert soundfile.info(each.target).frames == RATE
    with pytest.warns(latentfx.AudioWarning, match="cannot hold what is beside the sound: tags; write .wav"):
        latentfx.apply(again.target, tmp_path / "back.flac", plugin)
