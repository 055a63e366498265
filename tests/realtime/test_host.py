"""The host without a device: what comes out is what `apply` makes, only later, at any block and rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from playing import RATE, Audio, in_callback, noise, play, render

import latentfx
from latentfx.errors import LiveError, ShapeError
from latentfx.host.blocks import BlockStream
from latentfx.realtime.engine import Engine, StepCost
from latentfx.realtime.host import LiveHost
from latentfx.realtime.stats import Place

Step = Callable[[BlockStream, Audio], Audio]


@pytest.mark.parametrize(
    ("block", "held"), [(32, 32), (64, 0), (96, 32), (128, 0), (100, 60), (441, 63), (4096, 0)]
)
def test_a_known_block_costs_no_more_latency_than_its_fit_to_the_hop(
    delay: latentfx.LatentPlugin, block: int, held: int
) -> None:
    audio = noise(16 * 4096)
    whole = latentfx.apply(audio, plugin=delay, sample_rate=RATE, gain=0.5)
    delay.gain = 0.5
    with in_callback(delay, block=block) as host:
        heard = play(host, audio, block)
        assert host.latency == 100 + held
        assert not heard[:, : host.latency].any()
        np.testing.assert_array_equal(heard[:, host.latency :], whole[:, : -host.latency])


@pytest.mark.parametrize("sizes", [(1,), (7, 300, 64), (5000, 33), (4096, 32, 1000)])
def test_any_block_is_taken_where_none_was_promised(
    delay: latentfx.LatentPlugin, sizes: tuple[int, ...]
) -> None:
    audio = noise(9000)
    with in_callback(delay) as host:
        heard = play(host, audio, *sizes)
        assert host.latency == 100 + 63
        np.testing.assert_array_equal(heard[:, host.latency :], audio[:, : -host.latency])


@pytest.mark.parametrize("rate", [44_100, 96_000, 32_000])
def test_other_rates_are_resampled_and_their_wait_is_counted(delay: latentfx.LatentPlugin, rate: int) -> None:
    times = np.arange(rate) / rate
    audio = (0.3 * np.sin(2 * np.pi * 440 * times))[None].astype(np.float32)
    with in_callback(delay, rate, block=128) as host:
        heard = play(host, audio, 128)
        buffering = host.stats().latency.buffering
        late = host.latency
    assert 5 < buffering < 60
    middle = slice(late + rate // 4, rate // 2)
    expected = np.roll(audio, late)[0, middle]
    fraction = 100 * rate / RATE - round(100 * rate / RATE)
    expected = 0.3 * np.sin(2 * np.pi * 440 * (times[middle] - (late + fraction) / rate))
    np.testing.assert_allclose(heard[0, middle], expected, atol=2e-3)


@pytest.mark.parametrize("block", [64, 100, 128, 256, 512])
def test_without_a_stream_the_worker_computes_in_step_and_equals_apply(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """As fast as it can, with a plugin that takes its time."""
    step = BlockStream.step

    def slow(stream: BlockStream, audio: Audio) -> Audio:
        time.sleep(0.001)
        return step(stream, audio)

    audio = noise(200 * block)
    whole = latentfx.apply(audio, plugin=delay, sample_rate=RATE)
    with LiveHost(delay, block=block, place="worker") as host:
        late = host.latency
        monkeypatch.setattr(BlockStream, "step", slow)
        heard = play(host, audio, block)
        stats = host.stats()
    assert (stats.place, stats.faded, host.latency) == ("worker", 0, late)
    assert not heard[:, :late].any()
    np.testing.assert_array_equal(heard[:, late:], whole[:, : heard.shape[1] - late])


class Stalling:
    """A step that takes its time when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.go.set()
        self.samples = 0
        step = BlockStream.step

        def slow(stream: BlockStream, audio: Audio) -> Audio:
            self.go.wait(30)
            out = step(stream, audio)
            self.samples += audio.shape[2]
            return out

        monkeypatch.setattr(BlockStream, "step", slow)

    def catch_up(self, samples: int) -> None:
        """Wait until so many went through."""
        end = time.monotonic() + 30
        while self.samples < samples:
            assert time.monotonic() < end
            time.sleep(0.0002)
        time.sleep(0.0002)  # and are left for the callback


def test_late_blocks_fade_are_counted_and_cost_no_more_than_the_most_held(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall = Stalling(monkeypatch)
    ramp = np.arange(400 * 128, dtype=np.float32)[None] / (400 * 128)
    with LiveHost(delay, block=128, place="worker") as host:
        before = host.latency
        stall.samples = 0
        heard = []
        for count in range(400):
            if count == 200:
                stall.go.clear()
            if count == 250:
                stall.go.set()
            heard.append(render(host, ramp[:, count * 128 : (count + 1) * 128]))
            if stall.go.is_set():
                stall.catch_up((count + 1) * 128)
        late = host.latency
        stats = host.stats()
    assert stats.late >= stats.faded >= 50 - late // 128
    assert before < late <= 100 + 0.05 * RATE, "once late, more is held in hand"
    out = np.concatenate(heard, axis=1)[0]
    silent = out[200 * 128 + late + 128 : 249 * 128]
    assert silent.size > 1000
    assert not silent.any()
    # No edge is steeper than the fade of 64 samples, and the line goes on where it should be.
    assert np.abs(np.diff(out[late + 128 :])).max() < out.max() / 50
    end = slice(380 * 128, 400 * 128)
    np.testing.assert_array_equal(out[end], ramp[0, 380 * 128 - late : 400 * 128 - late])


def test_a_reserve_outlasts_a_stall_of_its_length_and_never_grows(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    stall = Stalling(monkeypatch)
    noisy = noise(200 * 128)
    with LiveHost(delay, block=128, reserve_s=30 * 128 / RATE) as host:
        assert host.place == "worker"
        assert host.latency == 100 + 30 * 128
        stall.samples = 0
        heard, faded = [], []
        for count in range(200):
            if count in (50, 100):
                stall.go.clear()
            if count in (75, 140):  # 25 blocks, and 40
                stall.go.set()
            heard.append(render(host, noisy[:, count * 128 : (count + 1) * 128]))
            faded.append(host.stats().faded)
            if stall.go.is_set():
                stall.catch_up((count + 1) * 128)
        assert faded[99] == 0, "shorter than the reserve"
        assert faded[199] >= 10, "longer"
        assert host.latency == 100 + 30 * 128
    out = np.concatenate(heard, axis=1)
    np.testing.assert_array_equal(out[:, host.latency : 100 * 128], noisy[:, : 100 * 128 - host.latency])


@pytest.mark.parametrize(
    ("reserve_s", "place", "message"),
    [(0.0, None, "allowed 1 to 500"), (0.6, "worker", "600 ms"), (0.02, "callback", "keeps none in reserve")],
)
def test_a_reserve_that_cannot_be_kept_is_refused(
    delay: latentfx.LatentPlugin, reserve_s: float, place: Place | None, message: str
) -> None:
    with pytest.raises(LiveError, match=message):
        LiveHost(delay, block=128, place=place, reserve_s=reserve_s)


def _fast_at_one_go(step: Step) -> Step:
    """A step of 0.4 ms right after another, of 1.2 ms after a wait: what it needs is out of the caches."""
    last = [0.0]

    def stepped(stream: BlockStream, audio: Audio) -> Audio:
        begin = time.perf_counter()
        end = begin + (0.0004 if begin - last[0] < 0.0005 else 0.0012)
        while time.perf_counter() < end:
            pass
        out = step(stream, audio)
        last[0] = time.perf_counter()
        return out

    return stepped


def test_the_place_is_chosen_by_the_measured_step(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as quiet:  # whatever else this machine does now
        quiet.setattr(Engine, "measure", lambda engine, block: StepCost(32, 0.005, 0.014))
        with LiveHost(delay, block=2048) as host:
            assert host.place == "callback"
        with LiveHost(delay, block=2016) as host:
            assert host.place == "worker"
    step = BlockStream.step
    slow = (0.0006, 0.0016)

    def stepping(seconds: float) -> Step:
        def stepped(stream: BlockStream, audio: Audio) -> Audio:
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return step(stream, audio)

        return stepped

    monkeypatch.setattr(BlockStream, "step", stepping(slow[0]))
    with LiveHost(delay, block=64) as host:
        assert host.place == "worker"
        assert host.latency > 100 + 2 * 64
    monkeypatch.setattr(BlockStream, "step", _fast_at_one_go(step))
    with LiveHost(delay, block=128) as host:
        assert host.place == "worker"
    monkeypatch.setattr(BlockStream, "step", stepping(slow[1]))
    with pytest.raises(LiveError, match=r"1\.\d ms for 1\.3 ms .*too slow"):
        LiveHost(delay, block=64)


def test_stereo_through_mono_and_onto_other_outputs(delay: latentfx.LatentPlugin) -> None:
    audio = noise(6400, channels=2)
    with in_callback(delay, channels=2, block=64) as host:
        np.testing.assert_array_equal(play(host, audio, 64)[:, 100:], audio[:, :-100])
    with in_callback(delay, channels=2, outputs=1, block=64) as host:
        np.testing.assert_allclose(play(host, audio, 64)[0, 100:], audio[:, :-100].mean(axis=0), atol=1e-7)
    with in_callback(delay, channels=1, outputs=2, block=64) as host:
        heard = play(host, audio[:1], 64)
        np.testing.assert_array_equal(heard[0], heard[1])
    with in_callback(delay) as host, pytest.raises(ShapeError, match="this host takes 1"):
        host.render(audio, np.zeros((1, 6400), np.float32))


def test_controls_are_heard_from_the_next_hop_on(delay: latentfx.LatentPlugin) -> None:
    ones = np.full((1, 64), 0.25, np.float32)
    with in_callback(delay, block=64) as host:
        for _ in range(4):
            out = host.process(ones)
        assert out[0, -1] == 0.25
        host.controls["gain"] = 2.0
        out = np.concatenate([host.process(ones) for _ in range(3)], axis=1)[0]
    assert np.unique(out[:100]).tolist() == [0.25]
    assert np.unique(out[100:]).tolist() == [0.5]
    assert delay.gain == 1.0


def test_bypass_gives_the_input_as_late_as_the_effect_and_without_a_click(
    delay: latentfx.LatentPlugin,
) -> None:
    delay.gain = 0.0
    audio = (0.3 * np.sin(np.arange(RATE) / 20))[None].astype(np.float32)
    with in_callback(delay, block=96) as host:
        host.bypass = True
        heard = play(host, audio[:, :24_000], 96)
        host.bypass = False
        after = play(host, audio[:, 24_000:], 96)
        late = host.latency
    np.testing.assert_allclose(heard[:, 2000:], audio[:, 2000 - late : 24_000 - late], atol=1e-7)
    assert np.abs(np.diff(np.concatenate([heard, after], axis=1))).max() < 0.02
    assert not after[:, 1000:].any()


def test_panic_is_silence_and_then_a_fresh_start(delay: latentfx.LatentPlugin) -> None:
    audio = np.full((1, 6400), 0.5, np.float32)
    with in_callback(delay, block=64) as host:
        play(host, audio, 64)
        host.panic()
        out = play(host, audio, 64)[0]
    silent = np.flatnonzero(out == 0)
    assert silent[0] <= 0.004 * RATE
    assert len(silent) > 100
    assert np.abs(np.diff(out)).max() < 0.02
    assert out[-1] == 0.5


def test_loud_output_is_limited_and_quiet_output_is_not_touched(delay: latentfx.LatentPlugin) -> None:
    delay.gain = 4.0
    loud = (0.9 * np.sin(np.arange(9600) / 9))[None].astype(np.float32)
    with in_callback(delay, block=64) as host:
        heard = play(host, loud, 64)
        assert host.stats().limited > 0
    assert np.abs(heard).max() <= 1.0
    assert np.abs(heard[:, 4800:]).max() > 0.99


def test_samples_that_are_no_numbers_are_counted_and_not_played(delay: latentfx.LatentPlugin) -> None:
    audio = noise(640)
    audio[0, 100:103] = np.nan, np.inf, -np.inf
    with in_callback(delay, block=64) as host:
        heard = play(host, audio, 64)
        assert host.stats().non_finite == 3
    assert np.isfinite(heard).all()
    assert not heard[0, 200:203].any()


def test_hops_that_come_together_run_together(
    delay: latentfx.LatentPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block of 23 hops is runs of 16, 4, 2 and 1, with the same sound, and a control turned before it."""
    audio = noise(20 * 23 * 64)
    step, lengths = BlockStream.step, list[int]()

    def counted(stream: BlockStream, piece: Audio) -> Audio:
        lengths.append(piece.shape[2] // 64)
        return step(stream, piece)

    with in_callback(delay, block=23 * 64) as host:
        monkeypatch.setattr(BlockStream, "step", counted)
        heard = play(host, audio, 23 * 64)
        assert lengths == 20 * [16, 4, 2, 1]
        np.testing.assert_array_equal(heard[:, 100:], audio[:, :-100])
        host.controls["gain"] = 0.5
        out = host.process(audio[:, : 23 * 64])
    np.testing.assert_array_equal(out[:, 100:], 0.5 * audio[:, : 23 * 64 - 100])


def test_stats_say_what_was_measured(delay: latentfx.LatentPlugin) -> None:
    with in_callback(delay, block=96) as host:
        play(host, np.full((1, 9600), 0.1, np.float32), 96)
        stats = host.stats()
    assert (stats.plugin, stats.place, stats.blocks, stats.block) == ("delay", "callback", 100, 96)
    assert stats.seconds == pytest.approx(0.2)
    assert stats.deadline_ms == pytest.approx(2.0)
    assert stats.hop_ms == pytest.approx(64 / 48)
    assert 0 < stats.callback_ms.p50 <= stats.callback_ms.p99 <= stats.callback_ms.worst
    assert stats.latency.algorithmic == pytest.approx(100 / 48)
    assert stats.latency.buffering == pytest.approx(32 / 48)
    assert stats.input_db == pytest.approx(-20, abs=0.01)
    assert stats.controls == {"gain": 1.0}
