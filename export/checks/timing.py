"""How long a host waits for a block: percentiles over many calls, beside the time that the block lasts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from latentfx.errors import PluginFileError
from latentfx.host.nn_tilde.ports import MIN_RATIO
from latentfx.host.runtime import LatentPlugin

from .opened import NnTildePlugin, OnnxPlugin, open_torchscript

BUFFERS = (64, 128, 256, 512, 1024, 2048)
_WARM_UP = 20
_FEWEST = 50
_NOISE_SAMPLES = 1 << 16


@dataclass(frozen=True)
class Runner:
    """A plugin file, ready to be run one call at a time.

    Args:
        engine: `onnxruntime` or `torchscript`.
        threads: that one call may use.
        sample_rate: Hz.
        step: samples of the shortest call.
        call: runs one call of so many samples.
    """

    engine: str
    threads: int
    sample_rate: int
    step: int
    call: Callable[[int], None]


@dataclass(frozen=True)
class Timing:
    """Times of the calls of a host in which the plugin had to work.

    Args:
        buffer: samples of the host's buffer.
        p50_ms: half of the calls took less.
        p99_ms: 99 of 100 took less.
        p999_ms: 999 of 1000 took less.
        deadline_ms: how long the buffer lasts.
        realtime: seconds of audio in a second of work.
        calls: how many were measured.
    """

    buffer: int
    p50_ms: float
    p99_ms: float
    p999_ms: float
    deadline_ms: float
    realtime: float
    calls: int

    @property
    def load(self) -> float:
        """p99 as a share of the deadline; above 1 the sound breaks up."""
        return self.p99_ms / self.deadline_ms


def late_calls(timings: Sequence[Timing]) -> str | None:
    """What to say of buffers in which one call in 100 takes longer than the buffer lasts.

    Returns:
        None where there is no such buffer.
    """
    late = [timing for timing in timings if timing.load > 1.0]
    if not late:
        return None
    worst = max(late, key=lambda timing: timing.load)
    return (
        f"at buffers of {', '.join(str(timing.buffer) for timing in late)}, one call in 100 took longer than "
        f"the buffer lasts (p99 {100 * worst.load:.0f} % at {worst.buffer}). Live, sound would break up "
        "there, unless other programs slowed this machine: measure again when it rests, or play with a "
        "larger buffer"
    )


def open_runner(path: Path, *, threads: int = 1, trust: bool = False) -> Runner:
    """Open a plugin file for timing.

    Args:
        path: of the file.
        threads: that one call may use.
        trust: as for `open_plugin_file`.

    Raises:
        PluginFileError: damaged, or TorchScript that is not trusted.
    """
    if path.suffix == ".ts":
        plugin, _ = open_torchscript(path, trust=trust)
        return _torchscript(plugin, threads)
    loaded = LatentPlugin.load(path, threads, trust)
    spec = loaded.spec
    stream = loaded.blocks()
    noise = _noise(spec.in_channels, spec.block_size)
    position = 0

    def call(samples: int) -> None:
        nonlocal position
        start = position if position + samples <= noise.shape[-1] else 0
        stream.step(noise[..., start : start + samples])
        position = start + samples

    return Runner("onnxruntime", threads, spec.sample_rate, spec.block_size, call)


def plugin_runner(plugin: OnnxPlugin | NnTildePlugin) -> Runner:
    """Make an opened file ready for timing, on one thread."""
    if isinstance(plugin, NnTildePlugin):
        return _torchscript(plugin, 1)
    spec = plugin.spec
    noise = torch.from_numpy(_noise(spec.in_channels, spec.block_size))
    controls, state = plugin.default_controls(1), plugin.initial_state(1)

    def call(samples: int) -> None:
        nonlocal state
        _, state = plugin(noise[..., :samples], controls, state)

    return Runner("onnxruntime", 1, spec.sample_rate, spec.block_size, call)


def measure(runner: Runner, buffers: Iterable[int] = BUFFERS, seconds: float = 1.0) -> tuple[Timing, ...]:
    """Time the calls of hosts with these buffers.

    If the buffer is shorter than the plugin's step, the plugin works only in some calls: these are counted.

    Args:
        runner: what to time.
        buffers: samples of the host's buffers.
        seconds: spent on each.
    """
    return tuple(timings(runner, buffer, seconds) for buffer in buffers)


def timings(runner: Runner, buffer: int, seconds: float) -> Timing:
    """Time the calls of one host."""
    sample(runner, buffer, 0.0, _WARM_UP)
    return summarise(runner, buffer, sample(runner, buffer, seconds, _FEWEST))


def sample(runner: Runner, buffer: int, seconds: float, fewest: int) -> list[float]:
    """Seconds that each call of a host took. Calls go on for `seconds`, and until there are `fewest`."""
    samples = _samples(runner, buffer)
    times: list[float] = []
    with torch_threads(runner.threads):
        end = time.perf_counter() + seconds
        while len(times) < fewest or time.perf_counter() < end:
            start = time.perf_counter()
            runner.call(samples)
            times.append(time.perf_counter() - start)
    return times


def summarise(runner: Runner, buffer: int, times: list[float]) -> Timing:
    """Percentiles of what `sample` measured."""
    p50, p99, p999 = 1000 * np.quantile(times, [0.5, 0.99, 0.999])
    deadline = 1000 * buffer / runner.sample_rate
    realtime = len(times) * _samples(runner, buffer) / runner.sample_rate / sum(times)
    return Timing(buffer, float(p50), float(p99), float(p999), deadline, float(realtime), len(times))


def _samples(runner: Runner, buffer: int) -> int:
    """What a host with this buffer runs at once: whole steps."""
    return math.ceil(buffer / runner.step) * runner.step


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads. One is fastest for blocks: on a busy machine two wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torchscript(plugin: NnTildePlugin, threads: int) -> Runner:
    spec, module = plugin.spec, plugin.module
    step = max(MIN_RATIO, spec.block_size)
    if step % spec.block_size:
        raise PluginFileError(f"{spec.name!r} has blocks of {spec.block_size} samples, which nn~ cannot make")
    noise = torch.from_numpy(_noise(spec.in_channels, step))

    def call(samples: int) -> None:
        with torch.inference_mode():
            module(noise[..., :samples])

    return Runner("torchscript", threads, spec.sample_rate, step, call)


def _noise(channels: int, step: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Noise for some calls: a sound in which no model rests.

    Shape:
        -> [1, C_in, T], T at least 65536 and a multiple of the step
    """
    samples = math.ceil(_NOISE_SAMPLES / step) * step
    noise = np.random.default_rng(0).standard_normal((1, channels, samples))
    return (0.1 * noise).astype(np.float32)
