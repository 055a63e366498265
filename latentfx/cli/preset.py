"""The verbs `latentfx preset list | show | save | morph | apply`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from latentfx.cli.apply import apply as apply_recording
from latentfx.cli.apply import choose_plugin, parse_setting
from latentfx.cli.note import say_note

if TYPE_CHECKING:
    from latentfx.preset import Preset

Bind = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SOURCE=CONTROL",
        help="What MIDI turns: cc:21=mix, bend=pitch_st:-2..2, steps:C4=steps. Options follow, each after a "
        "comma: curve=square (finer at the lower end) or curve=root, smoothing_ms=50, and for steps "
        "release=latch (they stay when the key is let go): cc:1=mix,curve=square. May be repeated.",
    ),
]


def list_presets(
    plugin: Annotated[str | None, typer.Option("--plugin", "-p", help="Those of one plugin alone.")] = None,
) -> None:
    """List presets: those that come with latentfx, and yours."""
    from latentfx.library import load
    from latentfx.preset import hidden, user_folder
    from latentfx.preset import list_presets as find

    found = find(plugin)
    console = Console(markup=False, emoji=False)  # descriptions are shown as they are
    if plugin is not None and not found:
        load(plugin)  # it says so where there is no such plugin
        console.print(
            f"{plugin} has no presets yet; latentfx preset save NAME --plugin {plugin}", soft_wrap=True
        )
        return
    called = _programs(found)
    table = Table("preset", "plugin", "program", "what it is", box=None, pad_edge=False)
    for preset in found:
        table.add_row(preset.name, preset.plugin, called.get(preset.name, ""), preset.description)
    console.print(table)
    console.print(f"\nYours are in {user_folder()}", highlight=False, soft_wrap=True)
    if names := hidden():
        say_note(f"yours hide the presets of the same name that come with latentfx: {', '.join(names)}")


def show(name: Annotated[str, typer.Argument(help="A preset, or the path of a .toml file.")]) -> None:
    """Show a preset as the file has it."""
    from latentfx.preset import dump_preset, load_preset

    typer.echo(dump_preset(load_preset(name)), nl=False)


def save(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    plugin: Annotated[
        str | None,
        typer.Option(
            "--plugin", "-p", help="A shipped plugin, or an .onnx file.", show_default="timbre-swap"
        ),
    ] = None,
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
    """Save settings under a name.

    With --from all of that preset is taken, but for what is given anew.
    """
    from latentfx.binding import Binding
    from latentfx.preset import Preset

    chosen = choose_plugin(plugin, base)
    start = Preset(name, chosen) if isinstance(chosen, str) else chosen
    controls = dict(map(parse_setting, settings or [])) | ({} if timbre is None else {"timbre": timbre})
    preset = Preset(
        name,
        start.plugin,
        {**start.settings, **controls},
        start.description if description is None else description,
        (*start.bindings, *map(Binding.parse, bind or [])),
        start.program if program is None else program,
    )
    preset.load()
    other, note = _asks_for_the_same(preset), ""
    if other is not None and program is None:
        preset = replace(preset, program=None)
        note = f"program {other.program} stays with {other.name!r}; --program gives {name!r} one of its own"
    elif other is not None:
        first = min(name, other.name)
        note = f"{other.name!r} asks for program {program} too; it calls {first!r}, the first in the list"
    _save(preset, overwrite)
    if note:
        say_note(note)


def morph(
    a: Annotated[str, typer.Argument(metavar="A", help="The preset at 0; its MIDI map is taken.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The preset at 1, of the same plugin.")],
    t: Annotated[float, typer.Argument(metavar="T", help="How far from A to B: 0 to 1.")],
    name: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Save it under this name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preset of this name.")] = False,
) -> None:
    """Make a preset between two of one plugin: every knob so far on its way, blends weight by weight.

    Without --save it is shown, as the file would have it.

    For example:

      latentfx preset morph bowed-double trumpet-below 0.5 --save half-way
    """
    from latentfx.preset import dump_preset, load_preset
    from latentfx.preset import morph as between

    first, second = load_preset(a), load_preset(b)
    how = f"{t:g} of the way from {first.name} to {second.name}"
    preset = replace(between(first, second, t), name=name or "", description=how, program=None)
    if name is None:
        typer.echo(dump_preset(preset), nl=False)
    else:
        _save(preset, overwrite)


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


def _save(preset: Preset, overwrite: bool) -> None:
    from latentfx.preset import hidden, save_preset

    typer.echo(f"saved {save_preset(preset, overwrite)}")
    if preset.name in hidden():
        say_note(f"{preset.name!r} hides the preset of this name that comes with latentfx")


def _programs(presets: Sequence[Preset]) -> dict[str, str]:
    """Name of a preset -> the MIDI program that calls it; none where another has that."""
    from latentfx.preset import programs, same_plugin

    called: dict[str, str] = {}
    for plugin in {preset.plugin for preset in presets}:
        of_plugin = [preset for preset in presets if same_plugin(preset.plugin, plugin)]
        called |= {preset.name: str(number) for number, preset in programs(of_plugin).items()}
    return called


def _asks_for_the_same(preset: Preset) -> Preset | None:
    """Another preset of the plugin that asks for the same MIDI program."""
    from latentfx.preset import list_presets as find

    if preset.program is None:
        return None
    others = (other for other in find(preset.plugin) if other.name != preset.name)
    return next((other for other in others if other.program == preset.program), None)
