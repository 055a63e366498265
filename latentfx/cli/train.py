"""The verb `latentfx train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.options import LimitOption, parse_duration
from latentfx.errors import MissingExtraError

if TYPE_CHECKING:
    from latentfx.training.recipes.config import Recipe

_EXAMPLES = """
Examples:

  latentfx train timbre-swap

  latentfx train timbre-swap --for 40m        stop after 40 minutes; the same line again goes on

  latentfx train my.toml --out runs/quick --set train.lr=3e-4 --set train.stages.student.steps=500
"""
_FOLDER = (
    "A run can be stopped at any time, with Ctrl-C too: the same command goes on where it stopped. "
    "The time of --for counts all of it: making data and features, and training. "
    "The run folder holds best-STAGE/ (weights.safetensors, card.json), curves.csv, curves.png and "
    "state.safetensors, from which it goes on."
)


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A shipped recipe, or a .toml file. Without one, lists the recipes.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="runs/NAME")] = None,
    limit: LimitOption = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a setting: train.lr=3e-4. May be repeated.")
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
) -> None:
    """Train a model from a recipe, or go on with a run that was stopped."""
    from latentfx.training.recipes.config import load_recipe
    from latentfx.training.recipes.files import shipped_recipes

    if recipe is None:
        typer.echo("Shipped recipes: " + (", ".join(shipped_recipes()) or "none"))
        return
    limit_s = None if limit is None else parse_duration(limit)
    overrides = [*(settings or []), *([] if seed is None else [f"recipe.seed={seed}"])]
    overrides += ["train.tensorboard=true"] if tensorboard else []
    checked = load_recipe(recipe, overrides)
    _train(checked, out or Path("runs") / checked.recipe.name, data, limit_s, device, threads)


train.__doc__ = f"{train.__doc__}\n{_EXAMPLES}\n{_FOLDER}"


def _train(
    recipe: Recipe, folder: Path, data: Path | None, limit_s: float | None, device: str, threads: int | None
) -> None:
    typer.echo(f"training {recipe.recipe.name} in {folder}")
    try:
        from latentfx.training.runs.start import train as run
    except ModuleNotFoundError as error:
        raise MissingExtraError("latentfx train", "lab", error.name or "torch") from None
    outcome = run(recipe, folder, data_root=data, limit_s=limit_s, device=device, threads=threads)
    typer.echo(outcome)
    if outcome.reason == "interrupted":
        raise typer.Exit(130)
