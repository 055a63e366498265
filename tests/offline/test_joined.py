"""Ogg files joined from several: all of them are read, or the file is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.errors import AudioFileError
from latentfx.sound.reader import AudioReader

RATE = 48_000
Write = Callable[[str], Path]


def ogg(hz: float, seconds: float, subtype: str = "VORBIS", rate: int = RATE, channels: int = 1) -> bytes:
    file = io.BytesIO()
    tone = 0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)
    with soundfile.SoundFile(file, "w", rate, channels, subtype, format="OGG") as sound:
        sound.title = f"{hz:g} Hz"
        sound.write(np.stack([tone] * channels, axis=1))
    return file.getvalue()


def loudest_hz(audio: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(audio)).argmax() * RATE / len(audio))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("way", ["path", "open file"])
def test_every_part_of_a_joined_file_is_read(
    plugin_file: Write, tmp_path: Path, subtype: str, way: str
) -> None:
    path = tmp_path / "joined.ogg"
    path.write_bytes(ogg(440, 1.0, subtype) + ogg(880, 0.5, subtype) + ogg(1760, 1.0, subtype))
    source = path if way == "path" else io.BytesIO(path.read_bytes())
    out, rate = latentfx.apply(source, plugin=plugin_file("gain"))
    assert (rate, out.shape) == (RATE, (1, int(2.5 * RATE)))
    parts = (out[0, :RATE], out[0, RATE : RATE * 3 // 2], out[0, RATE * 3 // 2 :])
    assert [loudest_hz(part) for part in parts] == pytest.approx([440, 880, 1760], abs=2)


def test_a_joined_file_keeps_form_and_tags_of_its_first_part(plugin_file: Write, tmp_path: Path) -> None:
    path = tmp_path / "joined.ogg"
    path.write_bytes(ogg(440, 0.5, channels=2) + ogg(880, 0.5, channels=2))
    applied = latentfx.apply(path, tmp_path / "out.ogg", plugin_file("gain"))
    assert (applied.frames, applied.subtype, applied.notes) == (RATE, "VORBIS", ())
    with AudioReader(tmp_path / "out.ogg") as reader:
        assert (reader.info.frames, reader.info.tags["title"]) == (RATE, "440 Hz")


@pytest.mark.parametrize("other", [{"rate": 44_100}, {"channels": 2}], ids=["rate", "channels"])
def test_parts_of_two_forms_are_refused(tmp_path: Path, other: dict[str, int]) -> None:
    path = tmp_path / "joined.ogg"
    path.write_bytes(ogg(440, 1.0) + ogg(880, 1.0, **other))
    with pytest.raises(
        AudioFileError, match=r"joined\.ogg changes its sample rate or its channels after 1\.00 s"
    ):
        AudioReader(path)


@pytest.mark.parametrize("cut", [10, 2000])
def test_a_joined_file_whose_last_part_is_cut_is_named_as_one(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "joined.ogg"
    path.write_bytes((ogg(440, 1.0) + ogg(880, 1.0))[:-cut])
    with pytest.raises(AudioFileError, match="is cut short"):
        AudioReader(path)


@pytest.mark.parametrize("parts", [1, 2])
def test_zeros_behind_the_last_page_are_no_cut(tmp_path: Path, parts: int) -> None:
    path = tmp_path / "padded.ogg"
    path.write_bytes(ogg(440, 1.0) * parts + bytes(70_000))
    with AudioReader(path) as reader:
        audio = np.concatenate(list(reader.blocks(4096)), axis=1)
    assert audio.shape == (1, parts * RATE)
    assert loudest_hz(audio[0, -RATE:]) == pytest.approx(440, abs=2)
