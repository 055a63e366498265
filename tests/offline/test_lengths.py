"""Headers that estimate a length, or lack one: the file is read to its end, and a cut one is still named."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.errors import AudioFileError
from latentfx.sound.mp3_frames import count_frames
from latentfx.sound.reader import AudioReader

RATE = 48_000
SECONDS = 3
MP3_FRAME = 1152
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    time = np.arange(SECONDS * RATE) / RATE
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, len(time)) * (time > SECONDS / 2)
    return 0.4 * np.sin(2 * np.pi * 440 * time) + noise  # a variable bit rate gives the halves other sizes


@pytest.fixture(scope="module")
def plugin(plugin_file: Write) -> latentfx.LatentPlugin:
    return latentfx.load(plugin_file("gain"))


def mp3(audio: np.ndarray, mode: str, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return file.getvalue()


def without_info(content: bytes) -> bytes:
    frames = count_frames(io.BytesIO(content))
    assert frames is not None
    assert frames.declared == frames.count
    return content[frames.start :]


def streamed_flac(audio: np.ndarray) -> bytes:
    """What a program leaves that writes FLAC to a pipe: no length, no checksum."""
    file = io.BytesIO()
    soundfile.write(file, audio, RATE, format="FLAC")
    content = bytearray(file.getvalue())
    content[21] &= 0xF0
    content[22:42] = bytes(20)
    return bytes(content)


def open_wav(audio: np.ndarray, kind: str = "WAV") -> bytes:
    """What a recorder leaves that was stopped before it wrote the sizes."""
    file = io.BytesIO()
    soundfile.write(file, audio, RATE, format=kind, subtype="PCM_16")
    content = bytearray(file.getvalue())
    if kind == "WAV":
        content[4:8] = content[40:44] = bytes(4)
    elif kind == "RF64":
        content[20:44] = bytes(24)
    elif kind == "AU":
        content[8:12] = bytes(4)
    else:
        at = content.index(b"data") + 4
        content[at : at + 8] = b"\xff" * 8
    return bytes(content)


def played(path: Path, plugin: latentfx.LatentPlugin) -> np.ndarray:
    out, _ = latentfx.apply(path, plugin=plugin)
    return out[0]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_whose_header_counts_no_frames_is_read_to_its_end(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "bare.mp3"
    path.write_bytes(without_info(mp3(audio, mode)))
    out = played(path, plugin)
    assert 0 <= len(out) - len(audio) < 3 * MP3_FRAME
    assert np.abs(out[len(audio) - 2 * MP3_FRAME :]).max() > 0.1


def test_joined_mp3_files_are_read_to_the_end_of_the_last(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(mp3(audio, "VARIABLE") + mp3(audio[: len(audio) // 2], "CONSTANT"))
    assert 0 <= len(played(path, plugin)) - 1.5 * len(audio) < 6 * MP3_FRAME


def test_tags_at_the_start_and_the_end_of_an_mp3_are_no_sound(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path
) -> None:
    title = b"TIT2" + (4).to_bytes(4, "big") + b"\0\0" + b"\0Air"
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(title)]) + title
    bare = without_info(mp3(audio, "CONSTANT"))
    path = tmp_path / "tagged.mp3"
    path.write_bytes(tag + bare + b"TAG" + bytes(125))
    with AudioReader(path) as reader:
        assert reader.info.tags["title"] == "Air"
        assert 0 <= reader.info.frames - len(audio) < 3 * MP3_FRAME
        assert sum(block.shape[1] for block in reader.blocks(5000)) == reader.info.frames


def test_joined_mp3_files_of_two_rates_are_refused(audio: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(mp3(audio, "CONSTANT") + mp3(audio, "CONSTANT", 44_100))
    with pytest.raises(AudioFileError, match=r"changes its sample rate after 3\.\d\d s.*Split it"):
        AudioReader(path)


def test_a_flac_stream_without_a_length_is_read_whole(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "pipe.flac"
    path.write_bytes(streamed_flac(audio))
    out = played(path, plugin)
    assert out.shape == audio.shape
    assert np.abs(out - audio).max() < 1e-4


def id3(size: int, footer: bool = False) -> bytes:
    """A tag as some programs put it before a FLAC file."""
    sizes = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\4\0" + bytes([0x10 * footer]) + sizes + bytes(size) + bytes(10 * footer)


@pytest.mark.parametrize("tag", [id3(1000), id3(300, footer=True), id3(50) + id3(5)])
def test_a_flac_stream_without_a_length_is_read_whole_behind_tags(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path, tag: bytes
) -> None:
    path = tmp_path / "tagged.flac"
    path.write_bytes(tag + streamed_flac(audio))
    out = played(path, plugin)
    assert out.shape == audio.shape
    assert np.abs(out - audio).max() < 1e-4


@pytest.mark.parametrize("share", [0.4, 0.95])
def test_a_flac_file_that_is_shorter_than_its_length_is_named_as_cut(
    audio: np.ndarray, tmp_path: Path, share: float
) -> None:
    path = tmp_path / "cut.flac"
    soundfile.write(path, audio, RATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with AudioReader(path) as reader, pytest.raises(AudioFileError, match=r"cut\.flac is cut short: it ends"):
        list(reader.blocks(4096))


def test_a_flac_file_that_is_damaged_before_its_end_is_not_named_as_cut(
    audio: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "hole.flac"
    soundfile.write(path, audio, RATE)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 50_000] = bytes(50_000)
    path.write_bytes(content)
    with AudioReader(path) as reader, pytest.raises(AudioFileError, match=r"hole\.flac is damaged after"):
        list(reader.blocks(4096))


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AU", "CAF"])
def test_a_header_with_sizes_of_0_is_read_to_the_end_with_a_note(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"stopped.{kind.lower()}"
    path.write_bytes(open_wav(audio, kind))
    with pytest.warns(
        latentfx.AudioWarning, match=r"The header gives no length\. Everything after it was read as sound\."
    ):
        out = played(path, plugin)
    assert len(out) == len(audio)
    assert np.abs(out - audio).max() < 1e-4


def test_a_wav_without_samples_but_with_other_chunks_holds_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + head + b"data" + bytes(4) + b"LIST" + struct.pack("<I", 4) + b"INFO"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with pytest.raises(AudioFileError, match="holds no samples"):
        AudioReader(path)


@pytest.mark.parametrize("kind", ["constant", "variable", "flac"])
@pytest.mark.parametrize("share", [0.4, 0.95])
def test_a_cut_file_without_a_length_is_still_named_as_one(
    audio: np.ndarray, tmp_path: Path, kind: str, share: float
) -> None:
    whole = streamed_flac(audio) if kind == "flac" else without_info(mp3(audio, kind.upper()))
    path = tmp_path / f"cut.{'flac' if kind == 'flac' else 'mp3'}"
    path.write_bytes(whole[: int(share * len(whole)) | 1])
    with pytest.raises(AudioFileError, match="is cut short"):
        AudioReader(path)


def test_a_side_is_read_to_its_end(plugin_file: Write, audio: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "bare.mp3"
    path.write_bytes(without_info(mp3(audio, "VARIABLE")))
    source = np.full(len(audio), 1e-3, np.float32)
    with pytest.warns(latentfx.AudioWarning, match="longer than the source"):
        out = latentfx.apply(source, None, plugin_file("side"), sample_rate=RATE, side=path)
    assert np.abs(out[-2 * MP3_FRAME :]).max() > 0.05


def test_a_reference_is_read_to_its_end(plugin_file: Write, audio: np.ndarray, tmp_path: Path) -> None:
    """The blend learns the peak, which stands at the end."""
    quiet = 0.05 * audio
    quiet[-4800:] = audio[-4800:]
    bare, whole = tmp_path / "bare.mp3", tmp_path / "whole.mp3"
    whole.write_bytes(mp3(quiet, "VARIABLE"))
    bare.write_bytes(without_info(whole.read_bytes()))
    source = np.full(RATE, 0.01, np.float32)
    first, second = (
        latentfx.apply(source, None, plugin_file("blend"), sample_rate=RATE, reference=path)
        for path in (bare, whole)
    )
    np.testing.assert_allclose(first, second, rtol=0.02)


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg"])
def test_an_open_file_is_a_source_like_a_path(
    plugin: latentfx.LatentPlugin, audio: np.ndarray, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"take.{kind}"
    soundfile.write(path, audio, RATE)
    expected = played(path, plugin)
    memory = io.BytesIO(path.read_bytes())
    memory.seek(7)
    for _ in range(2):  # it is read from its start
        assert np.array_equal(latentfx.apply(memory, plugin=plugin)[0][0], expected)
    with path.open("rb") as file:
        applied = latentfx.apply(file, tmp_path / "out.wav", plugin)
        with pytest.raises(AudioFileError, match="is the recording that is read"):
            latentfx.apply(file, path, plugin)
    assert applied.source is None
    assert applied.frames == len(expected)


def test_an_open_text_file_is_refused(plugin: latentfx.LatentPlugin) -> None:
    with pytest.raises(AudioFileError, match=r"the open file gives text; open it with open\(NAME, 'rb'\)"):
        latentfx.apply(io.StringIO("text"), plugin=plugin)  # type: ignore[call-overload]
