"""What the controls of `Translate` do to a pitch axis and to a plane of styles."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from identity_effect import identity_effect

from latentfx.errors import ControlError
from latentfx.export import export_onnx
from latentfx.library import load
from latentfx.operators.translate import Translate
from latentfx.stages import Factors, Features, LatentModel, State
from latentfx.testing import verify_contract, verify_parity

HOP, RATE, FRAMES = 100, 1000, 40  # a frame lasts 100 ms
AXES = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
STYLE = torch.tensor([0.3, -0.2, 0.7])[None, :, None].expand(1, 3, FRAMES)
PROVENANCE = {"method": "none", "licence": "MIT", "date": "2026-01-01", "versions": {"latentfx": "0"}}


def translate(
    semitone: float = 0.25,
    splits: tuple[int, ...] = (FRAMES,),
    learnt: Tensor | None = None,
    **controls: float | Tensor,
) -> tuple[Tensor, Tensor]:
    """Content and style of every frame, from a content of 2; the controls at these values or moving.

    Shape:
        -> [FRAMES], [3, FRAMES]
    """
    made = Translate(semitone, AXES, HOP, RATE)
    assert controls.keys() <= {control.name for control in made.controls}
    rows = [torch.as_tensor(controls.get(c.name, c.default)).expand(FRAMES) for c in made.controls]
    knobs, content, state = torch.stack(rows)[None], torch.full((1, 1, FRAMES), 2.0), made.initial_state(1)
    if learnt is not None:
        state["operator_reference"] = learnt[None]
    out, start = [], 0
    for size in splits:
        now = slice(start, start + size)
        factors, state = made(
            {"content": content[..., now], "style": STYLE[..., now]}, knobs[..., now], state
        )
        out.append(factors)
        start += size
    joined = {name: torch.cat([each[name] for each in out], -1)[0] for name in ("content", "style")}
    return joined["content"][0], joined["style"]


def test_at_rest_nothing_changes() -> None:
    content, style = translate()
    assert torch.equal(content, torch.full((FRAMES,), 2.0))
    torch.testing.assert_close(style, STYLE[0])


@pytest.mark.parametrize("semitone", [0.25, -0.4])
@pytest.mark.parametrize("shift", [-12.0, -0.37, 1.0, 7.5])
def test_a_shift_adds_its_semitones_along_the_axis_whole_or_not(semitone: float, shift: float) -> None:
    content, style = translate(semitone, shift_st=shift)
    assert content.tolist() == pytest.approx(FRAMES * [2.0 + semitone * shift], abs=1e-5)
    torch.testing.assert_close(style, STYLE[0])


def test_a_glide_arrives_by_its_time_and_without_one_a_shift_jumps() -> None:
    shift = torch.where(torch.arange(FRAMES) < 10, 0.0, 4.0)
    content, _ = translate(1.0, shift_st=shift, glide_ms=1000.0)
    assert content[:10].tolist() == pytest.approx(10 * [2.0], abs=1e-5)
    assert float(content[19]) == pytest.approx(2.0 + 0.95 * 4.0, abs=1e-3)
    assert bool((content.diff()[9:] > 0).all())
    assert translate(1.0, shift_st=shift)[0][10:].tolist() == pytest.approx(30 * [6.0], abs=1e-3)


def test_any_split_gives_the_same_glide() -> None:
    moving = {"shift_st": torch.linspace(-3.0, 8.0, FRAMES), "glide_ms": torch.linspace(0.0, 900.0, FRAMES)}
    whole, cut = translate(**moving)[0], translate(splits=(1, 7, 30, 2), **moving)[0]
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=0)


def test_the_style_knobs_move_along_their_axes_alone() -> None:
    content, style = translate(style_x=2.0, style_y=-1.0)
    moved = torch.tensor([2.0, -0.5, 0.0])[:, None].expand(3, FRAMES)
    torch.testing.assert_close(style - STYLE[0], moved)
    assert torch.equal(content, torch.full((FRAMES,), 2.0))


def test_a_learnt_style_takes_the_place_of_the_inputs_own_or_mixes_with_it() -> None:
    learnt = torch.tensor([1.0, 2.0, 3.0])
    _, alone = translate(learnt=learnt, style_input=0.0, style_reference=1.0)
    torch.testing.assert_close(alone, learnt[:, None].expand(3, FRAMES))
    _, mixed = translate(learnt=learnt, style_input=0.5, style_reference=0.5)
    torch.testing.assert_close(mixed, 0.5 * (alone + STYLE[0]))
    _, none = translate(learnt=learnt, style_input=0.0, style_reference=0.0)
    torch.testing.assert_close(none, STYLE[0])


def test_a_style_of_one_dimension_has_one_knob() -> None:
    names = [control.name for control in Translate(1.0, torch.ones(1, 1), HOP, RATE).controls]
    assert names == ["shift_st", "glide_ms", "style_x", "style_input", "style_reference"]


@pytest.mark.parametrize(
    ("semitone", "axes"),
    [(0.0, AXES), (1.0, torch.ones(3, 3)), (1.0, torch.ones(2)), (1.0, torch.ones(0, 2))],
)
def test_a_semitone_of_no_length_and_axes_of_another_shape_are_refused(semitone: float, axes: Tensor) -> None:
    with pytest.raises(ControlError, match=r"\[1 or 2, S\]"):
        Translate(semitone, axes, HOP, RATE)


class Loudness(LatentModel):
    """The content is a level in semitones of loudness; the style is the shape of the spectrum."""

    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        level = features["logmag"].mean(dim=1, keepdim=True)
        return {"content": level, "style": features["logmag"] - level}, {}

    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        return {"magnitude": (factors["content"] + factors["style"]).exp()}, {}


def test_an_effect_that_translates_keeps_the_contract_in_torch_torchscript_and_its_file(
    tmp_path: Path,
) -> None:
    axes = torch.zeros(2, 129)
    axes[0, 10], axes[1, 60] = 0.3, 0.3
    effect = identity_effect(model=Loudness(), operator=Translate(0.1, axes, 64, 16_000)).eval()
    verify_contract(effect, nonlinear=True)
    verify_parity(effect)
    export_onnx(effect, tmp_path / "translated.onnx", PROVENANCE)
    names = [control.name for control in load(tmp_path / "translated.onnx").spec.controls]
    assert names[:4] == ["shift_st", "glide_ms", "style_x", "style_y"]
