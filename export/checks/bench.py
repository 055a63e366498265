"""What a plugin file costs: calls, cold start, memory; and two files turn by turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from latentfx.errors import PluginFileError

from .timing import BUFFERS, Runner, Timing, late_calls, measure, open_runner, sample, summarise

_ROUNDS = 10
_COLD_ONNX = """
import time; begin = time.perf_counter()
import sys, numpy, latentfx
plugin = latentfx.load(sys.argv[1], trust=sys.argv[3] == "True"); spec = plugin.spec
loaded = time.perf_counter()
plugin.blocks().step(numpy.zeros((1, spec.in_channels, spec.block_size), numpy.float32))
"""
_COLD_TS = """
import time; begin = time.perf_counter()
import sys, torch, warnings
warnings.simplefilter("ignore")
torch.set_num_threads(1)
module = torch.jit.load(sys.argv[1], map_location="cpu")
loaded = time.perf_counter()
with torch.inference_mode():
    module(torch.zeros(1, int(module.forward_params[0]), int(sys.argv[2])))
"""
_COLD_END = """
done = time.perf_counter()
try:
    with open("/proc/self/status") as status:
        memory = next(float(line.split()[1]) / 1e3 for line in status if line.startswith("VmHWM"))
except FileNotFoundError:
    memory = 0.0
import json; print(json.dumps([1000 * (loaded - begin), 1000 * (done - loaded), memory]))
"""


@dataclass(frozen=True)
class ColdStart:
    """A fresh interpreter, from nothing to the first sound.

    Args:
        load_ms: imports and opening the file.
        first_ms: the first call.
        memory_mb: the most memory that the process had; 0 elsewhere than on Linux.
    """

    load_ms: float
    first_ms: float
    memory_mb: float


@dataclass(frozen=True)
class Bench:
    """Costs of one file.

    Args:
        file: its path.
        engine: what runs it.
        step: samples of the shortest call.
        cold: from a fresh interpreter.
        timings: threads -> a timing for each buffer.
    """

    file: str
    engine: str
    step: int
    cold: ColdStart
    timings: Mapping[int, tuple[Timing, ...]]

    @property
    def warnings(self) -> list[str]:
        """What was measured and is no good news: late calls, by the number of threads."""
        notes = {threads: late_calls(timings) for threads, timings in self.timings.items()}
        return [f"with {threads} thread(s), {note}" for threads, note in notes.items() if note]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON can hold it."""
        rows = {
            str(threads): [asdict(timing) | {"load": timing.load} for timing in timings]
            for threads, timings in self.timings.items()
        }
        facts = {"file": self.file, "engine": self.engine, "step": self.step, "warnings": self.warnings}
        return {**facts, "cold_start": asdict(self.cold), "threads": rows}


@dataclass(frozen=True)
class Duel:
    """Two files, turn by turn, at one buffer.

    Args:
        buffer: samples of the host's buffer.
        first: of the one.
        second: of the other.
    """

    buffer: int
    first: Timing
    second: Timing

    @property
    def ratio(self) -> float:
        """How many times faster the first is: audio a second of work, by their medians."""
        return (self.second.p50_ms / self.second.deadline_ms) / (self.first.p50_ms / self.first.deadline_ms)


def bench(
    path: str | os.PathLike[str],
    *,
    threads: Sequence[int] = (1,),
    buffers: Sequence[int] = BUFFERS,
    seconds: float = 1.0,
    trust: bool = False,
) -> Bench:
    """Measure what a plugin file costs on this machine.

    Args:
        path: an `.onnx` plugin, or a TorchScript file for nn~.
        threads: each that is measured.
        buffers: samples of the host's buffers.
        seconds: spent on each of them.
        trust: whether a TorchScript file may be opened: it is a program; and an `.onnx` file whose operators
            break the rules for files from strangers.
    Raises:
        PluginFileError: damaged, or TorchScript that is not trusted.
    """
    file = Path(path)
    runners = [open_runner(file, threads=count, trust=trust) for count in threads]
    timings = {runner.threads: measure(runner, buffers, seconds) for runner in runners}
    return Bench(
        str(file), runners[0].engine, runners[0].step, cold_start(file, runners[0].step, trust), timings
    )


def duel(first: Runner, second: Runner, buffers: Sequence[int], seconds: float) -> tuple[Duel, ...]:
    """Time two files by turns in this process, so that whatever else the machine does hits both.

    A buffer is at least as long as the longer step of the two, and each is timed on calls that it would make
    there.
    """
    found = []
    for buffer in buffers:
        times: tuple[list[float], list[float]] = ([], [])
        for runner in (first, second):
            sample(runner, buffer, 0.0, 20)
        for _ in range(_ROUNDS):
            for runner, kept in zip((first, second), times, strict=True):
                kept += sample(runner, buffer, seconds / _ROUNDS, 5)
        found.append(Duel(buffer, summarise(first, buffer, times[0]), summarise(second, buffer, times[1])))
    return tuple(found)


def cold_start(path: Path, step: int, trust: bool = False) -> ColdStart:
    """Load a file in a fresh interpreter, and run one call.

    Raises:
        PluginFileError: the interpreter did not get that far.
    """
    program = (_COLD_TS if path.suffix == ".ts" else _COLD_ONNX) + _COLD_END
    command = [sys.executable, "-c", program, str(path.resolve()), str(step), str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PluginFileError(
            f"a fresh interpreter cannot run {path}: {done.stderr.strip().splitlines()[-1]}"
        )
    return ColdStart(*json.loads(done.stdout.splitlines()[-1]))
