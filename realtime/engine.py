"""A plugin behind one function: device samples in, device samples out, whatever its rate and its hop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latentfx.dsp.resample import StreamResampler
from latentfx.plugin_file import Float32
from latentfx.runtime import LatentPlugin
from latentfx.stream import count_rows

from .rings import Ring
from .stats import Times

QUALITY = "LQ"  # soxr's: 100 dB down, and a quarter of the wait of HQ
_SIMULATED_S = 3.0
_SMALLEST_BLOCK = 16
_MEASURED_S = 0.3
_MEASURED_STEPS = 1000


@dataclass(frozen=True)
class StepCost:
    """What one step of a plugin takes.

    Args:
        p10: a tenth of the steps take less, in seconds: the plugin's own cost, where the machine is busy.
        p50: median, in seconds.
        p999: 99.9th percentile, in seconds.
    """

    p10: float
    p50: float
    p999: float


class Engine:
    """A plugin at the device's rate.

    Samples go in by `push` and come out of `output` when they are ready, `latency` samples later at most.

    Args:
        plugin: its controls are read before every hop; nobody else may play it.
        channels: channels in.
        sample_rate: of the device, in Hz.
        before_hop: called before every hop.
        capacity: samples that `output` can hold.

    Raises:
        ShapeError: a number of channels that the plugin cannot take.
    """

    def __init__(
        self,
        plugin: LatentPlugin,
        channels: int,
        sample_rate: float,
        before_hop: Callable[[], None],
        capacity: int,
    ) -> None:
        spec = plugin.spec
        self.plugin = plugin
        self.channels = channels
        self.sample_rate = sample_rate
        self.rows = count_rows(spec, channels)
        self.outputs = self.rows * spec.out_channels
        self.output = Ring(self.outputs, capacity)
        self.non_finite = 0
        self.step_times = Times()
        self.wants_reset = False
        self._before_hop = before_hop
        self._blocks = plugin.blocks(self.rows)
        self._hop = np.zeros((channels, spec.block_size), np.float32)
        self._filled = 0
        rates = (sample_rate, spec.sample_rate)
        self._to_plugin = StreamResampler(*rates, channels, QUALITY)
        self._from_plugin = StreamResampler(*rates[::-1], self.outputs, QUALITY)

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
            while pending >= hop:
                pending -= hop
                given += back.process(silence[:, :hop]).shape[1]
            deficit = max(deficit, pushed - given)
        return deficit if block else deficit + size

    def measure(self) -> StepCost:
        """Time steps of the plugin on noise, in a stream of its own; the steadier of two rounds counts."""
        return min((self._measure_once() for _ in range(2)), key=lambda cost: cost.p999)

    def _measure_once(self) -> StepCost:
        spec = self.plugin.spec
        stream = self.plugin.blocks(self.rows)
        shape = (self.rows, spec.in_channels, spec.block_size)
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, shape).astype(np.float32)
        for _ in range(3):
            stream.step(noise)
        times: list[float] = []
        end = time.perf_counter() + _MEASURED_S
        while len(times) < _MEASURED_STEPS and (not times or time.perf_counter() < end):
            begin = time.perf_counter()
            stream.step(noise)
            times.append(time.perf_counter() - begin)
        return StepCost(*np.percentile(times, (10, 50, 99.9)).tolist())

    def _clean(self, audio: Float32) -> Float32:
        if math.isfinite(float(audio.sum())):
            return audio
        finite = np.isfinite(audio)
        self.non_finite += int(audio.size - np.count_nonzero(finite))
        return np.where(finite, audio, np.float32(0))

    def _fill(self, audio: Float32) -> None:
        """Cut into hops, and run each when it is full."""
        size = self._hop.shape[1]
        at = 0
        while at < audio.shape[1]:
            take = min(size - self._filled, audio.shape[1] - at)
            self._hop[:, self._filled : self._filled + take] = audio[:, at : at + take]
            self._filled += take
            at += take
            if self._filled == size:
                self._filled = 0
                self._step()

    def _step(self) -> None:
        begin = time.perf_counter_ns()
        if self.wants_reset:
            self._blocks.reset()
            self.wants_reset = False
        self._before_hop()
        spec = self.plugin.spec
        out = self._blocks.step(self._hop.reshape(self.rows, spec.in_channels, spec.block_size))
        self.output.write(self._from_plugin.process(out.reshape(self.outputs, spec.block_size)))
        self.step_times.add(time.perf_counter_ns() - begin)
