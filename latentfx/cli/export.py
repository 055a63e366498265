"""The verb `latentfx export`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentfx.cli.bar import StepLine
from latentfx.cli.complete import complete_plugin
from latentfx.cli.stops import nothing_begun
from latentfx.errors import MissingExtraError
from latentfx.forms import check_names

if TYPE_CHECKING:
    from latentfx.export import Exported


def export(
    source: Annotated[
        str,
        typer.Argument(
            help="A run folder, a checkpoint folder or its weights file; or a plugin, by name, .onnx or "
            "a .ts file of others.",
            autocompletion=complete_plugin,
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]",
            help="The plugin file: .onnx, .ts, .nm or .amxd; of a page, its folder.",
            show_default="NAME.onnx",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="onnx, for this program; nn~, for Max/MSP and Pure Data; m4l, for Max for Live; "
            "neutone, for Neutone FX; web, a page that runs it in a browser.",
            show_default="as OUT ends",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the plugin.", show_default="that of the recipe or plugin")
    ] = None,
    default: Annotated[
        str | None, typer.Option(help="What it is set to at start: trumpet.", show_default="its first choice")
    ] = None,
    latency: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Latency in samples, for swappers: the shorter, the sooner a note and the rougher low ones.",
            show_default="as trained, or as in the plugin",
        ),
    ] = None,
    host_rate: Annotated[
        int | None,
        typer.Option(
            help="For nn~ and m4l: sample rate in Hz of the host, such as 44100; the file resamples.",
            show_default="that of the plugin",
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help="For web: the npm package onnxruntime-web, as the file that npm pack writes or as a folder; "
            "or an https address of its folder dist, with the version in it.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify/--no-verify", help="Measure the plugin, and keep the numbers in the file."),
    ] = True,
    minutes: Annotated[
        float,
        typer.Option(
            min=0.01, help="Audio run through the file while memory is watched; validate runs ten minutes."
        ),
    ] = 1.0,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run code that the model brings, and open a plugin that breaks the rules for files from "
            "strangers: know where it comes from.",
        ),
    ] = False,
    renew: Annotated[
        bool,
        typer.Option(
            "--renew", help="Of a plugin by an earlier latentfx: its weights, played as this one plays them."
        ),
    ] = False,
) -> None:
    """Turn a trained model, or a plugin, into a file for this program, nn~ or Neutone FX.

    Nothing is written unless the plugin keeps the contract and sounds the same in the file as in torch.

    For example:

      latentfx export runs/timbre-swap

      latentfx export timbre-swap --to nn~

      latentfx export timbre-swap --to nn~ --host-rate 44100

      latentfx export runs/mine mine.onnx --name mine --default trumpet

      latentfx export timbre-swap quick.onnx --name quick --latency 480

      latentfx export runs/mine mine.ts        for nn~, with the help patches mine.pd and mine.maxpat

      latentfx export ring --to web site --runtime onnxruntime-web-1.30.0.tgz

      latentfx export runs/mine mine.nm        for Neutone FX in a DAW; needs the extra 'neutone'

      latentfx export rave.ts rave.onnx --trust      where the model allows; else the reason is told

    In Max or Pure Data, with the external nn~: `nn~ mine forward`. Its methods are forward, encode, decode
    and the operator (swap, rotate); messages such as `set pitch_st -12` and `set timbre trumpet:0.7` turn
    the controls, `set reset 1` starts again, and `bufsize 0` has the smallest delay.
    """
    check_names(target, to, name)
    with StepLine(f"exporting {source}") as steps:
        steps.show("loading PyTorch")
        try:
            with nothing_begun():
                from latentfx.export import export_checkpoint
        except ModuleNotFoundError as error:
            raise MissingExtraError("latentfx export", "lab", error.name or "torch") from None
        exported = export_checkpoint(
            source,
            target,
            to=to,
            name=name,
            default=default,
            latency=latency,
            host_rate=host_rate,
            verify=verify,
            minutes=minutes,
            trust=trust,
            progress=steps.show,
            runtime=runtime,
            renew=renew,
        )
    _show(exported)


def _show(exported: Exported) -> None:
    spec = exported.spec
    latency_ms = 1000 * spec.latency / spec.sample_rate
    typer.echo(
        f"{exported.path}: {spec.name}, {exported.size / 1e6:.1f} MB, {spec.sample_rate} Hz, "
        f"latency {spec.latency} samples ({latency_ms:.1f} ms), {len(spec.controls)} controls"
    )
    if exported.path.name == "index.html":
        typer.echo(f"try it: python -m http.server --directory {exported.path.parent}")
    if exported.report or exported.path.name != "index.html":
        typer.echo(_verdict(exported.report))
    if exported.patches:
        typer.echo(f"patches beside it: {', '.join(map(str, exported.patches))}")


def _verdict(report: Mapping[str, Any]) -> str:
    if not report:
        return "not verified"
    if "contract" not in report:
        return f"verified: {_engines(report)} of the .ts; `latentfx validate` judges how it plays"
    laws = f"verified: {len(report['contract']['checks'])} laws of the contract"
    if "parity" not in report:
        return f"{laws}; what Neutone's SDK asks of a submission"
    stressed = f"{len(report['stress']['checks'])} checks of the file"
    return f"{laws}, {stressed}; {_engines(report)} of torch"


def _engines(report: Mapping[str, Any]) -> str:
    """How far each engine is from torch."""
    return ", ".join(
        f"{engine['engine']} within {engine['difference']:.1e}" for engine in report["parity"]["engines"]
    )
