"""Every group keeps its axioms, and moves only the dimensions that it acts on."""

from __future__ import annotations

import pytest
import torch

from latentfx.errors import RecipeError
from latentfx.methods.sps.groups import GroupConfig, Motion, TransformGroup

LIKE = torch.zeros(1, dtype=torch.float64)
GROUPS = {
    "translations of a line": TransformGroup(1, (GroupConfig("translation", (0,)),)),
    "translations of a plane in space": TransformGroup(3, (GroupConfig("translation", (0, 2)),)),
    "rotations of a plane": TransformGroup(3, (GroupConfig("rotation", (0, 2)),)),
    "translations and rotations of a plane": TransformGroup(
        3, (GroupConfig("translation", (0, 2)), GroupConfig("rotation", (0, 2)))
    ),
    "turns of space": TransformGroup(4, (GroupConfig("orthogonal", (1, 2, 3)),)),
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def elements(group: TransformGroup) -> list[Motion]:
    return [group.sample(2, 3, LIKE) for _ in range(3)]


def codes(group: TransformGroup) -> torch.Tensor:
    return torch.randn(6, 5, group.size, dtype=torch.float64)


@pytest.mark.parametrize("name", GROUPS)
def test_an_element_and_its_inverse_cancel_in_both_orders(name: str) -> None:
    group, z = GROUPS[name], codes(GROUPS[name])
    element = elements(group)[0]
    for order in (element.then(element.inverse()), element.inverse().then(element)):
        torch.testing.assert_close(order.apply(z), z)
    torch.testing.assert_close(element.inverse().apply(element.apply(z)), z)


@pytest.mark.parametrize("name", GROUPS)
def test_one_element_after_another_is_their_product_and_products_are_associative(name: str) -> None:
    group, z = GROUPS[name], codes(GROUPS[name])
    a, b, c = elements(group)
    torch.testing.assert_close(a.then(b).apply(z), b.apply(a.apply(z)))
    torch.testing.assert_close(a.then(b).then(c).apply(z), a.then(b.then(c)).apply(z))
    torch.testing.assert_close(a.then(group.identity(6, LIKE)).apply(z), a.apply(z))


@pytest.mark.parametrize("name", GROUPS)
def test_elements_keep_distances_and_leave_other_dimensions_alone(name: str) -> None:
    group, z = GROUPS[name], codes(GROUPS[name])
    moved = elements(group)[0].apply(z)
    torch.testing.assert_close(
        (moved[:, 1:] - moved[:, :-1]).norm(dim=-1), (z[:, 1:] - z[:, :-1]).norm(dim=-1)
    )
    acts = {dim for part in group.parts for dim in part.dims}
    still = [dim for dim in range(group.size) if dim not in acts]
    torch.testing.assert_close(moved[..., still], z[..., still])
    assert (moved - z).abs().amax(dim=(0, 1))[sorted(acts)].min() > 1e-3


def test_translations_are_uniform_up_to_their_reach_and_drawn_for_each_sequence_and_copy() -> None:
    shift = (
        TransformGroup(1, (GroupConfig("translation", (0,)),), reach=4.0)
        .sample(4, 5000, LIKE)
        .shift.squeeze(1)
    )
    assert -4.0 < shift.min() < -3.99
    assert 3.99 < shift.max() < 4.0
    assert shift.mean().item() == pytest.approx(0.0, abs=0.06)
    assert len(shift.unique()) > 19_000


def test_rotations_have_determinant_one_and_reach_half_a_turn() -> None:
    turn = TransformGroup(2, (GroupConfig("rotation", (0, 1)),)).sample(1, 4000, LIKE).turn
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(4000, dtype=torch.float64))
    angle = torch.atan2(turn[:, 1, 0], turn[:, 0, 0])
    assert angle.min() < -3.1
    assert angle.max() > 3.1


def test_turns_of_space_are_shared_by_the_batch_and_differ_between_copies() -> None:
    turn = (
        TransformGroup(3, (GroupConfig("orthogonal", (0, 1, 2)),)).sample(3, 4, LIKE).turn.reshape(3, 4, 3, 3)
    )
    assert torch.equal(turn[:, :1].expand(-1, 4, -1, -1), turn)
    assert not torch.allclose(turn[0], turn[1])
    torch.testing.assert_close(torch.linalg.det(turn).abs(), torch.ones(3, 4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("kind", "dims"),
    [("translation", ()), ("translation", (0, 0)), ("rotation", (0,)), ("orthogonal", (0, 1))],
)
def test_a_group_on_the_wrong_number_of_dimensions_is_refused(kind: str, dims: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match="acts on the dimensions"):
        GroupConfig(kind, dims)  # type: ignore[arg-type]
