"""A picture of what a plugin costs, by the host's buffer."""

from __future__ import annotations

from pathlib import Path

from latentfx.files import whole_file

from .bench import Bench


def draw(found: Bench, target: Path) -> None:
    """Draw medians, with bands up to p99, under the line where a call lasts as long as its buffer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    deadlines: dict[int, float] = {}
    for threads, timings in found.timings.items():
        buffers = [timing.buffer for timing in timings]
        p50, p99 = [t.p50_ms for t in timings], [t.p99_ms for t in timings]
        label = f"{threads} thread{'s' if threads > 1 else ''}"
        axes.plot(buffers, p50, marker="o", label=f"median, {label}")
        axes.fill_between(buffers, p50, p99, alpha=0.25, label=f"to p99, {label}")
        deadlines |= {timing.buffer: timing.deadline_ms for timing in timings}
    axes.plot(list(deadlines), list(deadlines.values()), "k--", label="deadline")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="buffer of the host, samples",
        ylabel="time of a call, ms",
        title=f"{Path(found.file).name}, {found.engine}",
    )
    axes.set_xticks(list(deadlines), [str(size) for size in deadlines])
    axes.minorticks_off()
    axes.legend()
    with whole_file(target) as part:
        figure.savefig(part, dpi=120, format=target.suffix[1:] or "png")
