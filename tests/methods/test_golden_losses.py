"""The loss of every shipped recipe's method, part by part, is the recorded one in its first steps.

    python tests/methods/test_golden_losses.py

records `golden/NAME.json` anew. Batches are made up and small; the networks have the sizes of the recipe.
Everything is computed in double precision, so that rounding is far below what the test allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from latentfx.methods.swapper.harmonic import pitch_code
from latentfx.training import catalogue
from latentfx.training.recipes.config import load_recipe
from latentfx.training.recipes.settings import read_settings

FOLDER = Path(__file__).parent / "golden"
RELATIVE = 1e-6
STEPS, CLIPS, FRAMES = 10, 6, 5
Batch = dict[str, Tensor]
MakeBatch = Callable[[Any, torch.Generator], Batch]


def losses(name: str) -> dict[str, list[dict[str, float]]]:
    """Every part of the loss in ten steps of Adam, stage by stage; `name` is a key of `RECIPES`."""
    recipe_name, make, settings = RECIPES[name]
    torch.manual_seed(0)
    recipe = load_recipe(recipe_name, settings)
    method = catalogue.method(recipe.method_name).load_objective()
    objective = method(read_settings(method.config_type, recipe.method_settings, "method")).double()
    optimizer = torch.optim.Adam(objective.parameters(), 1e-3)
    generator = torch.Generator().manual_seed(1)
    found: dict[str, list[dict[str, float]]] = {}
    for index, stage in enumerate(objective.stages):
        objective.begin_stage(index)
        objective.double().train()
        found[stage] = []
        for _ in range(STEPS):
            parts = objective.loss(make(objective.config, generator))
            optimizer.zero_grad()
            parts["loss"].backward()
            optimizer.step()
            found[stage].append({part: float(value.detach()) for part, value in parts.items()})
    return found


def _random(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _mels(config: Any, generator: torch.Generator) -> Batch:
    return {"mel": _random(generator, CLIPS, FRAMES, config.mel.n_mels)}


def _spectra(config: Any, generator: torch.Generator) -> Batch:
    overview = 7
    names = len(config.instruments)
    return {
        "logmag": _random(generator, CLIPS, FRAMES, config.spectral.bins),
        "pitch": _random(generator, CLIPS, FRAMES, config.spectral.n_pitch),
        "loudness": _random(generator, CLIPS, FRAMES, 1),
        "banded": _random(generator, CLIPS, overview, config.network.n_global),
        "active": torch.ones(CLIPS, overview, dtype=torch.float64),
        "instrument": torch.randint(-1, names, (CLIPS,), generator=generator),
    }


def _codes(config: Any, generator: torch.Generator) -> Batch:
    code = pitch_code(config.n_pitch_combs, config.z_size).double()
    rows = torch.randint(40, 200, (CLIPS, FRAMES), generator=generator)
    clear = torch.rand(CLIPS, FRAMES, 1, generator=generator) < 0.8
    return {"z": code[rows], "clear": clear.double()}


def _stems(config: Any, generator: torch.Generator) -> Batch:
    shape = (CLIPS, 1, config.stems, 2, config.spectra.n_fft // 2 + 1)
    return {name: 10.0 * _random(generator, *shape) for name in ("stems", "late")}


def _embeddings(config: Any, generator: torch.Generator) -> Batch:
    stems = _random(generator, CLIPS, 1, config.stems, config.size)
    return {"stems": stems, "mix": torch.tanh(stems.sum(2))}


RECIPES: Mapping[str, tuple[str, MakeBatch, list[str]]] = {
    "dsae": ("j-dsae", _mels, ["method.name=mel_dsae", "train.stages={ train = { steps = 10 } }"]),
    "j-dsae": ("j-dsae", _mels, []),
    "j-dsae-ar": ("j-dsae-ar", _mels, []),
    "latent-mix": ("latent-mix", _stems, []),
    "oplas-musdb18": ("oplas-musdb18", _embeddings, []),
    "ring": ("ring", _codes, []),
    "timbre-swap": ("timbre-swap", _spectra, []),
    "timbre-swap-held-out": ("timbre-swap-held-out", _spectra, []),
    "timbre-swap-tones": ("timbre-swap-tones", _spectra, []),
    "ts-dsae": ("ts-dsae", _mels, []),
    "ts-dsae-ar": ("ts-dsae-ar", _mels, []),
}


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", RECIPES)
def test_ten_steps_of_every_stage_have_the_recorded_losses(name: str) -> None:
    recorded = json.loads((FOLDER / f"{name}.json").read_text())
    found = losses(name)
    assert list(found) == list(recorded)
    for stage, steps in recorded.items():
        for now, before in zip(found[stage], steps, strict=True):
            assert {part: now[part] for part in before} == pytest.approx(before, rel=RELATIVE, abs=1e-12)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in RECIPES:
        (FOLDER / f"{name}.json").write_text(json.dumps(losses(name), indent=1) + "\n")
