"""A stream in a `with` block: once, with an end that is heard of."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jack_rig import Rig
from playing import Audio, in_callback, noise

import latentfx
from latentfx.errors import LiveError
from latentfx.host.blocks import BlockStream
from latentfx.realtime import LiveHost, LiveStream, Recorder
from latentfx.realtime.stats import Place

Write = Callable[..., Path]


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_error_of_any_kind_beside_the_sound_ends_the_stream_and_is_raised(
    portaudio: Rig, plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = latentfx.live(plugin_file("gain"), input="horn", output="room")

    def fail() -> None:
        raise RuntimeError("nobody thought of this")

    def play_until_it_ends() -> None:
        with stream as host:
            assert stream.running
            monkeypatch.setattr(host, "attend", fail)
            wait_for(lambda: not stream.running)
            wait_for(lambda: not stream.wire._streams)

    with pytest.raises(RuntimeError, match="nobody thought of this"):
        play_until_it_ends()


def test_a_stream_plays_once(portaudio: Rig, plugin_file: Write) -> None:
    stream = latentfx.live(plugin_file("gain"), input="horn", output="room")
    with stream as host:
        with pytest.raises(LiveError, match=r"plays once, .* make another with live"):
            stream.__enter__()
        assert stream.running
        blocks = host.stats().blocks
        wait_for(lambda: host.stats().blocks > blocks)
    with pytest.raises(LiveError, match="plays once"):
        stream.__enter__()


def own_threads() -> list[str]:
    """Names of the threads that a stream starts for itself."""
    kinds = ("latentfx-worker", "latentfx-recorder", "latentfx-watch")
    return sorted(thread.name for thread in threading.enumerate() if thread.name in kinds)


class DeadWire:
    """Devices that play so many blocks; then their server is gone."""

    label = "the card"
    latency_s = 0.0
    failure = None
    dead_server = True

    def __init__(self, blocks: int = 0, fails: str = "") -> None:
        self._blocks = blocks
        self._fails = fails

    def open(self) -> None:
        if self._fails == "open":
            raise LiveError("the card refuses")

    def first_block(self, patience_s: float) -> int:
        if self._fails == "first_block":
            raise LiveError("the card asks for no sound")
        return 128

    def play(self, host: LiveHost) -> None:
        for _ in range(self._blocks):
            host.process(noise(128))

    def alive(self, patience_s: float) -> bool:
        return False


@pytest.mark.parametrize("blocks", [0, 10])
def test_the_recording_is_named_where_there_is_one(
    delay: latentfx.LatentPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    monkeypatch.setattr("latentfx.realtime.stream.forget_portaudio", lambda: None)
    host = in_callback(delay)
    recorder = Recorder(tmp_path / "take.wav", host)
    stream = LiveStream(host, DeadWire(blocks), recorder=recorder)  # type: ignore[arg-type]
    with pytest.raises(LiveError, match=r"sound server is gone \(the card\)") as lost, stream:
        wait_for(lambda: not stream.running)
    named = f"Recorded until then: {recorder.wet} and {recorder.dry}" in str(lost.value)
    assert named == recorder.wet.exists() == recorder.dry.exists() == bool(blocks)


@pytest.mark.parametrize("fails", ["open", "first_block"])
def test_a_stream_that_cannot_begin_leaves_nothing_behind(
    delay: latentfx.LatentPlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setattr("latentfx.realtime.stream.forget_portaudio", lambda: None)
    before = own_threads()
    host = LiveHost(delay, place="worker")
    stream = LiveStream(host, DeadWire(fails=fails), recorder=Recorder(tmp_path / "take.wav", host))  # type: ignore[arg-type]
    with pytest.raises(LiveError, match="the card"):
        stream.__enter__()
    assert own_threads() == before
    assert list(tmp_path.iterdir()) == []
    assert gc.isenabled()


@pytest.mark.parametrize("place", ["callback", "worker"])
def test_a_plugin_that_fails_while_it_plays_gives_way_to_the_input_wherever_it_runs(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    def fail(stream: BlockStream, audio: Audio) -> Audio:
        raise RuntimeError("out of memory")

    with LiveHost(delay, block=128, place=place) as host:
        host.process(noise(128))
        monkeypatch.setattr(BlockStream, "step", fail)
        blocks = [noise(128) for _ in range(300)]
        heard = [host.process(block) for block in blocks]
        assert host.trouble == "the plugin failed, and you hear the input: out of memory"
        came, went = np.concatenate(blocks, axis=-1), np.concatenate(heard, axis=-1)
        late = host.latency
        assert np.array_equal(went[..., -5000:], came[..., -5000 - late : came.shape[-1] - late])
