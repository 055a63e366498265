"""The verb `latentfx train`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from latentfx.cli.complete import complete_recipe
from latentfx.cli.options import LimitOption, parse_duration
from latentfx.cli.stops import nothing_begun, say_when_ended
from latentfx.errors import MissingExtraError
from latentfx.files import safe_name

Precision = Literal["32-true", "bf16-mixed"]
_PRECISIONS: Mapping[Precision, str] = {"32-true": "float32", "bf16-mixed": "bfloat16"}

if TYPE_CHECKING:
    from latentfx.training.recipes.config import Recipe

_EXAMPLES = """
For example:

  latentfx train                              lists the shipped recipes

  latentfx train timbre-swap --data FOLDER --for 40m

  latentfx train my.toml --out runs/quick --set train.lr=3e-4 --set data.parts[0].reverb=0

  latentfx train timbre-swap --data FOLDER --devices 4 --precision bf16-mixed      on four GPUs

  torchrun --nnodes 2 --nproc-per-node 4 --no-python latentfx train timbre-swap --data FOLDER
"""
_FOLDER = """
The shipped recipes read recordings in FOLDER/real, in a folder for each instrument: FOLDER/real/violin/a.wav,
FOLDER/real/flute/b.flac. A file manifest.csv in FOLDER/real may name instrument, pitch and licence of each
file instead. They read tunes, which are MIDI files, in FOLDER/melodies. Recipes whose data is generated
(timbre-swap-tones) need no folder. What a recipe reads of FOLDER stands in its file: 'notes' are recordings
of single notes, 'recordings' are any of one instrument, 'stems' are folders of stems, one a song.

To train on folders of instruments alone, FOLDER/violin/a.wav and FOLDER/flute/b.flac:
--set 'data.parts=[{ kind = "recordings" }]' --set 'data.instruments=["violin", "flute"]'

A run can be stopped at any time, with Ctrl-C too: the same command goes on where it stopped. A step that
takes longer than two seconds is ended, and the run goes on from the state that was last saved. The time
of --for counts all of it: making data and features, and training. The run folder holds
best-STAGE/ (weights.safetensors, card.json, and the code of a method of your own), curves.csv, curves.png
and state.safetensors, from which it goes on.

A recipe may name a method of your own: method.name = "my_method.py:MyClass", in a file beside the recipe.
examples/own_method.py shows one.
"""


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="A shipped recipe, or a .toml file. Without one, lists the recipes.",
            autocompletion=complete_recipe,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/NAME")] = None,
    limit: LimitOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a setting: train.lr=3e-4, data.parts[0].reverb=0. May be repeated."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Change the recipe's seed.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder that the recipe's data paths count from (or LATENTFX_DATA).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write the curves for TensorBoard too, below the run folder."),
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="torch's")] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on each machine that train together, a device each.",
            show_default="1, or what torchrun or SLURM started",
        ),
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(min=1, help="Machines.", show_default="1, or what torchrun or SLURM started")
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="Change train.precision, in Fabric's words.", show_default="the recipe's"),
    ] = None,
) -> None:
    """Train a model from a recipe, or go on with a run that was stopped."""
    from latentfx.training.recipes.config import load_recipe

    if recipe is None:
        _list_recipes()
        return
    limit_s = None if limit is None else parse_duration(limit)
    overrides = [*(settings or []), *([] if seed is None else [f"recipe.seed={seed}"])]
    overrides += ["train.tensorboard=true"] if tensorboard else []
    overrides += [] if precision is None else [f"train.precision={_PRECISIONS[precision]}"]
    checked = load_recipe(recipe, overrides)
    folder = out or Path("runs") / safe_name(checked.recipe.name, "run")
    _train(checked, folder, data, limit_s, Machines(device, threads, devices, nodes))


train.__doc__ = f"{train.__doc__}\n{_EXAMPLES}\n{_FOLDER}"


def _list_recipes() -> None:
    from rich.console import Console
    from rich.table import Table

    from latentfx.training.recipes.config import load_recipe
    from latentfx.training.recipes.files import shipped_recipes

    table = Table("recipe", "what it trains", box=None, pad_edge=False)
    for name in shipped_recipes():
        table.add_row(name, load_recipe(name).recipe.description)
    console = Console()
    console.print(table)
    console.print("\nTrain one: latentfx train NAME --data FOLDER; latentfx train --help says what FOLDER is")


@dataclass(frozen=True)
class Machines:
    """What computes: the arguments of `latentfx.training.runs.start.train`."""

    device: str
    threads: int | None
    devices: int | None
    nodes: int | None


def _train(
    recipe: Recipe, folder: Path, data: Path | None, limit_s: float | None, machines: Machines
) -> None:
    try:
        with nothing_begun():
            from latentfx.training.runs.start import train as run
            from latentfx.training.runs.together import is_first_process
    except ModuleNotFoundError as error:
        raise MissingExtraError("latentfx train", "lab", error.name or "torch") from None
    say_when_ended("stopped within a step; the same command goes on from the state that was last saved")
    speaks = is_first_process()
    if speaks:
        typer.echo(f"training {recipe.recipe.name} in {folder}")
    outcome = run(recipe, folder, data_root=data, limit_s=limit_s, **asdict(machines))
    if not speaks:
        return
    typer.echo(outcome)
    if outcome.reason == "interrupted":
        raise typer.Exit(130)
