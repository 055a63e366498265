"""What is recorded: wet over dry, sample for sample, whatever happened on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playing import RATE, Audio, in_callback, noise, play, render
from test_host import Stalling

import latentfx
from latentfx.errors import AudioFileError
from latentfx.preset import Preset
from latentfx.realtime import LiveHost, Recorder

BLOCK = 128
Write = Callable[[str], Path]


def read(recorder: Recorder) -> tuple[Audio, Audio]:
    """The dry file and the wet one."""
    dry, wet = (soundfile.read(path, dtype="float32")[0] for path in (recorder.dry, recorder.wet))
    return dry, wet


def record_with_a_stall(
    host: LiveHost, monkeypatch: pytest.MonkeyPatch, take: Path, audio: Audio
) -> tuple[Audio, Audio]:
    """Let the worker stand still in blocks 100 to 130, keep up in all others, and read what was recorded."""
    stall = Stalling(monkeypatch)
    before = host.latency
    with Recorder(take, host) as recorder:
        for count in range(audio.shape[1] // BLOCK):
            if count == 100:
                stall.go.clear()
            if count == 130:
                stall.go.set()
            render(host, audio[:, count * BLOCK : (count + 1) * BLOCK])
            if stall.go.is_set():
                stall.catch_up((count + 1) * BLOCK)
    assert host.latency > before, "more is held in hand"
    return read(recorder)


def test_after_late_blocks_wet_still_lies_over_dry(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    audio = noise(400 * BLOCK)
    with LiveHost(delay, block=BLOCK, place="worker") as host:
        before = host.latency
        dry, wet = record_with_a_stall(host, monkeypatch, tmp_path / "take.wav", audio)
        after = host.latency
    np.testing.assert_array_equal(dry, audio[0])
    assert len(wet) == len(dry) - after
    applied = latentfx.apply(dry, plugin=delay, sample_rate=RATE)
    begin = 100 * BLOCK - before
    np.testing.assert_array_equal(wet[:begin], applied[:begin])
    np.testing.assert_array_equal(wet[200 * BLOCK :], applied[200 * BLOCK : len(wet)])


def test_late_blocks_leave_the_bypass_whole(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    audio = noise(400 * BLOCK)
    with LiveHost(delay, block=BLOCK, place="worker") as host:
        host.bypass = True
        dry, wet = record_with_a_stall(host, monkeypatch, tmp_path / "take.wav", audio)
    fade_in = RATE // 10
    np.testing.assert_allclose(wet[fade_in:], dry[fade_in : len(wet)], atol=1e-7)


@pytest.mark.parametrize("blocks", [(128, 100), (100, 128), (64, 5000)])
def test_a_device_that_comes_back_with_other_blocks_leaves_wet_over_dry(
    delay: latentfx.LatentPlugin, tmp_path: Path, blocks: tuple[int, int]
) -> None:
    audio = noise(38_400)
    with in_callback(delay) as host, Recorder(tmp_path / "take.wav", host) as recorder:
        latencies = []
        for half, block in zip(np.split(audio, 2, axis=1), blocks, strict=True):
            host.prepare(block if block <= 4096 else None)
            latencies.append(host.latency)
            play(host, half, block)
    assert latencies[0] != latencies[1]
    dry, wet = read(recorder)
    np.testing.assert_array_equal(dry, audio[0])
    assert len(wet) == len(dry) - latencies[1]
    lost = slice(19_200 - latencies[0], 19_200)
    assert not wet[lost].any(), "what was on its way when the device went"
    for part in (slice(lost.start), slice(lost.stop, len(wet))):
        np.testing.assert_array_equal(wet[part], dry[part])


def test_a_device_that_goes_while_plugins_change_comes_back_with_the_new_one(
    delay: latentfx.LatentPlugin, plugin_file: Write
) -> None:
    audio = np.full((1, 6400), 0.25, np.float32)
    with in_callback(delay, block=64) as host:
        play(host, audio, 64)
        host.recall(Preset("plain", str(plugin_file("gain")), {"gain": 2.0}))
        host.process(audio[:, :64])
        host.prepare(128)
        assert play(host, audio, 128)[0, -1] == 0.5
        host.controls["gain"] = 3.0
        assert play(host, audio, 128)[0, -1] == 0.75


@pytest.mark.parametrize("there", ["take.wav", "take-dry.wav"])
def test_from_python_too_a_take_is_not_recorded_over_unless_asked(
    delay: latentfx.LatentPlugin,
    plugin_file: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: str,
) -> None:
    take = tmp_path / "take.wav"
    refused = rf"{there} would be recorded over.* --overwrite \(overwrite=True in Python\)"
    with in_callback(delay) as host:
        late = Recorder(take, host)
        (tmp_path / there).write_bytes(b"a take")
        with pytest.raises(AudioFileError, match=refused):
            Recorder(take, host)
        with pytest.raises(AudioFileError, match=refused):
            late.__enter__()
        monkeypatch.setattr("latentfx.realtime.session.find_device", pytest.fail)
        with pytest.raises(AudioFileError, match=refused):
            latentfx.live(plugin_file("gain"), record=take)
        assert [path.name for path in tmp_path.iterdir()] == [there]
        assert (tmp_path / there).read_bytes() == b"a take"
        with Recorder(take, host, overwrite=True) as recorder:
            play(host, noise(RATE), 128)
    assert soundfile.info(recorder.wet).frames + host.latency == soundfile.info(recorder.dry).frames == RATE


def test_a_change_of_plugins_is_recorded_as_it_was_heard(
    delay: latentfx.LatentPlugin, plugin_file: Write, tmp_path: Path
) -> None:
    tone = (0.3 * np.sin(np.arange(RATE) / 50))[None].astype(np.float32)
    with in_callback(delay, block=64) as host, Recorder(tmp_path / "take.wav", host) as recorder:
        before = host.latency
        heard = [play(host, tone[:, : RATE // 2], 64)]
        host.recall(Preset("plain", str(plugin_file("gain"))))
        heard.append(play(host, tone[:, RATE // 2 :], 64))
        assert host.latency < before
    _, wet = read(recorder)
    np.testing.assert_array_equal(wet, np.concatenate(heard, axis=1)[0, before:])
