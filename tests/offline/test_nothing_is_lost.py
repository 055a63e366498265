"""Bad sources, bad targets, full disks and Ctrl-C: a clear error, and the target is what it was."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.errors import AudioFileError

RATE = 48_000
Write = Callable[[str], Path]
OLD = b"what was here before"


@pytest.fixture(scope="module")
def plugin(plugin_file: Write) -> Path:
    return plugin_file("delay")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, RATE), RATE)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target.wav"
    path.write_bytes(OLD)
    return path


def assert_untouched(target: Path) -> None:
    assert target.read_bytes() == OLD
    assert not list(target.parent.glob(".*"))


def cut(path: Path, size: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(size * len(content))])
    return path


def test_an_absent_source_or_a_folder_is_refused_and_the_target_kept(plugin: Path, target: Path) -> None:
    with pytest.raises(AudioFileError, match=r"no sound file .*absent\.wav; check the name"):
        latentfx.apply(target.with_name("absent.wav"), target, plugin)
    with pytest.raises(AudioFileError, match="is a folder"):
        latentfx.apply(target.parent, target, plugin)
    assert_untouched(target)


@pytest.mark.parametrize(
    "content", [b"", b"this is a text, not a sound" * 50, b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(99)]
)
def test_a_source_that_is_no_audio_is_refused_and_the_target_kept(
    plugin: Path, target: Path, content: bytes
) -> None:
    bad = target.with_name("bad.wav")
    bad.write_bytes(content)
    with pytest.raises(AudioFileError, match=r"bad\.wav (cannot be read as audio|holds no samples)"):
        latentfx.apply(bad, target, plugin)
    assert_untouched(target)


def test_a_source_without_samples_is_refused_and_the_target_kept(plugin: Path, target: Path) -> None:
    empty = target.with_name("empty.wav")
    soundfile.write(empty, np.zeros(0), RATE)
    with pytest.raises(AudioFileError, match="holds no samples"):
        latentfx.apply(empty, target, plugin)
    assert_untouched(target)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3", "ogg", "w64", "au"])
@pytest.mark.parametrize("size", [0.3, 0.8])
def test_a_source_that_is_cut_short_is_refused_and_the_target_kept(
    plugin: Path, source: Path, target: Path, suffix: str, size: float
) -> None:
    audio, _ = soundfile.read(source)
    whole = source.with_suffix(f".{suffix}")
    soundfile.write(whole, audio, RATE)
    with pytest.raises(AudioFileError, match=r"cut short|is damaged after|cannot be read"):
        latentfx.apply(cut(whole, size), target, plugin)
    assert_untouched(target)


def test_a_recorder_that_left_its_header_open_is_read(plugin: Path, source: Path) -> None:
    """Programs that write to a pipe leave the largest number as the size: that is no cut."""
    content = bytearray(source.read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4
    source.write_bytes(content)
    out, _ = latentfx.apply(source, plugin=plugin)
    assert out.shape == (1, RATE)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{tmp}/no/such/folder/out.wav", "there is no folder .*mkdir -p"),
        ("/proc/out.wav", "cannot write /proc/out.wav"),
        ("/dev/full", "ends in no format"),
        ("{tmp}/pipe.wav", "not a regular file"),
        ("{tmp}/locked.wav", "is read-only; make it writable"),
        ("{tmp}/source.wav/out.wav", "there is no folder"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused_and_nothing_is_left_behind(
    plugin: Path, source: Path, tmp_path: Path, target: str, message: str
) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    locked = tmp_path / "locked.wav"
    locked.write_bytes(OLD)
    locked.chmod(0o444)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AudioFileError, match=message):
        latentfx.apply(source, target.format(tmp=tmp_path), plugin)
    assert sorted(tmp_path.iterdir()) == before
    assert locked.read_bytes() == OLD


def test_a_target_that_is_a_link_stays_one_and_keeps_its_permissions(
    plugin: Path, source: Path, target: Path
) -> None:
    link = target.with_name("link.wav")
    link.symlink_to(target)
    target.chmod(0o640)
    latentfx.apply(source, link, plugin)
    assert link.is_symlink()
    assert soundfile.info(target).frames == RATE
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "way", ["{0}", "{0.parent}", "{0.parent}/../{0.parent.name}/{0.name}", "soft", "hard"]
)
def test_a_target_that_is_the_source_is_refused_and_the_source_kept(
    plugin: Path, source: Path, tmp_path: Path, way: str
) -> None:
    before = source.read_bytes()
    (tmp_path / "soft").symlink_to(source)
    (tmp_path / "hard").hardlink_to(source)
    target = tmp_path / way if way in ("soft", "hard") else Path(way.format(source))
    with pytest.raises(AudioFileError, match="is the recording that is read"):
        latentfx.apply(source, target, plugin)
    assert source.read_bytes() == before


def test_a_target_that_is_the_side_or_the_reference_is_refused(
    plugin_file: Write, source: Path, target: Path
) -> None:
    soundfile.write(target, np.full(RATE, 0.1), RATE)
    before = target.read_bytes()
    for kind, given in (("side", {"side": target}), ("blend", {"reference": target})):
        with pytest.raises(AudioFileError, match="is the recording that is read"):
            latentfx.apply(source, target, plugin_file(kind), **given)
    assert target.read_bytes() == before


def test_the_command_that_makes_a_missing_folder_can_be_pasted(
    plugin: Path, source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "it's $HOME"
    with pytest.raises(AudioFileError, match="there is no folder") as refused:
        latentfx.apply(source, folder / "out.wav", plugin)
    assert shlex.split(str(refused.value).rpartition("make it with: ")[2]) == ["mkdir", "-p", str(folder)]


FULL = """
import resource, sys
import latentfx
size = int(sys.argv.pop())
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
try:
    latentfx.apply(*sys.argv[1:])
except latentfx.LatentFXError as error:
    print(error)
"""


@pytest.mark.parametrize("size", [0, 20_000], ids=["full at the header", "full on the way"])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_full_disk_is_named_and_the_target_kept(
    plugin: Path, source: Path, tmp_path: Path, suffix: str, size: int
) -> None:
    """The limit of the operating system on the size of a file stands in for the disk."""
    target = tmp_path / f"target.{suffix}"
    target.write_bytes(OLD)
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE)
    soundfile.write(source, audio, RATE)
    command = [sys.executable, "-c", FULL, str(source), str(target), str(plugin), str(size)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"cannot write {target} (File too large); is the disk full" in ran.stdout, ran.stderr
    assert "write .wav" not in ran.stdout
    assert_untouched(target)


STUCK = """
import signal, sys, time
import latentfx
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell runs us behind
def progress(done, total):
    if done > total // 2:
        print("half way", flush=True)
        time.sleep(600)
latentfx.apply(*sys.argv[1:], buffer_size=1000, progress=progress)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_half_way_leaves_the_old_target(plugin: Path, source: Path, target: Path, number: int) -> None:
    """From Python, SIGTERM ends the process at once: a hidden part may stay, the target never changes."""
    command = [sys.executable, "-c", STUCK, str(source), str(target), str(plugin)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half way\n"
        (part,) = target.parent.glob(".target.wav.*.part")
        assert part.stat().st_size > RATE // 2
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert target.read_bytes() == OLD
    if number == signal.SIGINT:
        assert_untouched(target)
