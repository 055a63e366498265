"""The verbs `latentfx preset list | show | save | rename | delete | morph | apply`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.apply import run_job
from latentfx.cli.complete import complete_plugin, complete_preset
from latentfx.cli.job import ApplyJob
from latentfx.cli.note import say_note
from latentfx.cli.options import (
    BindOption,
    PluginOption,
    PresetArgument,
    SideOption,
    SourcesArgument,
    TargetArgument,
    TrustOption,
    choose_plugin,
    takes_controls,
)
from latentfx.errors import LatentFXError
from latentfx.names import shown
from latentfx.spec import Setting

if TYPE_CHECKING:
    from latentfx.preset import Preset
    from latentfx.spec import PluginSpec


def list_presets(
    plugin: Annotated[
        str | None,
        typer.Option("--plugin", "-p", help="Those of one plugin alone.", autocompletion=complete_plugin),
    ] = None,
) -> None:
    """List presets: those that come with latentfx, and yours."""
    from rich.console import Console
    from rich.table import Table

    from latentfx.library import describe
    from latentfx.preset import hidden, user_folder
    from latentfx.preset import list_presets as find

    found = find(plugin)
    console = Console(markup=False, emoji=False)  # descriptions are shown as they are
    if plugin is not None and not found:
        describe(plugin)  # it says so where there is no such plugin
        console.print(
            f"{plugin} has no presets yet; latentfx preset save NAME --plugin {plugin}", soft_wrap=True
        )
        return
    called = _programs(found)
    table = Table("preset", "plugin", "program", "what it is", box=None, pad_edge=False)
    for preset in found:
        table.add_row(
            *map(shown, (preset.name, preset.plugin, called.get(preset.name, ""), preset.description))
        )
    console.print(table)
    _say_what_is_wrong(found)
    console.print(f"\nYours are in {user_folder()}", highlight=False, soft_wrap=True)
    if names := hidden():
        say_note(f"yours hide the presets of the same name that come with latentfx: {', '.join(names)}")


def show(preset: PresetArgument) -> None:
    """Show a preset as the file has it."""
    from latentfx.preset import dump_preset, load_preset

    typer.echo(dump_preset(load_preset(preset)), nl=False)


@takes_controls
def save(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    plugin: PluginOption = None,
    base: Annotated[
        str | None,
        typer.Option("--from", help="Begin with this preset.", autocompletion=complete_preset),
    ] = None,
    *,
    controls: dict[str, Setting],
    bind: BindOption = None,
    description: Annotated[str | None, typer.Option(help="One line for people.")] = None,
    program: Annotated[int | None, typer.Option(min=0, max=127, help="MIDI program that calls it.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preset of this name.")] = False,
    trust: TrustOption = False,
) -> None:
    """Save settings under a name.

    With --from, everything is taken from that preset but what the other options set.

    For example:

      latentfx preset save night --timbre cello:0.7+flute:0.3 --pitch-st -12 --bind cc:1=mix
    """
    from latentfx.binding import Binding
    from latentfx.preset import Preset

    chosen = choose_plugin(plugin, base, trust)
    start = Preset(name, chosen) if isinstance(chosen, str) else chosen
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


def rename(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="A preset of yours.", autocompletion=complete_preset)
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name, which no preset has yet.")],
) -> None:
    """Give a preset of yours another name."""
    from latentfx.preset import rename_preset

    typer.echo(f"renamed {old!r}: it is {rename_preset(old, new)} now")
    _say_what_it_hides(new)


def delete(
    preset: Annotated[
        str, typer.Argument(metavar="NAME", help="A preset of yours.", autocompletion=complete_preset)
    ],
) -> None:
    """Take a preset of yours out of the list. Its file is kept in the folder 'deleted' beside the others."""
    from latentfx.preset import delete_preset, preset_names

    typer.echo(f"deleted {preset!r}; its file is kept: {delete_preset(preset)}")
    if preset in preset_names():
        say_note(f"the preset {preset!r} that comes with latentfx is no longer hidden")


def morph(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="The preset at 0; its MIDI map is taken.", autocompletion=complete_preset
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="The preset at 1, of the same plugin.", autocompletion=complete_preset
        ),
    ],
    t: Annotated[float, typer.Argument(metavar="T", help="How far from A to B: 0 to 1.")],
    name: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Save it under this name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a preset of this name.")] = False,
    trust: TrustOption = False,
) -> None:
    """Make a preset between two of one plugin: every knob so far on its way, blends weight by weight.

    Without --save it is shown, as the file would have it.

    For example:

      latentfx preset morph bowed-double trumpet-below 0.5 --save half-way
    """
    from latentfx.library import trust_plugin
    from latentfx.preset import dump_preset, load_preset
    from latentfx.preset import morph as between

    first, second = load_preset(a), load_preset(b)
    if trust:
        trust_plugin(first.plugin)
    how = f"{t:g} of the way from {first.name} to {second.name}"
    preset = replace(between(first, second, t), name=name or "", description=how, program=None)
    if name is None:
        typer.echo(dump_preset(preset), nl=False)
    else:
        _save(preset, overwrite)


@takes_controls
def apply(
    preset: PresetArgument,
    sources: SourcesArgument,
    target: TargetArgument,
    side: SideOption = None,
    *,
    controls: dict[str, Setting],
    trust: TrustOption = False,
) -> None:
    """Run recordings through a preset, with some of its settings changed where you give them.

    `latentfx apply --preset NAME` does the same, and has more options.
    """
    run_job(ApplyJob(sources, target, choose_plugin(None, preset, trust), controls, side=side))


def _save(preset: Preset, overwrite: bool) -> None:
    from latentfx.preset import save_preset

    typer.echo(f"saved {save_preset(preset, overwrite)}")
    _say_what_it_hides(preset.name)


def _say_what_it_hides(name: str) -> None:
    from latentfx.preset import hidden

    if name in hidden():
        say_note(f"{name!r} hides the preset of this name that comes with latentfx")


def _say_what_is_wrong(presets: Sequence[Preset]) -> None:
    """A note for each preset that cannot be played: its plugin is not there, or lacks what it sets."""
    from latentfx.library import describe
    from latentfx.preset.preset import check_fit

    specs: dict[str, PluginSpec] = {}
    for preset in presets:
        try:
            if preset.plugin not in specs:
                specs[preset.plugin] = describe(preset.plugin).spec
            check_fit(preset, specs[preset.plugin])
        except LatentFXError as error:
            say_note(f"preset {preset.name!r} cannot be played: {error}")


def _programs(presets: Sequence[Preset]) -> dict[str, str]:
    """Name of a preset -> the MIDI program that calls it. A preset whose program another has is left out."""
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
