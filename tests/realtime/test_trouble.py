"""Devices that go away, servers that die, disks that fill: a clear end, and a whole recording."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jack_rig import JackServer, die_with_parent
from live_command import COMMAND, wait_for_line, wait_for_recorded

import latentfx
from latentfx.errors import AudioFileError
from latentfx.realtime import LiveHost, Recorder

Write = Callable[..., Path]


def test_a_server_that_dies_ends_the_stream_with_a_message_and_a_whole_recording(
    tmp_path: Path, plugin_file: Write
) -> None:
    take, errors = tmp_path / "take.wav", tmp_path / "errors.txt"
    with JackServer(tmp_path) as server, errors.open("w") as file:
        words = [*COMMAND, "-p", str(plugin_file("delay")), "--input", "system", "--output", "system"]
        process = subprocess.Popen(
            [*words, "--record", str(take), "--json"],
            stdout=subprocess.PIPE,
            stderr=file,
            preexec_fn=die_with_parent,
        )
        wait_for_line(process, errors)
        wait_for_recorded(take, 150_000)
        server.stop()
        out, _ = process.communicate(timeout=60)  # PortAudio alone would wait for ten minutes
        assert process.returncode == 1
    assert json.loads(out)["seconds"] > 0.5, "the statistics until then"
    said = " ".join(errors.read_text().split())
    assert "the sound server is gone (system); start it again" in said
    assert f"Recorded until then: {take} and {tmp_path / 'take-dry.wav'}" in said
    assert "Traceback" not in said
    seconds = [soundfile.info(path).frames / 48_000 for path in (take, tmp_path / "take-dry.wav")]
    assert min(seconds) > 0.5
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_when_the_disk_is_full_the_take_until_then_is_kept(
    tmp_path: Path, plugin_file: Write, suffix: str, full_disk: Callable[[int], None]
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 4096)).astype(np.float32)
    with LiveHost(latentfx.load(plugin_file("delay")), 48_000) as host:
        recorder = Recorder(tmp_path / f"take{suffix}", host)

        def play_until_it_is_full() -> None:
            with recorder:
                full_disk(300_000)
                end = time.monotonic() + 60
                while recorder.error is None and time.monotonic() < end:
                    host.process(noise)
                    time.sleep(0.02)

        with pytest.raises(AudioFileError, match="What was written until then is kept"):
            play_until_it_is_full()
    for path in (recorder.wet, recorder.dry):
        kept, _ = soundfile.read(path, dtype="float32")
        assert len(kept) > 48_000  # of some 90 000 that fit in 300 kB
    assert np.abs(kept[:4096] - noise[0]).max() < 1e-6  # 24 bits
    assert list(tmp_path.glob(".*")) == []


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Let no file grow beyond a size, as a disk with no room left does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


FILES = """</usr/share/alsa/alsa.conf>
pcm.fmic {{ type file slave.pcm {{ type null }} file "/dev/null" infile "{source}" format "raw" }}
pcm.fspk {{ type file slave.pcm {{ type null }} file "{target}" format "raw" }}
pcm.filecard {{ type asym capture.pcm "fmic" playback.pcm "fspk" }}
"""

RECONNECT = """
import json, sys, time
import latentfx
stream = latentfx.live(sys.argv[1], input="filecard", output="filecard", place="callback")
with stream as host:
    for _ in range(2):
        before = host.stats()
        assert stream.running and not stream.waiting
        stream.wire._streams[0].abort()  # what PortAudio does when a device is pulled
        end = time.monotonic() + 20
        while host.stats().reconnects == before.reconnects and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.2)
        after = host.stats()
        print(json.dumps([after.reconnects, after.blocks > before.blocks, host.controls["gain"]]), flush=True)
        host.controls["gain"] = 2.0
"""


def test_a_device_that_comes_back_is_played_again(tmp_path: Path, plugin_file: Write) -> None:
    """ALSA's file plugin stands for a sound card; what was turned meanwhile stays."""
    configuration = tmp_path / "asound.conf"
    source, target = tmp_path / "in.raw", tmp_path / "out.raw"
    source.write_bytes(bytes(4 * 2 * 48_000))
    target.symlink_to("/dev/null")
    configuration.write_text(FILES.format(source=source, target=target))
    done = subprocess.run(
        [sys.executable, "-c", RECONNECT, str(plugin_file("gain"))],
        env=os.environ | {"ALSA_CONFIG_PATH": str(configuration), "JACK_DEFAULT_SERVER": "none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[1, True, 1.0], [2, True, 2.0]]


def test_a_folder_that_cannot_be_written_is_said_before_the_sound_starts(
    tmp_path: Path, plugin_file: Write
) -> None:
    with JackServer(tmp_path):
        words = [*COMMAND, "-p", str(plugin_file("delay")), "--input", "system", "--output", "system"]
        done = subprocess.run(
            [*words, "--record", str(tmp_path / "nowhere" / "take.wav")],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert "there is no folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["", ".", "..", "/", "takes/.."])
def test_a_recording_without_a_file_name_is_refused(plugin_file: Write, path: str) -> None:
    with (
        LiveHost(latentfx.load(plugin_file("gain")), 48_000) as host,
        pytest.raises(AudioFileError, match=r"cannot record to '.*': it names no file; write one, like"),
    ):
        Recorder(path, host)


@pytest.mark.parametrize("library", ["libportaudio.so.2"])
def test_without_portaudio_the_remedy_is_said(library: str) -> None:
    program = (
        "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
        "from latentfx.cli import main; import sys; sys.argv = ['latentfx', 'devices']; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "live sound needs PortAudio" in done.stderr
    assert "apt-get install libportaudio2" in done.stderr
    assert library


def test_without_rtmidi2_the_devices_are_listed_and_the_remedy_is_said() -> None:
    program = (
        "import sys; sys.modules['rtmidi2'] = None; from latentfx.cli import main\n"
        "sys.argv = ['latentfx', 'devices', *sys.argv[1:]]; main()"
    )

    def ask(*options: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", program, *options]
        return subprocess.run(words, capture_output=True, text=True, check=True)

    remedy = "MIDI needs rtmidi2: pip install rtmidi2"
    assert f"MIDI inputs: none: {remedy}" in " ".join(ask().stdout.split())
    listed = ask("--json")
    assert json.loads(listed.stdout)["midi"] == []
    assert remedy in listed.stderr


def test_a_host_that_is_not_closed_ends_with_the_program(plugin_file: Callable[[str], Path]) -> None:
    program = f"""
import numpy, latentfx
host = latentfx.LiveHost(latentfx.load({str(plugin_file("delay"))!r}), block=64, place="worker")
out = numpy.zeros((1, 64), "f4")
for _ in range(2000):
    host.render(out, out)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
