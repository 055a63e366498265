"""The swap protocol of the DSAE papers as an evaluation of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from latentfx.errors import CheckpointError, ControlError
from latentfx.methods.base import Objective
from latentfx.training.evaluations.evaluation import Evaluation, Listener, Material, Model, Origin
from latentfx.training.evaluations.swap.compare import Candidate, compare, find_judge
from latentfx.training.evaluations.swap.plugin_swapper import PluginSwapper
from latentfx.training.evaluations.swap.protocol import Partners, ProtocolSettings
from latentfx.training.evaluations.swap.real_clips import Contour
from latentfx.training.evaluations.swap.swapper import SwappingModel
from latentfx.training.evaluations.swap.swappers import MelSwapper, SpectralSwapper
from latentfx.training.evaluations.swap.table import Comparison
from latentfx.training.judges.crepe import CrepeModel
from latentfx.training.recipes.settings import check_range

JUDGE = "judge.safetensors"
_PLUGIN = (
    "a plugin; v is what it learns from a recording, z the clip itself. Rand is left out: such a v has no "
    "N(0, I) to be drawn from."
)


@dataclass(frozen=True)
class SwapSettings:
    """Settings of the swap protocol.

    Args:
        clips: at most so many validation clips of each instrument.
        pairings: random pairings of the clips.
        partners: `any` exchanges clips whatever they are; `other` only clips of different instruments.
        contour: where the reference pitch comes from: CREPE on the original, or its notes where known.
        crepe: size of CREPE.
        sampled: draw z from its posterior instead of taking its mean.
        seed: of clips, pairings and draws.
        judge: file of the judge, which is trained and kept there where absent; OUT/judge.safetensors unless
            given.
    """

    clips: int = 32
    pairings: int = 3
    partners: Partners = "any"
    contour: Contour = "crepe"
    crepe: CrepeModel = "tiny"
    sampled: bool = False
    seed: int = 0
    judge: str | None = None

    def __post_init__(self) -> None:
        check_range("evaluation.clips", self.clips, 2)
        check_range("evaluation.pairings", self.pairings, 1)


class SwapEvaluation(Evaluation):
    """The swap protocol.

    Args:
        swapper: makes the swapper of an objective of the method that names this evaluation.
    """

    name: ClassVar[str] = "swap"
    settings_type: ClassVar[type] = SwapSettings

    def __init__(self, swapper: Callable[[Any], SwappingModel]) -> None:
        self._swapper = swapper

    def swapper(self, objective: Objective) -> SwappingModel:
        """The swapper of a trained objective."""
        return self._swapper(objective)

    def run(
        self,
        models: Sequence[Model],
        material: Material,
        out: Path,
        settings: SwapSettings,
        listener: Listener,
    ) -> Comparison:
        """See `Evaluation`."""
        candidates = [_candidate(model, material.origin) for model in models]
        known = {"data": material.origin.data, "seed": material.origin.seed}
        file = out / JUDGE if settings.judge is None else Path(settings.judge)
        judge = find_judge(file, material.clips, known, listener=listener)
        how = ProtocolSettings(
            settings.pairings, settings.partners, settings.sampled, settings.crepe, seed=settings.seed
        )
        return compare(
            candidates, material.clips, judge, out, how, settings.clips, settings.contour, listener
        )


ON_MELS = SwapEvaluation(MelSwapper)
SPECTRAL = SwapEvaluation(SpectralSwapper)


def _candidate(model: Model, used: Origin) -> Candidate:
    """The model as the protocol sees it, with a note where it may have been trained on these clips."""
    notes = model.notes
    if model.origin != used:
        notes = (*notes, "trained on other data than this table is made of: it may have heard these clips.")
    if isinstance(model.trained, Objective):
        if not isinstance(model.evaluation, SwapEvaluation):
            raise CheckpointError(
                f"{model.name} is a {type(model.trained).__name__}, which swaps no timbres: its method names "
                "no swap evaluation. Leave it out"
            )
        return Candidate(model.name, model.evaluation.swapper(model.trained), notes=notes)
    try:
        swapper = PluginSwapper(model.trained)
    except ControlError as error:
        raise CheckpointError(
            f"plugin {model.name!r} has no timbres to exchange ({error}); give one such as timbre-swap"
        ) from None
    return Candidate(model.name, swapper, rand=False, notes=(_PLUGIN, *notes))
