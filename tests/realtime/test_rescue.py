"""A recording whose process is killed is found at the next start, and any program reads it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playing import RATE, in_callback, noise, play

import latentfx
from latentfx.realtime import Recorder
from latentfx.realtime.rescue import RescueWarning, rescue

KILLED = """
import sys, time
from pathlib import Path
import numpy as np
import latentfx
from latentfx.realtime import LiveHost, Recorder
plugin = latentfx.load(sys.argv[1])
audio = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 960_000)).astype(np.float32)
with LiveHost(plugin, block=128, place="callback") as host, Recorder(sys.argv[2], host):
    for at in range(0, audio.shape[1], 48_000):
        host.process(audio[:, at : at + 48_000])
        time.sleep(0.1)
    print("played", flush=True)
    time.sleep(60)
"""


def kill_while_it_records(plugin: Path, take: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(plugin), str(take)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "played\n"
        assert rescue() == [], "what is being recorded is left alone"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTFX_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_killed_recording_is_rescued_at_the_next_start(
    plugin_file: Callable[[str], Path], tmp_path: Path, suffix: str
) -> None:
    take = tmp_path / f"take{suffix}"
    kill_while_it_records(plugin_file("gain"), take)
    assert not take.exists()
    with pytest.warns(RescueWarning, match=r"take(-dry)?\.\w+") as told:
        found = rescue()
    assert sorted(path.name for path in found) == [f"take-dry{suffix}", f"take{suffix}"]
    assert [str(path) in str(note.message) for path, note in zip(found, told, strict=True)] == [True, True]
    played = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 960_000)).astype(np.float32)[0]
    for path in found:
        audio, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        assert len(audio) > 0.9 * len(played)
    dry, _ = soundfile.read(tmp_path / f"take-dry{suffix}", dtype="float32")
    np.testing.assert_allclose(dry, played[: len(dry)], atol=2**-23)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    assert rescue() == [], "once is enough"


def test_rescued_recording_replaces_nothing(plugin_file: Callable[[str], Path], tmp_path: Path) -> None:
    take = tmp_path / "take.flac"
    kill_while_it_records(plugin_file("gain"), take)
    take.write_bytes(b"another take")
    with pytest.warns(RescueWarning):
        found = rescue()
    assert {path.name for path in found} == {"take-rescued.flac", "take-dry.flac"}
    assert take.read_bytes() == b"another take"


def test_recording_that_ended_well_leaves_nothing_to_rescue(
    delay: latentfx.LatentPlugin, tmp_path: Path
) -> None:
    with in_callback(delay) as host, Recorder(tmp_path / "take.flac", host):
        play(host, noise(48_000), 128)
    assert rescue() == []
    assert list((tmp_path / "cache" / "recordings").iterdir()) == []
