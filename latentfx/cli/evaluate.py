"""The verb `latentfx evaluate`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentfx.cli.bar import watch
from latentfx.cli.stops import nothing_begun
from latentfx.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from latentfx.training.evaluations.evaluation import Model, Origin


class CrepeChoice(StrEnum):
    """Sizes of CREPE."""

    tiny = "tiny"
    full = "full"


class PartnersChoice(StrEnum):
    """Which clips exchange codes."""

    any = "any"
    other = "other"


class ContourChoice(StrEnum):
    """Where the reference pitch comes from."""

    crepe = "crepe"
    notes = "notes"


def evaluate(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Run folders, checkpoints, .onnx files, shipped plugins; in any mixture."
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder that the recipe's data paths count from (or LATENTFX_DATA).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for table and pictures.")] = Path("evaluation"),
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe whose data is taken.", show_default="the first model's own"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a setting: data.validation=0.2, evaluation.clips=8. May be repeated."
        ),
    ] = None,
    evaluation: Annotated[
        str | None,
        typer.Option(
            help="Evaluation to use: that of a method (swapper), or code (my_method.py:NAME).",
            show_default="that of the models' method",
        ),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run code that a model brings: know where it comes from.")
    ] = False,
    clips: Annotated[
        int | None,
        typer.Option(
            help="Validation clips of each instrument, at most. Time grows with it.", show_default="32"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of clips, pairings and draws.", show_default="0")] = None,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="Swaps: judge to use; trained and kept there where absent.",
            show_default="OUT/judge.safetensors",
        ),
    ] = None,
    crepe: Annotated[
        CrepeChoice | None,
        typer.Option(
            help="Swaps: pitch tracker; 'full' is the published one and some 20 times as slow.",
            show_default="tiny",
        ),
    ] = None,
    pairings: Annotated[
        int | None, typer.Option(help="Swaps: random pairings of the clips.", show_default="3")
    ] = None,
    partners: Annotated[
        PartnersChoice | None,
        typer.Option(
            help="Swaps: 'any' pairs clips as published; 'other' only those of different instruments.",
            show_default="any",
        ),
    ] = None,
    contour: Annotated[
        ContourChoice | None,
        typer.Option(
            help="Swaps: reference pitch is CREPE's of the original, or that of its notes where known.",
            show_default="crepe",
        ),
    ] = None,
    sampled: Annotated[
        bool | None,
        typer.Option("--sampled", help="Swaps: draw z from its posterior; else its mean is taken."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="torch's")] = None,
) -> None:
    """Judge models as their paper does: swaps of timbres as the DSAE papers, codes as SynTone.

    Codes (`--evaluation syntone` for a model of any method whose data has labels): do single latent
    dimensions stand for single factors? MIG, SAP, DCIMIG, JEMMIG, Modularity and DCI with intervals, a
    picture of what each dimension tells of each factor, and beside them the protocol of SynTone's code, which
    exchanges factors and codes. All examples are judged, those of the training too.

    Swaps: on clips that no model was trained on, the line of one is decoded with the timbre of another
    (v-swap), and the other way round (z-swap). One judge, a network trained on the training clips, says how
    often it hears the instrument that is wanted (F1) and how far decodes are from real clips as it hears
    them (FAD; Rand decodes with drawn timbres). CREPE says how many frames keep their pitch within 50 cents
    (RPA). Put models that you want to compare into one call, or under one --judge: FADs of two judges are
    two different units.

    For example:

      latentfx evaluate runs/ts-dsae runs/j-dsae --data FOLDER

      latentfx evaluate timbre-swap runs/mine --data FOLDER --clips 8 --partners other

      latentfx evaluate runs/j-dsae --data FOLDER --judge evaluation/judge.safetensors --crepe full

      latentfx evaluate runs/syntone-vae runs/syntone-beta-vae --set evaluation.bins=20

    The folder OUT gets evaluation.md, evaluation.json and a picture of each model, written as
    soon as a model is done: Ctrl-C keeps those before. The same command gives the same numbers.

    Each clip is decoded 2 x pairings + 1 times. On one core a decode of 4 s takes some 2 s with 'tiny', so
    that a model takes 15 minutes with 32 clips of each of two instruments; training the judge takes 8.
    """
    try:
        with nothing_begun():
            import torch

            from latentfx.cli.models import choose_evaluation, open_models
            from latentfx.training.data import load_data
            from latentfx.training.evaluations.evaluation import Listener, Material
            from latentfx.training.recipes.settings import read_settings
    except ModuleNotFoundError as error:
        raise MissingExtraError("latentfx evaluate", "lab", error.name or "torch") from None
    if threads is not None:
        torch.set_num_threads(threads)
    models = open_models(names, trust)
    protocol = choose_evaluation(models, evaluation)
    given = {
        "clips": clips,
        "seed": seed,
        "judge": judge and str(judge),
        "crepe": crepe and crepe.value,
        "pairings": pairings,
        "partners": partners and partners.value,
        "contour": contour and contour.value,
        "sampled": sampled,
    }
    origin, table = _asked(models, recipe, settings or [])
    table |= {name: value for name, value in given.items() if value is not None}
    how: Any = read_settings(protocol.settings_type, table, "evaluation")
    wanted = {**origin.data, "keep": "disk"} if protocol.reads_once else origin.data
    with watch("data"):
        found = load_data(
            wanted, protocol.sample_rate(models), origin.seed, data, code_folder=origin.code_folder
        )
    listener = Listener(watch, typer.echo)
    typer.echo(protocol.run(models, Material(found, origin), out, how, listener).to_markdown())


def _asked(
    models: Sequence[Model], recipe: str | None, overrides: Sequence[str]
) -> tuple[Origin, dict[str, Any]]:
    """Data and [evaluation] settings of the named recipe, else of the first model; changed by `--set`."""
    from latentfx.training.evaluations.evaluation import Origin
    from latentfx.training.recipes.config import load_recipe
    from latentfx.training.recipes.files import override

    wrong = [text for text in overrides if not text.startswith(("data.", "evaluation."))]
    if wrong:
        raise RecipeError(
            f"--set {wrong[0]} changes nothing here; allowed are data.KEY=VALUE and evaluation.KEY=VALUE"
        )
    if recipe is not None:
        loaded = load_recipe(recipe)
        origin = Origin(loaded.data, loaded.recipe.seed, loaded.folder)
        own = dict(loaded.evaluation)
        own.pop("name", None)
    elif models[0].origin is not None:
        origin, own = models[0].origin, dict(models[0].settings)
    else:
        raise RecipeError(
            f"{models[0].name} names no shipped recipe that made it; name one with --recipe, for its data"
        )
    table: dict[str, Any] = {"data": copy.deepcopy(dict(origin.data)), "evaluation": own}
    for text in overrides:
        override(table, text)
    return Origin(table["data"], origin.seed, origin.code_folder), table["evaluation"]
