"""The verb `latentfx validate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.bar import StepLine
from latentfx.cli.complete import complete_plugin
from latentfx.cli.note import say_note
from latentfx.cli.stops import nothing_begun
from latentfx.errors import MissingExtraError

if TYPE_CHECKING:
    from latentfx.export.checks.validation import Validation

_EXPLAINED = {
    "nn~": "what nn~ asks of a file",
    "parity": "the file sounds like torch",
    "form": "shapes, names and types",
    "inputs_unchanged": "a call changes nothing it is given",
    "pure": "same input and state, same output",
    "splits": "random calls like one call",
    "rows": "batch rows do not hear each other",
    "latency": "measured against stated",
    "dry_latency": "the dry path is aligned",
    "finite": "NaN and Inf in, finite out",
    "recovery": "the sound comes back after them",
    "silence": "silence in, silence out",
    "inaudible": "inaudible stays inaudible",
    "clicks": "controls jump without a click",
    "hops": "calls of 1 to 64 blocks like one",
    "reset": "a reset forgets everything",
    "square": "a square wave of full scale",
    "dc": "a constant of full scale",
    "jumps": "jumps of 96 dB",
    "sweeps": "controls sweep without runaway",
    "memory": "no leak over a long stream",
    "cost": "median of a call, on this machine",
    "provenance": "method, licence, date, versions",
}


_WIDE = 110


def validate(
    file: Annotated[
        str,
        typer.Argument(
            help="A shipped plugin, an .onnx file, or a .ts for nn~, made here or elsewhere.",
            autocompletion=complete_plugin,
        ),
    ],
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Open a .ts, or a run with code of its own: programs, so know where they come from.",
        ),
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The run it was exported from: compare the file with torch anew.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.01, help="Audio run through while memory is watched.")
    ] = 10.0,
    sample_rate: Annotated[int, typer.Option(help="Hz, for a .ts that does not say its own.")] = 44_100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Find out whether a plugin file can be trusted on a stage.

    Runs the file itself: splits, resets, bad samples, loud and sudden signals, turning knobs, a long stream,
    and its cost on this machine. Exit code 0 when every check passed, 1 when one failed or nothing could be
    run.

    For example:

      latentfx validate mine.onnx

      latentfx validate mine.onnx --checkpoint runs/mine --minutes 1

      latentfx validate rave.ts --trust --sample-rate 48000 --json
    """
    with StepLine(f"validating {file}") as steps:
        steps.show("loading PyTorch")
        try:
            with nothing_begun():
                from latentfx.export.checks import validation
                from latentfx.export.checks.opened import plugin_path
        except ModuleNotFoundError as error:
            raise MissingExtraError("latentfx validate", "lab", error.name or "torch") from None
        found = validation.validate(
            plugin_path(file),
            trust=trust,
            checkpoint=checkpoint,
            minutes=minutes,
            sample_rate=sample_rate,
            progress=steps.show,
        )
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1, allow_nan=False))
    else:
        _show(found)
    if not found.passed:
        raise typer.Exit(1)


def _show(found: Validation) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{escape(found.plugin)}[/bold]  {escape(found.file)}, {found.kind}")
    wide = console.width >= _WIDE
    asked = ("what it asks",) if wide else ()
    table = Table("", "check", *asked, "found", "allowed", "", box=None, pad_edge=False)
    for check in found.checks:
        verdict = "[green]pass[/green]" if check.passed else "[red]FAIL[/red]"
        explained = (_EXPLAINED.get(check.name, ""),) if wide else ()
        numbers = (f"{check.measured:.3g}", f"{check.allowed:.3g}", check.unit)
        table.add_row(verdict, check.name, *explained, *numbers)
    console.print(table)
    shares = ", ".join(f"{timing.buffer}: {100 * timing.load:.0f} %" for timing in found.timings)
    console.print(f"p99 of a call as a share of the host's buffer, one thread: {shares}")
    console.print(
        "The check cost judges the median of a call; p99 is told, and depends on what else runs here."
    )
    failed = [check for check in found.checks if not check.passed]
    for check in failed:
        console.print(f"[red]{check.name}[/red]: {check.advice}")
    verdict = f"{len(failed)} of {len(found.checks)} checks failed" if failed else "every check passed"
    warned = ", with a warning" if found.warnings else ""
    console.print(f"[bold]{verdict}{warned}[/bold]")
    for warning in found.warnings:
        say_note(warning)
