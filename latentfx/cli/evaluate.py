"""The verb `latentfx evaluate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentfx.cli.bar import Bar
from latentfx.errors import CheckpointError, ControlError, MissingExtraError, RecipeError

if TYPE_CHECKING:
    from latentfx.training.data import Dataset
    from latentfx.training.evaluations.swap.compare import Candidate

JUDGE = "judge.safetensors"


class Crepe(StrEnum):
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


@dataclass(frozen=True)
class Origin:
    """The [data] table of a recipe, and its seed."""

    data: Mapping[str, Any]
    seed: int


def evaluate(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Run folders, checkpoints, .onnx files, shipped plugins; in any mixture."
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(help="Folder that the recipe's data paths count from (or LATENTFX_DATA).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for table, pictures and judge.")] = Path("evaluation"),
    judge: Annotated[
        Path | None,
        typer.Option(help="Judge to use; trained and kept there where absent.", show_default=f"OUT/{JUDGE}"),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe whose data is taken.", show_default="the first model's own"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change its data: data.validation=0.2. May be repeated."),
    ] = None,
    clips: Annotated[
        int, typer.Option(min=2, help="Validation clips of each instrument, at most. Time grows with it.")
    ] = 32,
    crepe: Annotated[
        Crepe,
        typer.Option(help="Pitch tracker; 'full' is the published one and takes some 20 times as long."),
    ] = Crepe.tiny,
    pairings: Annotated[int, typer.Option(min=1, help="Random pairings of the clips.")] = 3,
    partners: Annotated[
        PartnersChoice,
        typer.Option(help="'any' pairs clips as published; 'other' only those of different instruments."),
    ] = PartnersChoice.any,
    contour: Annotated[
        ContourChoice,
        typer.Option(help="Reference pitch: CREPE's of the original, or that of its notes where known."),
    ] = ContourChoice.crepe,
    sampled: Annotated[
        bool, typer.Option("--sampled", help="Draw z from its posterior; else its mean is taken.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of clips, pairings and draws.")] = 0,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="torch's")] = None,
) -> None:
    """Judge how well models swap timbres, as the DSAE papers do.

    On clips that no model was trained on, the line of one is decoded with the timbre of another (v-swap),
    and the other way round (z-swap). One judge, a network trained on the training clips, says how often it
    hears the instrument that is wanted (F1) and how far decodes are from real clips as it hears them (FAD;
    Rand decodes with drawn timbres). CREPE says how many frames keep their pitch within 50 cents (RPA).
    Models that you want to compare belong into one call, or under one --judge: FADs of two judges are two
    different units.

    For example:

      latentfx evaluate runs/ts-dsae runs/j-dsae --data FOLDER

      latentfx evaluate timbre-swap runs/mine --data FOLDER --clips 8 --partners other

      latentfx evaluate runs/j-dsae --data FOLDER --judge evaluation/judge.safetensors --crepe full

    The folder OUT gets evaluation.md, evaluation.json and a picture of swaps for each model, written as
    soon as a model is done: Ctrl-C keeps those before. The same command gives the same numbers.

    Each clip is decoded 2 x pairings + 1 times. On one core a decode of 4 s takes some 2 s with 'tiny', so
    that a model takes 15 minutes with 32 clips of each of two instruments; training the judge takes 8.
    """
    try:
        from latentfx.training.data import load_data
        from latentfx.training.evaluations.swap.compare import compare, find_judge
        from latentfx.training.evaluations.swap.protocol import ProtocolSettings
    except ModuleNotFoundError as error:
        raise MissingExtraError("latentfx evaluate", "lab", error.name or "torch") from None
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    found = _load(models)
    origin = _data_of(found, recipe, settings or [])
    rate = max(candidate.swapper.sample_rate for candidate, _ in found)
    with Bar("data"):
        clips_of_both: Dataset = load_data(origin.data, rate, origin.seed, data)
    known = {"data": origin.data, "seed": origin.seed}
    judging = find_judge(judge or out / JUDGE, clips_of_both, known, watch=Bar, say=typer.echo)
    how = ProtocolSettings(pairings, partners.value, sampled, crepe.value, seed=seed)
    compare(
        [_with_doubts(candidate, own, origin) for candidate, own in found],
        clips_of_both,
        judging,
        out,
        how,
        clips,
        contour.value,
        watch=Bar,
        say=typer.echo,
    )
    typer.echo((out / "evaluation.md").read_text(encoding="utf-8"))


def _load(models: Sequence[str]) -> list[tuple[Candidate, Origin | None]]:
    """Each model under a name of its own, and what it was trained on where that is known."""
    from dataclasses import replace

    found: list[tuple[Candidate, Origin | None]] = []
    for model in models:
        candidate, origin = _load_one(model)
        taken = [other.name for other, _ in found]
        name, number = candidate.name, 2
        while name in taken:
            name, number = f"{candidate.name}-{number}", number + 1
        found.append((replace(candidate, name=name), origin))
    return found


def _load_one(model: str) -> tuple[Candidate, Origin | None]:
    from latentfx.library import plugins

    path = Path(model).expanduser()
    if path.suffix == ".onnx" or (not path.exists() and model in plugins()):
        return _load_plugin(model)
    if not path.exists():
        raise CheckpointError(
            f"there is no model {model!r}; give a run folder, a checkpoint folder, an .onnx file, or a "
            f"shipped plugin ({', '.join(plugins())})"
        )
    return _load_checkpoint(path)


def _load_checkpoint(path: Path) -> tuple[Candidate, Origin]:
    from latentfx.training.evaluations.swap.compare import Candidate
    from latentfx.training.evaluations.swap.swappers import swapper_of
    from latentfx.training.runs.checkpoint import load_checkpoint

    objective, card = load_checkpoint(path)
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    name = folder.parent.name if folder.name.startswith("best-") else folder.name
    origin = Origin(card["recipe"]["data"], int(card["seed"]))
    return Candidate(name, swapper_of(objective), notes=_unfinished(card)), origin


def _unfinished(card: Mapping[str, Any]) -> tuple[str, ...]:
    """A note where later stages are to come: the first one alone does not learn z."""
    *_, last = card["recipe"]["train"]["stages"]
    if card["stage"] == last:
        return ()
    return (f"these are weights of stage {card['stage']!r}; its training ends with stage {last!r}.",)


def _load_plugin(model: str) -> tuple[Candidate, Origin | None]:
    from latentfx.library import load
    from latentfx.training.evaluations.swap.compare import Candidate
    from latentfx.training.evaluations.swap.plugin_swapper import PluginSwapper
    from latentfx.training.recipes.config import load_recipe
    from latentfx.training.recipes.files import shipped_recipes

    plugin = load(model)
    note = (
        "a plugin; v is what it learns from a recording, z the clip itself. Rand is left out: such a v "
        "has no N(0, I) to be drawn from."
    )
    try:
        swapper = PluginSwapper(plugin)
    except ControlError as error:
        raise CheckpointError(
            f"plugin {plugin.name!r} has no timbres to exchange ({error}); give one such as timbre-swap"
        ) from None
    candidate = Candidate(plugin.name, swapper, rand=False, notes=(note,))
    recipe = str(plugin.provenance.get("recipe"))
    if recipe not in shipped_recipes():
        return candidate, None
    return candidate, Origin(load_recipe(recipe).data, int(plugin.provenance.get("seed", 0)))


def _data_of(
    found: Sequence[tuple[Candidate, Origin | None]], recipe: str | None, overrides: Sequence[str]
) -> Origin:
    """Data of the named recipe, else of the first model; changed as `--set` says."""
    from latentfx.training.recipes.config import load_recipe
    from latentfx.training.recipes.files import override

    wrong = [text for text in overrides if not text.startswith("data.")]
    if wrong:
        raise RecipeError(
            f"--set {wrong[0]} does not change the data; here only data.KEY=VALUE does something"
        )
    if recipe is not None:
        loaded = load_recipe(recipe, overrides)
        return Origin(loaded.data, loaded.recipe.seed)
    candidate, origin = found[0]
    if origin is None:
        raise RecipeError(
            f"{candidate.name} names no shipped recipe that made it; name one with --recipe, for its data"
        )
    table: dict[str, Any] = {"data": dict(origin.data)}
    for text in overrides:
        override(table, text)
    return Origin(table["data"], origin.seed)


def _with_doubts(candidate: Candidate, own: Origin | None, used: Origin) -> Candidate:
    """The candidate, with a note where the clips of the table may be ones that it was trained on."""
    from dataclasses import replace

    if own == used:
        return candidate
    doubt = "trained on other data than this table is made of: it may have heard these clips."
    return replace(candidate, notes=(*candidate.notes, doubt))
