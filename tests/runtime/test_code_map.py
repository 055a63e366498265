"""The map of named codes: what it keeps of them, where it is stored, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import latentfx
from latentfx.errors import PluginFileError
from latentfx.host.code_map import CodeMap, draw_map, find_maps
from latentfx.host.plugin_file import METADATA_KEY, dump_metadata, load_metadata
from latentfx.library import describe

Write = Callable[..., Path]
Change = Callable[[dict[str, Any]], None]


def codes(count: int = 6, size: int = 16, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {f"c{n}": rng.normal(size=size).astype(np.float32) for n in range(count)}


def test_a_plane_of_codes_is_kept_as_it_is() -> None:
    rng = np.random.default_rng(1)
    flat = rng.normal(size=(5, 2))
    axes = np.linalg.qr(rng.normal(size=(16, 2)))[0].T
    found = draw_map({str(n): (row @ axes + 3).astype(np.float32) for n, row in enumerate(flat)})
    places = np.array(list(found.points.values()))
    for a in range(5):
        for b in range(a):
            there, here = np.linalg.norm(flat[a] - flat[b]), np.linalg.norm(places[a] - places[b])
            assert here == pytest.approx(there, abs=1e-3)


def test_a_blend_of_codes_lies_at_the_blend_of_their_places() -> None:
    named = codes()
    found = draw_map(named)
    weights = np.random.default_rng(2).dirichlet(np.ones(len(named)))
    code = sum(w * c for w, c in zip(weights, named.values(), strict=True))
    place = sum(w * np.array(p) for w, p in zip(weights, found.points.values(), strict=True))
    assert found.place(code.astype(np.float32)) == pytest.approx(tuple(place), abs=1e-3)


@pytest.mark.parametrize(("count", "size"), [(1, 16), (2, 16), (3, 1)])
def test_few_codes_or_short_ones_have_a_map_too(count: int, size: int) -> None:
    found = draw_map(codes(count, size))
    assert len(found.points) == count
    assert found.axes.shape == (2, size)
    assert np.isfinite(list(found.points.values())).all()


@pytest.mark.parametrize("name", latentfx.plugins())
def test_a_shipped_plugin_with_named_codes_carries_their_map(name: str, root: Path) -> None:
    model = onnx.load(root / "presets" / "plugins" / f"{name}.onnx")
    prefix = "plugin."
    weights = {t.name.removeprefix(prefix): numpy_helper.to_array(t) for t in model.graph.initializer}
    metadata = describe(name)
    wanted = find_maps(metadata.spec, weights)
    assert {blend: known.points for blend, known in metadata.maps.items()} == {
        blend: known.points for blend, known in wanted.items()
    }
    assert bool(wanted) == name.startswith("timbre-swap")


def with_map(file: Path, change: Change) -> str:
    """The metadata of the plugin `blend` with a map of its blend `tone`, changed."""
    text = next(e.value for e in onnx.load(file).metadata_props if e.key == METADATA_KEY)
    metadata = load_metadata(text)
    points = {"half": (0.0, 1.0), "full": (2.0, 3.0)}
    known = {"tone": CodeMap(points, np.zeros(1, np.float32), np.eye(2, 1, dtype=np.float32))}
    raw = json.loads(dump_metadata(replace(metadata, maps=known)))
    change(raw)
    return json.dumps(raw)


def test_a_map_comes_back_from_the_file_and_a_learnt_choice_is_placed(plugin_file: Write) -> None:
    def put(model: onnx.ModelProto) -> None:
        path = plugin_file("blend")
        onnx.helper.set_model_props(model, {METADATA_KEY: with_map(path, lambda raw: None)})

    plugin = latentfx.load(plugin_file("blend", put))
    assert plugin.places("tone") == {"half": (0.0, 1.0), "full": (2.0, 3.0)}
    assert plugin.places("other") == {}
    plugin.recall("tone", np.full((1, 1), 0.75, np.float32))
    assert set(plugin.places("tone")) == {"half", "full"}, "a code of another shape has no place"


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(other=m.pop("tone")),
        lambda m: m["tone"]["points"].update(third=[0, 0]),
        lambda m: m["tone"]["points"].update(half=[0]),
        lambda m: m["tone"]["points"].update(half="up"),
        lambda m: m["tone"].update(axes=[[1.0]]),
        lambda m: m["tone"].update(axes=[[1.0, 2.0], [0.0]]),
        lambda m: m["tone"].update(mean=[1e39]),
        lambda m: m["tone"].update(mean=[0.0] * 5000, axes=[[0.0] * 5000] * 2),
        lambda m: m["tone"].pop("mean"),
        lambda m: m.update(tone=7),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(plugin_file: Write, change: Change) -> None:
    with pytest.raises(PluginFileError):
        load_metadata(with_map(plugin_file("blend"), lambda raw: change(raw["maps"])))


def test_a_learnt_timbre_of_the_shipped_swapper_lies_where_its_code_says() -> None:
    plugin = latentfx.load("timbre-swap")
    known = describe("timbre-swap").maps["timbre"]
    assert "reference" not in plugin.places("timbre")
    plugin.recall("timbre", known.mean + 2 * known.axes[0])
    assert plugin.places("timbre")["reference"] == pytest.approx((2.0, 0.0), abs=1e-3)
