"""The verbs `latentfx preset list | show | save | apply`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from latentfx.cli.apply import apply as apply_recording
from latentfx.cli.apply import parse_setting

Bind = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SOURCE=CONTROL",
        help="What MIDI turns: cc:21=mix, bend=pitch_st:-2..2, steps:C4=steps. Range and options follow the "
        "control: cc:1=mix:0..0.8,curve=square,smoothing_ms=50. curve is linear, square (finer at the lower "
        "end) or root; release=latch keeps steps when the key is let go. May be repeated.",
    ),
]


def list_presets(
    plugin: Annotated[str | None, typer.Option("--plugin", "-p", help="Those of one plugin alone.")] = None,
) -> None:
    """List presets: those that come with latentfx, and yours."""
    from latentfx.preset import list_presets as find
    from latentfx.preset import user_folder

    table = Table("preset", "plugin", "what it is", box=None, pad_edge=False)
    for preset in find(plugin):
        table.add_row(preset.name, preset.plugin, preset.description)
    console = Console(markup=False, emoji=False)  # descriptions are shown as they are
    console.print(table)
    console.print(f"\nYours are in {user_folder()}", highlight=False, soft_wrap=True)


def show(name: Annotated[str, typer.Argument(help="A preset, or the path of a .toml file.")]) -> None:
    """Show a preset as the file has it."""
    from latentfx.preset import load_preset
    from latentfx.preset_text import dump_preset

    typer.echo(dump_preset(load_preset(name)), nl=False)


def save(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    plugin: Annotated[
        str, typer.Option("--plugin", "-p", help="A shipped plugin, or an .onnx file.")
    ] = "timbre-swap",
    base: Annotated[str | None, typer.Option("--from", help="Begin with this preset.")] = None,
    timbre: Annotated[str | None, typer.Option(help="Whose sound, or a blend.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A control. May be repeated.")
    ] = None,
    bind: Bind = None,
    description: Annotated[str | None, typer.Option(help="One line for people.")] = None,
    program: Annotated[int | None, typer.Option(min=0, max=127, help="MIDI program that calls it.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preset of this name.")] = False,
) -> None:
    """Save settings under a name."""
    from latentfx.binding import Binding
    from latentfx.preset import Preset, load_preset, save_preset

    start = Preset(name, plugin) if base is None else load_preset(base)
    controls = dict(map(parse_setting, settings or [])) | ({} if timbre is None else {"timbre": timbre})
    preset = Preset(
        name,
        start.plugin,
        {**start.settings, **controls},
        start.description if description is None else description,
        (*start.bindings, *map(Binding.parse, bind or [])),
        program,
    )
    preset.load()
    typer.echo(f"saved {save_preset(preset, overwrite)}")


def apply(
    name: Annotated[str, typer.Argument(help="A preset, or the path of a .toml file.")],
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="Sound files, folders, or a pattern.")
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The sound file to write, or a folder.")],
    side: Annotated[
        Path | None, typer.Option(help="What goes to the side-chain, for a plugin that has one.")
    ] = None,
) -> None:
    """Run recordings through a preset; the same as `latentfx apply --preset`."""
    apply_recording(sources, target, preset=name, side=side)
