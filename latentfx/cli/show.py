"""The verbs `latentfx plugins` and `latentfx info`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentfx.cli.complete import complete_plugin
from latentfx.names import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from latentfx.host.plugin_file import Metadata
    from latentfx.spec import PluginSpec


def plugins() -> None:
    """List the plugins that come with latentfx."""
    from rich.console import Console
    from rich.table import Table

    from latentfx.library import describe
    from latentfx.library import plugins as names

    table = Table("plugin", "what it does", "rate", "latency", box=None, pad_edge=False)
    for name in names():
        spec = describe(name).spec
        table.add_row(_plain(name), _plain(spec.description), f"{spec.sample_rate} Hz", _latency(spec))
    console = Console()
    console.print(table)
    console.print("\nMore of one: latentfx info NAME")


def info(
    plugin: Annotated[
        str,
        typer.Argument(
            help="A shipped plugin, an .onnx file, or a .ts that was played here.",
            autocompletion=complete_plugin,
        ),
    ],
    full: Annotated[
        bool, typer.Option("--full", help="Show the latent health, the whole origin and the test report.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what a plugin is: its controls, latency, origin, licence and health.

    Nothing is loaded or run for it, so that it is quick, and safe with a stranger's file.
    """
    from latentfx.library import describe, is_shipped

    found = describe(plugin)
    if as_json:
        typer.echo(json.dumps(_as_data(found), indent=1))
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"[bold]{_plain(found.spec.name)}[/bold]  {_plain(found.spec.description)}")
    facts = _facts(found.spec) | ({} if full else dict(_origin(found)))
    if not is_shipped(plugin) and not plugin.endswith(".ts"):
        facts["operators"] = "not checked here: latentfx validate FILE says whether the file can be played"
    console.print(_table(facts))
    _print_controls(console, found.spec)
    if full:
        _print_all(console, found)
    else:
        console.print("\nEverything: --full, or --json", style="dim")


def _as_data(found: Metadata) -> dict[str, Any]:
    """What `--json` prints."""
    from dataclasses import asdict

    from latentfx.host.plugin_file import REBUILD_KEY

    spec = found.spec
    origin = {name: fact for name, fact in found.provenance.items() if name != REBUILD_KEY}
    return {
        **asdict(spec),
        "latency_ms": 1000 * spec.latency / spec.sample_rate,
        "provenance": origin,
        "report": dict(found.report),
    }


def _facts(spec: PluginSpec) -> dict[str, str]:
    channels = f"{spec.in_channels} in, {spec.out_channels} out"
    if spec.in_channels == spec.out_channels == 1:
        channels += "; audio of many channels runs through it one by one"
    elif spec.side_channels:
        channels += "; the last is the side-chain: a channel of the source, or --side FILE"
    return {
        "latency": f"{_latency(spec)}; removed from recordings",
        "sample rate": f"{spec.sample_rate} Hz, in blocks of {spec.block_size}; other rates are resampled",
        "channels": channels,
    }


def _origin(found: Metadata) -> Iterator[tuple[str, str]]:
    """Origin, licence, health and checks of a plugin, a line for each."""
    from latentfx.host.plugin_file import REBUILD_KEY

    provenance = found.provenance
    told = {"licence", "health", REBUILD_KEY}
    for name, fact in provenance.items():
        if name not in told and isinstance(fact, str) and fact:
            yield name, fact
    yield "licence", str(provenance.get("licence", "not stated"))
    health = provenance.get("health")
    if isinstance(health, Mapping):
        yield "health", "; ".join(_healthy(space, facts) for space, facts in health.items())
    parts = [part for part in found.report.values() if isinstance(part, Mapping)]
    verdicts = [part["passed"] for part in parts if "passed" in part]
    if verdicts:
        yield "checks", "all passed when it was exported" if all(verdicts) else "some failed: see --full"


def _healthy(space: str, facts: Any) -> str:
    """The health of one latent space in a few words."""
    if not isinstance(facts, Mapping) or not {"effective_rank", "dimensions"} <= facts.keys():
        return f"{space} {_text(facts)}"
    used = f"{space} uses {_rounded(facts['effective_rank'])} of {_rounded(facts['dimensions'])} dimensions"
    dead = f", {_rounded(facts['dead'])} are dead" if facts.get("dead") else ""
    share = facts.get("instrument")
    heard = f", tells the instrument {100 * share:.0f} %" if isinstance(share, float) else ""
    return used + dead + heard


def _rounded(figure: object) -> str:
    return f"{figure:.0f}" if isinstance(figure, int | float) else str(figure)


def _print_controls(console: Console, spec: PluginSpec) -> None:
    """The controls that belong to no blend, and then the blends."""
    from rich.table import Table

    blended = {name for blend in spec.blends for name in blend.controls}
    table = Table("control", "allowed", "at start", "", box=None, pad_edge=False)
    for control in spec.controls:
        if control.name not in blended:
            table.add_row(
                control.name, _plain(control.allowed), f"{control.default:g}", _plain(control.description)
            )
    if table.row_count:
        console.print("", table, sep="\n")
    for blend in spec.blends:
        console.print(f"\n[bold]{_plain(blend.name)}[/bold]  {_plain(blend.description)}")
        console.print(f"one of {_plain(', '.join(blend.choices))}; a blend is written A:0.7+B:0.3")
        if blend.reference is not None:
            console.print("or learnt from a recording: --reference FILE")


def _print_all(console: Console, found: Metadata) -> None:
    """The latent health, the whole origin and the report."""
    from latentfx.host.plugin_file import REBUILD_KEY

    health = found.provenance.get("health")
    if isinstance(health, Mapping) and all(isinstance(facts, Mapping) for facts in health.values()):
        console.print("\n[bold]latent health[/bold]", _health(health), sep="\n")
    origin = {name: fact for name, fact in found.provenance.items() if name not in (REBUILD_KEY, "health")}
    for title, facts in (("origin", origin), ("report", found.report)):
        if facts:
            console.print(f"\n[bold]{title}[/bold]", _table(facts), sep="\n")


def _latency(spec: PluginSpec) -> str:
    return f"{spec.latency} samples ({1000 * spec.latency / spec.sample_rate:.1f} ms)"


def _health(spaces: Mapping[str, Mapping[str, float]]) -> Table:
    """A row for each latent space, as `latentfx.training.runs.health` measured it on validation clips."""
    from rich.table import Table

    figures = {name: None for facts in spaces.values() for name in facts}
    table = Table("space", *(_plain(name.replace("_", " ")) for name in figures), box=None, pad_edge=False)
    for space, facts in spaces.items():
        table.add_row(_plain(space), *(_text(facts[name]) if name in facts else "-" for name in figures))
    return table


def _table(facts: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in facts.items():
        table.add_row(_plain(str(name).replace("_", " ")), _text(value))
    return table


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_plain(name)} {_text(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:.4g}" if isinstance(value, float) else _plain(value)


def _plain(text: object) -> str:
    """Text of a file as it stands. Brackets in it are no markup."""
    from rich.markup import escape

    return escape(shown(text))
