"""What the parts of a batch cost: processes, Ray, the plan, the journal, memory.

    python examples/benchmarks/batch_parts.py [--notes 48] [--rounds 3] [--planned 100000] [--ray] [--json F]

Notes of 4 s (mono, 16 bits, 48 kHz) go through `timbre-swap`. The ways take turns, round by round, and the
best round of each counts, since others use the machine too. A rate is counted from the first results to the
last, so that the start of processes is left out. `cpu_s` is processor time for one second of audio, of this
process and those that it starts, between a run of a few notes and one of all: it hardly depends on what
others do. Ray's processes are not among them. The plan and the journal are measured with empty files, and
the peak of memory is that of a process that only plans (Linux). `--ray` needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import soundfile
from signals import violin
from table import print_table, write_json

from latentfx.batch import Batch
from latentfx.batch.journal import Done, MadeOf, open_journal, read_journals
from latentfx.batch.plan import Shard, plan
from latentfx.batch.task import Outcome

RATE: Final = 48_000
NOTE_S: Final = 4.0
WARM: Final = 4  # results before a rate is counted
WAYS: Final = {"1 process": ("local", 1), "2 processes": ("local", 2), "Ray, 2 actors": ("ray", 2)}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--notes", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--planned", type=int, default=100_000)
    parser.add_argument("--ray", action="store_true", help="measure a Ray cluster of this machine too")
    parser.add_argument(
        "--plan", type=Path, nargs=2, help="only plan SOURCES TARGET, and print the peak in MB"
    )
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    if arguments.plan:
        plan(*arguments.plan)
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        print(int(peak[1]) / 1024 if peak else "")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways = [way for way in WAYS if arguments.ray or "Ray" not in way]
        speeds = _speeds(folder, ways, arguments.notes, arguments.rounds)
        files = _files(folder, arguments.planned)
    print_table(["way", "x real time", "cpu_s"], [(way, *speed) for way, speed in speeds.items()])
    print_table(["part", "cost"], list(files.items()))
    write_json(arguments.json, {"speeds": speeds, "files": files, "planned": arguments.planned})


def _speeds(folder: Path, ways: list[str], notes: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Way -> multiple of real time, and processor time for one second of audio."""
    takes = folder / "takes"
    takes.mkdir()
    audio = violin(RATE, NOTE_S)
    for index in range(notes):
        soundfile.write(takes / f"{index:04d}.wav", audio, RATE, subtype="PCM_16")
    few = folder / "few"
    few.mkdir()
    for path in sorted(takes.iterdir())[:WARM]:
        (few / path.name).hardlink_to(path)
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for turn in range(rounds):
        for way in ways:
            _, start_s = _run(few, folder / f"few, {way} {turn}", *WAYS[way])
            times, cpu_s = _run(takes, folder / f"{way} {turn}", *WAYS[way])
            rate = NOTE_S * (notes - WARM) / (times[-1] - times[WARM - 1])
            found[way].append((rate, (cpu_s - start_s) / (NOTE_S * (notes - WARM))))
    return {way: (max(rate for rate, _ in runs), min(cpu for _, cpu in runs)) for way, runs in found.items()}


def _run(takes: Path, target: Path, on: str, jobs: int) -> tuple[list[float], float]:
    """Times at which results came, and processor time of all of it."""
    before = _cpu_s()
    times: list[float] = []
    for outcome in Batch(takes, target, "timbre-swap", on, jobs, controls={"timbre": "flute"}).run():
        if outcome.error:
            raise RuntimeError(outcome.error)
        times.append(time.perf_counter())
    for process in multiprocessing.active_children():
        process.join()
    return times, _cpu_s() - before


def _cpu_s() -> float:
    """Processor time of this process, and of its children that have ended."""
    return sum(os.times()[:4])


def _files(folder: Path, count: int) -> dict[str, float]:
    """What so many files cost before and beside the work."""
    many = folder / "many"
    for index in range(count):
        if index % 1000 == 0:
            (many / f"{index // 1000:03d}").mkdir(parents=True)
        (many / f"{index // 1000:03d}" / f"a note of a library {index:06d}.wav").touch()
    target = folder / "planned"
    target.mkdir()
    peaks = [_peak_mb(many / "000", target), _peak_mb(many, target)]
    begin = time.process_time()
    made = plan(many, target)
    planned = time.process_time() - begin
    of = MadeOf("s" * 64, "p" * 64)
    begin = time.process_time()
    journal = open_journal(str(target), Shard(), of)
    for task in made:
        journal.add(task, Outcome(task.number, task.source, task.target, 4.0, RATE, 1, "PCM_16"))
    journal.close()
    written = time.process_time() - begin
    begin = time.process_time()
    done = Done(read_journals(str(target)), of)
    held = sum(done.holds(task) for task in made)
    read = time.process_time() - begin
    if held != count:
        raise RuntimeError(f"{held} of {count} files are in the journal")
    size = Path(journal.path).stat().st_size
    return {
        "plan of 1,000 files: peak MB": peaks[0],
        f"plan of {count:,} files: peak MB": peaks[1],
        "bytes in memory for each name": (peaks[1] - peaks[0]) * (1 << 20) / max(count - 1000, 1),
        "plan_s of a file": planned / count,
        "journal_s of a line": written / count,
        "resume_s of a file": read / count,
        "journal_bytes of a line": size / count,
    }


def _peak_mb(sources: Path, target: Path) -> float:
    command = [sys.executable, __file__, "--plan", str(sources), str(target)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
