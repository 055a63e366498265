"""The verbs `latentfx plugins` and `latentfx info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from latentfx.host.plugin_file import REBUILD_KEY

if TYPE_CHECKING:
    from latentfx.host.runtime import LatentPlugin


def plugins() -> None:
    """List the plugins that come with latentfx."""
    from latentfx.library import load
    from latentfx.library import plugins as names

    table = Table("plugin", "what it does", "rate", "latency", box=None, pad_edge=False)
    for name in names():
        plugin = load(name)
        table.add_row(name, plugin.spec.description, f"{plugin.sample_rate} Hz", _latency(plugin))
    console = Console()
    console.print(table)
    console.print("\nMore of one: latentfx info NAME")


def info(
    plugin: Annotated[str, typer.Argument(help="A shipped plugin, or the path of an .onnx file.")],
) -> None:
    """Show a plugin's controls, latency, rate, origin, licence and test report."""
    from latentfx.library import load

    loaded = load(plugin)
    console = Console()
    console.print(f"[bold]{loaded.name}[/bold]  {loaded.spec.description}", highlight=False)
    console.print(_facts(loaded))
    controls = _controls(loaded)
    if controls.row_count:
        console.print("\n[bold]controls[/bold]", controls, sep="\n")
    for blend in loaded.spec.blends:
        console.print(f"\n[bold]{blend.name}[/bold]  {blend.description}", highlight=False)
        console.print(f"one of {', '.join(blend.choices)}; a blend is written A:0.7+B:0.3", highlight=False)
        if blend.reference is not None:
            console.print("or learnt from a recording: --reference FILE", highlight=False)
    health = loaded.provenance.get("health")
    if health:
        console.print("\n[bold]latent health[/bold]", _health(health), sep="\n")
    origin = {name: fact for name, fact in loaded.provenance.items() if name not in (REBUILD_KEY, "health")}
    for title, facts in (("origin", origin), ("report", loaded.report)):
        if facts:
            console.print(f"\n[bold]{title}[/bold]", _table(facts), sep="\n")


def _facts(plugin: LatentPlugin) -> Table:
    spec = plugin.spec
    channels = f"{spec.in_channels} in, {spec.out_channels} out"
    if spec.in_channels == spec.out_channels == 1:
        channels += "; audio of many channels runs through it one by one"
    elif spec.side_channels:
        channels += "; the last is the side-chain: a channel of the source, or --side FILE"
    return _table(
        {
            "sample rate": f"{spec.sample_rate} Hz; other rates are resampled",
            "latency": f"{_latency(plugin)}; removed from recordings",
            "block": f"{spec.block_size} samples",
            "channels": channels,
            "licence": plugin.provenance.get("licence", "not stated"),
        }
    )


def _latency(plugin: LatentPlugin) -> str:
    return f"{plugin.latency} samples ({1000 * plugin.latency / plugin.sample_rate:.1f} ms)"


def _controls(plugin: LatentPlugin) -> Table:
    """The controls that belong to no blend."""
    blended = {name: blend.name for blend in plugin.spec.blends for name in blend.controls}
    table = Table("control", "allowed", "at start", "", box=None, pad_edge=False)
    for control in plugin.spec.controls:
        if control.name not in blended:
            table.add_row(control.name, control.allowed, f"{control.default:g}", control.description)
    return table


def _health(spaces: Mapping[str, Mapping[str, float]]) -> Table:
    """A row for each latent space, as `latentfx.training.runs.health` measured it on validation clips."""
    figures = {name: None for facts in spaces.values() for name in facts}
    table = Table("space", *(name.replace("_", " ") for name in figures), box=None, pad_edge=False)
    for space, facts in spaces.items():
        table.add_row(space, *(f"{facts[name]:.3g}" if name in facts else "-" for name in figures))
    return table


def _table(facts: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in facts.items():
        table.add_row(str(name).replace("_", " "), _text(value))
    return table


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
