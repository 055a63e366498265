"""A recording whose process is killed is found at the next start, and any program reads it."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playing import RATE, in_callback, noise, play
from typer.testing import CliRunner

import latentfx
from latentfx.cli.verbs import app
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
    with pytest.warns(RescueWarning, match=r"take(-dry)?-rescued\.\w+") as told:
        found = rescue()
    assert sorted(path.name for path in found) == [f"take-dry-rescued{suffix}", f"take-rescued{suffix}"]
    assert [str(path) in str(note.message) for path, note in zip(found, told, strict=True)] == [True, True]
    played = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 960_000)).astype(np.float32)[0]
    for path in found:
        audio, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        assert len(audio) > 0.9 * len(played)
    dry, _ = soundfile.read(tmp_path / f"take-dry-rescued{suffix}", dtype="float32")
    np.testing.assert_allclose(dry, played[: len(dry)], atol=2**-23)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    assert rescue() == [], "once is enough"


def test_rescued_recording_replaces_nothing(plugin_file: Callable[[str], Path], tmp_path: Path) -> None:
    take = tmp_path / "take.flac"
    kill_while_it_records(plugin_file("gain"), take)
    take.write_bytes(b"another take")
    take.with_stem("take-rescued").write_bytes(b"rescued before")
    with pytest.warns(RescueWarning):
        found = rescue()
    assert {path.name for path in found} == {"take-rescued-2.flac", "take-dry-rescued.flac"}
    assert take.read_bytes() == b"another take"


def test_recording_is_tried_again_at_each_start_until_the_disk_has_room(tmp_path: Path) -> None:
    """The limit of the operating system on the size of a file stands in for the disk."""
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    parts, targets = [], []
    for name, length in (("long", RATE), ("short", 1000)):
        parts.append(tmp_path / f".{name}.wav.part")
        targets.append(tmp_path / f"{name}.wav")
        soundfile.write(parts[-1], audio[:length], RATE, format="WAV", subtype="FLOAT")
    rescued = [target.with_stem(f"{target.stem}-rescued") for target in targets]
    folder = tmp_path / "cache" / "recordings"
    folder.mkdir(parents=True)
    listed = folder / "list.json"
    listed.write_text(json.dumps(dict(zip(map(str, parts), map(str, targets), strict=True))))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.warns(RescueWarning) as told:
            assert rescue() == [rescued[1]]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"lies in {parts[0]}, and the next start tries again: cannot write" in str(told[0].message)
    assert json.loads(listed.read_text()) == {str(parts[0]): str(targets[0])}
    assert not rescued[0].exists()
    with pytest.warns(RescueWarning, match="is rescued"):
        assert rescue() == [rescued[0]]
    np.testing.assert_array_equal(soundfile.read(rescued[0], dtype="float32")[0], audio)
    assert list(folder.iterdir()) == []


def test_part_that_holds_no_sound_is_named_once(tmp_path: Path) -> None:
    part = tmp_path / ".take.wav.part"
    part.write_bytes(b"RIFF")
    folder = tmp_path / "cache" / "recordings"
    folder.mkdir(parents=True)
    (folder / "list.json").write_text(json.dumps({str(part): str(tmp_path / "take.wav")}))
    with pytest.warns(RescueWarning, match="cannot be read"):
        assert rescue() == []
    assert part.exists()
    assert rescue() == []


def test_live_rescues_when_it_starts(tmp_path: Path) -> None:
    part = tmp_path / "part.wav"
    soundfile.write(part, np.full(1000, 0.5), RATE)
    folder = tmp_path / "cache" / "recordings"
    folder.mkdir(parents=True)
    (folder / "list.json").write_text(json.dumps({str(part): str(tmp_path / "take.wav")}))
    with pytest.warns(RescueWarning, match=r"is rescued: .*take-rescued.wav"):
        CliRunner().invoke(app, ["live", "--block", "5"])  # which is refused after that
    assert soundfile.info(tmp_path / "take-rescued.wav").frames == 1000
    assert not part.exists()


def test_recording_that_ended_well_leaves_nothing_to_rescue(
    delay: latentfx.LatentPlugin, tmp_path: Path
) -> None:
    with in_callback(delay) as host, Recorder(tmp_path / "take.flac", host):
        play(host, noise(48_000), 128)
    assert rescue() == []
    assert list((tmp_path / "cache" / "recordings").iterdir()) == []
