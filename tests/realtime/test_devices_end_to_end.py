"""The real thing: PortAudio streams over JACK, a recording at the microphone, `latentfx live` between."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from jack_rig import RATE, Audio, Rig

import latentfx

Start = Callable[..., Any]
Write = Callable[..., Path]
PERIOD = 128
# Hops that run together, as in `apply`, are rounded differently from hops that run alone: by 1e-5 of what is
# heard, or a thousand times that where rounding decides which of two equal peaks leads the phases.
ROUNDING = 0.05


def noise(samples: int) -> Audio:
    audio = np.random.default_rng(7).uniform(-0.3, 0.3, (1, samples)).astype(np.float32)
    audio[0, 0] = 0.9
    return audio


def lag_of(heard: Audio, wanted: Audio, longest: int = 16_000) -> int:
    """How much later the recording is heard, found by its first samples."""
    start = wanted[0, :64]
    found = [k for k in range(longest) if np.array_equal(heard[0, k : k + 64], start)]
    assert found, "the recording is not in what was heard"
    return found[0]


@pytest.mark.parametrize("block", [0, 64, 128, 256, 512])
def test_what_is_heard_is_the_recording_later_by_the_latency_reported(
    rig: Rig, player: Start, plugin_file: Write, block: int
) -> None:
    running = player("-p", plugin_file("delay"), "--set", "gain=0.5", "--block", block, "--place", "callback")
    audio = noise(RATE)
    heard = rig.play(audio)
    stats = running.finish()
    wanted = audio * np.float32(0.5)
    lag = lag_of(heard, wanted)
    np.testing.assert_array_equal(heard[:, lag : lag + RATE], wanted)
    assert stats["block"] == (block or PERIOD)
    assert stats["place"] == "callback"
    assert abs(stats["total_ms"] * RATE / 1000 - lag) <= (block or PERIOD)


@pytest.mark.parametrize("rig", [2], indirect=True)
def test_channels_are_taken_and_played_as_chosen(rig: Rig, player: Start, plugin_file: Write) -> None:
    chosen = ("--input-channels", "2", "--output-channels", "1")
    running = player("-p", plugin_file("delay"), *chosen, "--place", "callback")
    audio = noise(RATE // 4)
    heard = rig.play(np.concatenate([np.full_like(audio, 0.2), audio]))
    running.finish()
    lag = lag_of(heard, audio)
    np.testing.assert_array_equal(heard[:1, lag : lag + RATE // 4], audio)
    assert not heard[1].any()


def hop_by_hop(audio: Audio) -> Audio:
    """What `apply` gives where every hop runs alone, as in callbacks of a hop or less: to the last bit."""
    plugin = latentfx.load("timbre-swap")
    plugin.set(timbre="trumpet", output_db=-12)
    stream = plugin.open(1, RATE)
    hop = plugin.spec.block_size
    parts = [stream.push(audio[None, at : at + hop]) for at in range(0, len(audio), hop)]
    return np.concatenate([*parts, stream.flush()], axis=1)[0]


@pytest.mark.parametrize("place", ["callback", "worker"])
def test_the_shipped_plugin_live_gives_what_apply_gives(
    rig: Rig, player: Start, tmp_path: Path, root: Path, place: str
) -> None:
    """The silence before the recording moves the model too: the dry file holds all that came in."""
    violin, _ = soundfile.read(root / "examples" / "audio" / "violin.flac", dtype="float32", frames=RATE)
    take = tmp_path / "take.wav"
    quiet = ("--set", "output_db=-12")  # where the limiter has nothing to do
    running = player("--timbre", "trumpet", *quiet, "--block", 0, "--place", place, "--record", take)
    heard = rig.play(violin[None])
    stats = running.finish()
    dry, wet = (soundfile.read(path, dtype="float32")[0] for path in (tmp_path / "take-dry.wav", take))
    assert len(dry) - len(wet) == round(
        (stats["latency"]["algorithmic"] + stats["latency"]["buffering"]) * 48
    )
    begin = next(k for k in range(len(dry)) if np.array_equal(dry[k : k + 64], violin[1000:1064])) - 1000
    np.testing.assert_array_equal(dry[begin : begin + RATE], violin)
    applied = latentfx.apply(dry, plugin="timbre-swap", sample_rate=RATE, timbre="trumpet", output_db=-12)
    if stats["late"] == 0 or place == "callback":
        wanted = applied[: len(wet)]
        assert np.linalg.norm(wet - wanted) < ROUNDING * np.linalg.norm(wanted)
        if place == "callback":
            np.testing.assert_array_equal(wet, hop_by_hop(dry)[: len(wet)])
        middle = wet[begin + RATE // 2 :][None]
        lag = lag_of(heard[:, RATE // 2 :], middle)
        np.testing.assert_array_equal(heard[:, RATE // 2 + lag : RATE], middle[:, : RATE // 2 - lag])
        assert abs(stats["total_ms"] * RATE / 1000 - lag) <= PERIOD


def test_another_rate_than_the_devices_is_refused_with_the_remedy(
    rig: Rig, player: Start, plugin_file: Write, tmp_path: Path
) -> None:
    """And the recording of last time is still there."""
    take = tmp_path / "take.flac"
    take.write_bytes(b"of last time")
    with pytest.raises(RuntimeError, match=r"refuses 1 channels in.*Try another --rate") as refused:
        player("-p", plugin_file("delay"), "--rate", 44_100, "--record", take, "--overwrite")
    assert "Traceback" not in str(refused.value)
    assert take.read_bytes() == b"of last time"


def test_a_plugin_of_another_rate_is_resampled(rig: Rig, player: Start, plugin_file: Write) -> None:
    """A plugin at 16 kHz between devices at 48 kHz."""

    def slower(model: Any) -> None:
        for entry in model.metadata_props:
            entry.value = entry.value.replace('"sample_rate": 48000', '"sample_rate": 16000')

    running = player("-p", plugin_file("delay", slower), "--place", "callback")
    tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE))[None].astype(np.float32)
    heard = rig.play(tone)[0]
    stats = running.finish()
    level = np.sqrt(2 * np.mean(heard[RATE : 2 * RATE] ** 2))
    assert level == pytest.approx(0.3, abs=0.01)
    onset = np.flatnonzero(np.abs(heard) > 0.15)[0]
    assert abs(stats["total_ms"] - 1000 * onset / RATE) < 3
    assert stats["latency"]["buffering"] > 20


def test_ctrl_c_and_a_time_limit_both_leave_whole_recordings(
    rig: Rig, player: Start, plugin_file: Write, tmp_path: Path
) -> None:
    take = tmp_path / "take.flac"
    running = player("-p", plugin_file("delay"), "--record", take, "--for", "1s")
    out, _ = running.process.communicate(timeout=20)
    assert running.process.returncode == 0
    assert '"late"' in out
    seconds = [soundfile.info(path).frames / RATE for path in (take, tmp_path / "take-dry.flac")]
    assert 0.05 < min(seconds) <= max(seconds) < 5, "a late machine stretches the time of this server"
    assert list(tmp_path.glob(".*part")) == []
    again = player("-p", plugin_file("delay"), "--record", take, "--overwrite")
    rig.play(noise(RATE // 2))
    end = time.monotonic() + 20
    while again.process.poll() is None and time.monotonic() < end:  # an impatient player, to the last moment
        again.process.send_signal(signal.SIGINT)
        time.sleep(0.005)
    assert again.process.wait(0) == 0, again.errors.read_text()
    assert soundfile.info(take).frames > RATE // 4
    assert list(tmp_path.glob(".*part")) == []
