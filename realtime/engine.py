"""A plugin behind one function: device samples in, device samples out, whatever its rate and its hop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from latentfx.arrays import Float32
from latentfx.dsp.resample import StreamResampler
from latentfx.errors import ShapeError
from latentfx.host.door import RunningBlocks
from latentfx.host.runs import in_runs, most_blocks
from latentfx.host.runtime import LatentPlugin
from latentfx.host.stream import count_rows
from latentfx.spec import PluginSpec

from .mixing import MAX_BLOCK
from .rings import RingBuffer
from .stats import Times
from .steady import MEASURE, flush_denormals, hurry

QUALITY = "LQ"  # soxr's: 100 dB down, and a quarter of the wait of HQ
_SIMULATED_S = 3.0
_SMALLEST_BLOCK = 16
_MEASURED_S = 0.3
_AT_ONE_GO_S = 0.05
_SMALL_SHARE = 0.1
_MOST_HOPS = 16
_STEP_LIMIT_S = 2.0


@dataclass(frozen=True)
class StepCost:
    """What the hops of one block take.

    Args:
        hops: the most that a block brings.
        p10: a tenth of the blocks take less, in seconds: the plugin's own cost, where the machine is busy.
        p999: 99.9th percentile, in seconds.
    """

    hops: int
    p10: float
    p999: float


class Engine:
    """A plugin at the device's rate.

    Samples go in by `push` and come out of `output` when they are ready. Hops that are there together run
    together, which takes less time: 16, 8, 4, 2 or 1 of them at once.

    Args:
        plugin: its controls are read before every hop; nobody else may play it.
        channels: channels in.
        sample_rate: of the device, in Hz.
        before_hops: called with their number before hops run; it says how many of them run together.
        capacity: samples that `output` can hold.

    Raises:
        ShapeError: a number of channels that the plugin cannot take.
    """

    def __init__(
        self,
        plugin: LatentPlugin,
        channels: int,
        sample_rate: float,
        before_hops: Callable[[int], int],
        capacity: int,
    ) -> None:
        spec = plugin.spec
        self.plugin = plugin
        self.channels = channels
        self.sample_rate = sample_rate
        self.rows = _rows(spec, channels)
        self.outputs = self.rows * spec.out_channels
        self.output = RingBuffer(self.outputs, capacity)
        self.non_finite = 0
        self.step_times = Times()
        self.wants_reset = False
        self._before_hops = before_hops
        most = min(_MOST_HOPS, most_blocks(spec.block_size, self.rows * spec.in_channels))
        self._most = next(in_runs(max(MAX_BLOCK // spec.block_size, 1), most))
        self._hops = np.zeros((channels, self._most * spec.block_size), np.float32)
        self._filled = 0
        self._blocks = self._open()
        rates = (sample_rate, spec.sample_rate)
        self._to_plugin = StreamResampler(*rates, channels, QUALITY)
        self._from_plugin = StreamResampler(*rates[::-1], self.outputs, QUALITY)

    @property
    def silenced(self) -> int:
        """Hops in which the plugin made numbers that are no sound, and which are silence."""
        return self._blocks.silenced

    @property
    def hop_s(self) -> float:
        """Seconds of audio in one hop."""
        return self.plugin.spec.block_size / self.plugin.sample_rate

    @property
    def plugin_latency(self) -> int:
        """Latency of the plugin alone, in samples of the device."""
        return self.plugin.latency_at(self.sample_rate)

    def push(self, audio: Float32) -> None:
        """Take the next samples; what gets ready goes to `output`.

        Shape:
            audio [C, T]
        """
        self._fill(self._to_plugin.process(self._clean(audio)))

    def wait_for(self, block: int | None) -> int:
        """Silence that must lie in `output` at the start, so that it never runs dry.

        Args:
            block: samples pushed at once; None for any number.
        """
        rate, hop = self.plugin.sample_rate, self.plugin.spec.block_size
        if rate == self.sample_rate:
            return hop - (math.gcd(block, hop) if block else 1)
        size = block or _SMALLEST_BLOCK
        there = StreamResampler(self.sample_rate, rate, 1, QUALITY)
        back = StreamResampler(rate, self.sample_rate, 1, QUALITY)
        silence = np.zeros((1, max(size, hop)), np.float32)
        pending = given = deficit = 0
        for pushed in range(size, int(_SIMULATED_S * self.sample_rate), size):
            pending += there.process(silence[:, :size]).shape[1]
            for hops in in_runs(pending // hop, self._most):
                pending -= hops * hop
                given += back.process(np.resize(silence, (1, hops * hop))).shape[1]
            deficit = max(deficit, pushed - given)
        return deficit if block else deficit + size

    def measure(self, block: int) -> StepCost:
        """Time the plugin on blocks of noise, in a stream of its own, as it will be played.

        That is in a thread that goes before others, with the wait for the next block between two: what the
        processor had at hand is gone by then, and a hop takes two or three times as long. The steadier of two
        rounds counts. A plugin that needs no more than a tenth of the time at one go is taken at its word.

        Args:
            block: samples of the device.
        """
        with ThreadPoolExecutor(1, "latentfx-measure", _as_it_plays) as pool:
            return pool.submit(self._measure, block / self.sample_rate).result()

    def _measure(self, period_s: float) -> StepCost:
        at_one_go = self._measure_once(period_s, pause=False)
        if at_one_go.p999 < _SMALL_SHARE * period_s:
            return at_one_go
        return min((self._measure_once(period_s, pause=True) for _ in range(2)), key=lambda cost: cost.p999)

    def _measure_once(self, period_s: float, pause: bool) -> StepCost:
        spec = self.plugin.spec
        stream = self._open()
        shape = (self.rows, spec.in_channels, self._most * spec.block_size)
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, shape).astype(np.float32)
        hops = math.ceil(period_s / self.hop_s - 1e-9)
        runs = [noise[:, :, : count * spec.block_size] for count in in_runs(hops, self._most)]
        times: list[float] = []
        end = time.perf_counter() + (_MEASURED_S if pause else _AT_ONE_GO_S)
        while not times or time.perf_counter() < end:
            begin = time.perf_counter()
            for run in runs:
                stream.step(run)
            times.append(time.perf_counter() - begin)
            if pause:
                time.sleep(max(period_s - times[-1], 0))
        return StepCost(hops, *np.percentile(times, (10, 99.9)).tolist())

    def _open(self) -> RunningBlocks:
        """Open a stream in which every length of a run has its memory."""
        spec = self.plugin.spec
        stream = self.plugin.blocks(self.rows, _STEP_LIMIT_S)
        for hops in in_runs(2 * self._most - 1, self._most):  # each length once
            stream.step(np.zeros((self.rows, spec.in_channels, hops * spec.block_size), np.float32))
        stream.reset()
        return stream

    def _clean(self, audio: Float32) -> Float32:
        if math.isfinite(float(audio.sum())):
            return audio
        finite = np.isfinite(audio)
        self.non_finite += int(audio.size - np.count_nonzero(finite))
        return np.where(finite, audio, np.float32(0))

    def _fill(self, audio: Float32) -> None:
        """Cut into hops, and run those that are full."""
        at = 0
        while at < audio.shape[1]:
            take = min(self._hops.shape[1] - self._filled, audio.shape[1] - at)
            self._hops[:, self._filled : self._filled + take] = audio[:, at : at + take]
            self._filled += take
            at += take
            self._run_full_hops()

    def _run_full_hops(self) -> None:
        size = self.plugin.spec.block_size
        start = 0
        while full := (self._filled - start) // size:
            begin = time.perf_counter_ns()
            hops = self._before_hops(next(in_runs(full, self._most)))
            self._step(self._hops[:, start : start + hops * size])
            self.step_times.add((time.perf_counter_ns() - begin) // hops)
            start += hops * size
        if start:
            self._filled -= start
            self._hops[:, : self._filled] = self._hops[:, start : start + self._filled]

    def _step(self, audio: Float32) -> None:
        if self.wants_reset:
            self._blocks.reset()
            self.wants_reset = False
        size = audio.shape[1]
        out = self._blocks.step(audio.reshape(self.rows, self.plugin.spec.in_channels, size))
        self.output.write(self._from_plugin.process(out.reshape(self.outputs, size)))


def _rows(spec: PluginSpec, channels: int) -> int:
    """How often the plugin runs side by side; of a side-chain, what helps where sound is live."""
    try:
        return count_rows(spec, channels)
    except ShapeError:
        if not spec.side_channels:
            raise
        wanted = ",".join(map(str, range(1, spec.in_channels + 1)))
        raise ShapeError(
            f"audio has {channels} channels; plugin {spec.name!r} takes {spec.in_channels}, the last of them "
            "its side-chain, which is a channel of the same input when it is played live: take an --input "
            f"that has {spec.in_channels} channels, or choose them, as --input-channels {wanted}"
        ) from None


def _as_it_plays() -> None:
    flush_denormals()
    hurry(MEASURE)
