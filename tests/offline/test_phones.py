"""Formats that phones write: read through ffmpeg where it is there, else a line that says how to convert."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.batch import apply_many
from latentfx.batch.plan import plan
from latentfx.errors import AudioFileError

RATE = 48_000
Write = Callable[[str], Path]
M4A = b"\0\0\0\x1cftypM4A " + bytes(200)
FFMPEG = """#!{python}
import sys
import numpy, soundfile
source, target = (name.removeprefix("file:") for name in (sys.argv[sys.argv.index("-i") + 1], sys.argv[-1]))
if b"damaged" in open(source, "rb").read():
    sys.exit("Invalid data found when processing input")
soundfile.write(target, numpy.full((4800, 2), 0.25), 48000, format="WAV", subtype="FLOAT")
"""


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    path = tmp_path / "takes" / "phone.m4a"
    path.parent.mkdir()
    path.write_bytes(M4A)
    return path


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name, which stands in for the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ffmpeg").write_text(FFMPEG.format(python=sys.executable))
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_command_that_converts_a_file_can_be_pasted(
    plugin_file: Write, phone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    path = phone.rename(phone.with_name("it's $HOME.m4a"))
    with pytest.raises(AudioFileError, match="convert the file") as refused:
        latentfx.apply(path, None, plugin_file("gain"))
    command = shlex.split(str(refused.value).rpartition("elsewhere: ")[2])
    assert command == ["ffmpeg", "-i", str(path), "it's $HOME.wav"]


@pytest.mark.usefixtures("ffmpeg")
def test_what_a_phone_recorded_is_read_through_ffmpeg(
    plugin_file: Write, phone: Path, tmp_path: Path
) -> None:
    applied = latentfx.apply(phone, phone.parent, plugin_file("gain"), gain=2)
    assert (applied.target, applied.channels) == (phone.with_suffix(".wav"), 2)
    np.testing.assert_allclose(soundfile.read(applied.target)[0], 0.5, atol=1e-3)


@pytest.mark.usefixtures("ffmpeg")
def test_what_ffmpeg_cannot_read_is_refused_with_its_words(plugin_file: Write, phone: Path) -> None:
    phone.write_bytes(M4A + b"damaged")
    with pytest.raises(AudioFileError, match=r"phone\.m4a cannot be read: ffmpeg says 'Invalid data"):
        latentfx.apply(phone, plugin=plugin_file("gain"))


@pytest.mark.parametrize(
    "content", [M4A, b"\xff\xf1" + bytes(99), bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")]
)
def test_without_ffmpeg_the_error_says_how_to_convert(
    plugin_file: Write, phone: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("PATH", "")
    phone.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"needs the program ffmpeg.*ffmpeg -i .*phone\.m4a phone\.wav$"):
        latentfx.apply(phone, plugin=plugin_file("gain"))


def test_in_a_folder_what_a_phone_recorded_is_counted_and_stops_no_other(
    plugin_file: Write, phone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    soundfile.write(phone.parent / "a.wav", np.full(4800, 0.25), RATE)
    out = tmp_path / "out"
    planned = [(task.source, task.target) for task in plan(phone.parent, out)]
    assert (str(phone), str(out / "phone.wav")) in planned
    outcomes = {
        Path(outcome.source).name: outcome for outcome in apply_many(phone.parent, out, plugin_file("gain"))
    }
    assert (outcomes["a.wav"].error, outcomes["a.wav"].seconds) == ("", 0.1)
    assert "ffmpeg -i" in outcomes["phone.m4a"].error
