"""What the weights of `Swap` do to the factor, and its `pitch_st` to the spectrum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latentfx.operators.swap import Swap
from latentfx.stages import EffectStage, Factors

NAMES = ("violin", "flute", "oboe")
TIMBRES = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 5.0]])
OWN = torch.tensor([[[7.0, 8.0, 9.0], [1.0, 2.0, 3.0]]])


class Still(EffectStage):
    """Octaves of a line that is in its range."""

    def forward(
        self, z: Tensor, weights: Tensor, moves: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        return z, {}


@pytest.fixture
def swap() -> Swap:
    return Swap(NAMES, TIMBRES, 40, 12, 12, "flute", Still())


def play(swap: Swap, weights: dict[str, float], reference: Tensor | None = None) -> Tensor:
    """The swapped v of `OWN` under these weights.

    Shape:
        -> [2, 3]
    """
    names = [control.name for control in swap.controls]
    row = torch.tensor([weights.get(name.removeprefix("timbre_"), 0.0) for name in names])
    state = swap.initial_state(1)
    if reference is not None:
        state["operator_reference"] = reference
    factors: Factors = {"v": OWN, "z": torch.ones(1, 4, 3)}
    swapped, after = swap(factors, row[None, :, None].expand(1, -1, 3), state)
    torch.testing.assert_close(swapped["z"], factors["z"])
    torch.testing.assert_close(after, state)
    return swapped["v"][0]


@pytest.mark.parametrize("index", range(3))
def test_one_weight_gives_that_row_of_the_table(swap: Swap, index: int) -> None:
    expected = TIMBRES[index][:, None].expand(2, 3)
    for weight in (1.0, 0.3):
        torch.testing.assert_close(play(swap, {NAMES[index]: weight}), expected)


def test_weights_count_by_their_share(swap: Swap) -> None:
    expected = (0.25 * TIMBRES[0] + 0.75 * TIMBRES[2])[:, None].expand(2, 3)
    torch.testing.assert_close(play(swap, {"violin": 0.2, "oboe": 0.6}), expected)
    half = 0.5 * TIMBRES[1][:, None] + 0.5 * OWN[0]
    torch.testing.assert_close(play(swap, {"flute": 1.0, "input": 1.0}), half)


def test_without_weights_the_input_keeps_its_own(swap: Swap) -> None:
    torch.testing.assert_close(play(swap, {}), OWN[0])
    torch.testing.assert_close(play(swap, {"input": 1.0}), OWN[0])


def test_a_learnt_reference_is_put_in(swap: Swap) -> None:
    learnt = torch.tensor([[4.0, -4.0]])
    torch.testing.assert_close(play(swap, {"reference": 1.0}, learnt), learnt.T.expand(2, 3))


def test_swapping_twice_restores(swap: Swap) -> None:
    """Out to another timbre and back again: what was lost is v alone, and v is what comes back."""
    there = play(swap, {"oboe": 1.0})
    back = play(swap, {"reference": 1.0}, OWN[..., 0])
    assert not torch.allclose(there, OWN[0])
    torch.testing.assert_close(back[:, 0], OWN[0, :, 0])


@pytest.mark.parametrize("semitones", [-12, -7, 0, 4, 12])
def test_pitch_st_moves_the_pitch_feature(swap: Swap, semitones: int) -> None:
    spectrum = torch.randn(1, 64, 2)
    controls = torch.zeros(1, len(swap.controls), 2)
    controls[:, -2] = semitones
    features = {"pitch_spectrum": spectrum, "newest_spectrum": -spectrum, "logmag": torch.ones(1, 3, 2)}
    changed = swap.on_features(features, controls)
    start = 12 - semitones
    torch.testing.assert_close(changed["pitch"], spectrum[:, start : start + 40], atol=5e-3, rtol=0)
    torch.testing.assert_close(changed["newest"], -changed["pitch"])
    torch.testing.assert_close(changed["logmag"], features["logmag"])
    assert "pitch" not in features


def test_the_blend_names_every_weight_and_starts_at_the_default(swap: Swap) -> None:
    defaults = {control.name: control.default for control in swap.controls}
    assert [name for name, value in defaults.items() if value] == ["timbre_flute"]
    assert list(swap.blend.choices) == [*NAMES, "input"]
    assert set(swap.blend.controls) == set(defaults) - {"pitch_st", "octave_auto"}
