"""The verb `latentfx bench`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.complete import complete_plugin
from latentfx.cli.note import say_note
from latentfx.cli.stops import nothing_begun
from latentfx.errors import MissingExtraError
from latentfx.names import shown

if TYPE_CHECKING:
    from latentfx.export.checks.bench import Bench, Duel

_BUFFERS = (64, 128, 256, 512, 1024, 2048)


def bench(
    file: Annotated[
        str,
        typer.Argument(
            help="A shipped plugin, an .onnx file, or a .ts for nn~.", autocompletion=complete_plugin
        ),
    ],
    against: Annotated[
        str | None, typer.Option(help="Another one: both run by turns, and the ratio is printed.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(min=1, help="Threads a call may use. May be repeated.")
    ] = None,
    buffers: Annotated[
        list[int] | None,
        typer.Option(
            "--buffer", min=1, max=65_536, help="Samples of the host's buffer.", show_default="64 to 2048"
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Spent on each line.")] = 1.0,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Open a .ts, which is a program, or an .onnx that breaks the rules: know its author.",
        ),
    ] = False,
    plot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Draw the times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Measure what a plugin costs: time of a call, cold start, memory.

    p50, p99 and p99.9 are of the calls in which the plugin worked: with a buffer shorter than its block it
    works in some calls alone. A p99 above 100 % of the buffer is heard.

    For example:

      latentfx bench timbre.onnx --threads 1 --threads 2 --plot times.png

      latentfx bench mine.onnx --against rave.ts --trust --buffer 2048
    """
    try:
        with nothing_begun():
            from latentfx.export.checks import bench as lab
            from latentfx.export.checks import timing
            from latentfx.export.checks.opened import plugin_path
    except ModuleNotFoundError as error:
        raise MissingExtraError("latentfx bench", "lab", error.name or "torch") from None
    counts, sizes = tuple(threads or (1,)), tuple(buffers or _BUFFERS)
    if plot is not None:
        from latentfx.sound.plot import require_matplotlib

        require_matplotlib()
    if against is not None:
        paths = plugin_path(file), plugin_path(against)
        pair = [timing.open_runner(path, threads=counts[0], trust=trust) for path in paths]
        duels = lab.duel(pair[0], pair[1], sizes, seconds)
        _print_duels(duels, *paths, as_json)
        return
    found = lab.bench(plugin_path(file), threads=counts, buffers=sizes, seconds=seconds, trust=trust)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1))
    else:
        _print_bench(found)
    if plot is not None:
        from latentfx.export.checks.bench_plot import draw

        draw(found, plot)
        typer.echo(plot)


def _print_bench(found: Bench) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{escape(shown(found.file))}[/bold]  {found.engine}, steps of {found.step} samples")
    columns = ("threads", "buffer", "p50 ms", "p99 ms", "p99.9 ms", "p99 of buffer", "x real time", "calls")
    table = Table(*columns, box=None, pad_edge=False)
    for threads, timings in found.timings.items():
        for timing in timings:
            times = (f"{value:.3f}" for value in (timing.p50_ms, timing.p99_ms, timing.p999_ms))
            share, speed = f"{100 * timing.load:.0f} %", f"{timing.realtime:.1f}"
            table.add_row(str(threads), str(timing.buffer), *times, share, speed, str(timing.calls))
    console.print(table)
    cold = found.cold
    console.print(
        f"cold start: {cold.load_ms:.0f} ms to load, {cold.first_ms:.0f} ms for the first call, "
        f"{cold.memory_mb:.0f} MB at most"
    )
    for warning in found.warnings:
        say_note(warning)


def _print_duels(duels: tuple[Duel, ...], first: Path, second: Path, as_json: bool) -> None:
    if as_json:
        rows = [asdict(duel) | {"ratio": duel.ratio} for duel in duels]
        typer.echo(json.dumps({"first": str(first), "second": str(second), "buffers": rows}, indent=1))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    one, other = (escape(shown(path.name)) for path in (first, second))
    table = Table("buffer", f"{one} p50 ms", f"{other} p50 ms", "ratio", box=None, pad_edge=False)
    for duel in duels:
        times = (f"{timing.p50_ms:.3f}" for timing in (duel.first, duel.second))
        table.add_row(str(duel.buffer), *times, f"{duel.ratio:.2f}")
    console.print(table)
    console.print(f"ratio: how many times faster {one} is; taken by turns, by the medians")
