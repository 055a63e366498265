"""From the file of one host to that of another: the model comes back out of the plugin file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import latentfx
from latentfx.errors import ExportError
from latentfx.export import export_checkpoint
from latentfx.export.builders.swapper import build_swapper
from latentfx.export.checks.opened import plugin_path
from latentfx.export.nn_tilde.form import check_nn_tilde
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.export.rebuild import rebuild_plugin
from latentfx.host.nn_tilde.model import open_module
from latentfx.host.plugin_file import REBUILD_KEY
from latentfx.library import load
from latentfx.methods.swapper.model import Swapper
from latentfx.testing.drive import phrase, random_controls, run


def test_the_plugin_of_a_file_sounds_bit_for_bit_like_the_trained_one(
    exported: tuple[Path, str], trained: Swapper
) -> None:
    rebuilt, provenance = rebuild_plugin(exported[0])
    original = build_swapper(trained, "tiny", "flute")
    assert rebuilt.spec == original.spec
    assert provenance == load(exported[0]).provenance
    generator = torch.Generator().manual_seed(0)
    audio, controls = phrase(original, 64, 2, generator), random_controls(original, 2, generator)
    assert torch.equal(run(rebuilt, audio, controls)[0], run(original, audio, controls)[0])


def test_a_plugin_file_becomes_a_file_for_nn_tilde(exported: tuple[Path, str], tmp_path: Path) -> None:
    found = export_checkpoint(exported[0], tmp_path / "tiny.ts", default="violin", minutes=0.05)
    assert [path.name for path in found.patches] == ["tiny.pd", "tiny.maxpat"]
    assert {engine["engine"] for engine in found.report["parity"]["engines"]} == {
        "nn~",
        "mc.nn~",
        "nn~ latent",
    }
    module = open_module(found.path.read_bytes())
    assert module.get_timbre() == ("violin",)
    assert module.get_methods() == ["forward", "info", "encode", "decode", "swap"]


@pytest.mark.parametrize("to", ["nn~", "onnx"])
def test_name_of_a_plugin_chooses_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    """It is text of the author: the file lies in the current folder, and so does all that goes with it."""
    here = tmp_path / "a" / "b"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    found = export_checkpoint("timbre-swap-live", name="../../important", to=to, verify=False)
    assert found.path.name == f"important.{'ts' if to == 'nn~' else 'onnx'}"
    assert {path.parent.resolve() for path in (found.path, *found.patches)} == {here.resolve()}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


@pytest.mark.parametrize("name", latentfx.plugins())
def test_a_shipped_plugin_becomes_a_file_for_nn_tilde_that_sounds_like_it(name: str, tmp_path: Path) -> None:
    file = export_checkpoint(name, tmp_path / f"{name}.ts", verify=False).path
    module = open_module(file.read_bytes())
    assert check_nn_tilde(module).passed
    verify_nn_tilde(rebuild_plugin(plugin_path(name))[0], module)


def changed(source: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    model = onnx.load(source)
    raw = json.loads(model.metadata_props[0].value)
    change(raw["provenance"])
    model.metadata_props[0].value = json.dumps(raw)
    onnx.save(model, target)
    return target


def rebuild_with(**facts: object) -> Callable[[dict[str, Any]], object]:
    return lambda provenance: provenance[REBUILD_KEY].update(facts)


BROKEN: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda provenance: provenance.pop(REBUILD_KEY), "does not say how its model is built in torch"),
    (rebuild_with(method=7), "does not say how its model is built"),
    (rebuild_with(method="other"), "cannot be built: method.name 'other' is unknown"),
    (rebuild_with(settings={"v_size": -1}), "cannot be built"),
    (
        lambda provenance: provenance[REBUILD_KEY]["settings"].update(v_size=5),
        r"weight \S+ is .* in the file; the model needs",
    ),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_file_from_which_the_model_does_not_come_back_is_refused(
    exported: tuple[Path, str], tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    file = changed(exported[0], tmp_path / "broken.onnx", change)
    with pytest.raises(ExportError, match=message):
        export_checkpoint(file, tmp_path / "broken.ts")
    assert not (tmp_path / "broken.ts").exists()


def test_a_file_without_one_of_its_weights_is_refused(exported: tuple[Path, str], tmp_path: Path) -> None:
    model = onnx.load(exported[0])
    (timbres,) = (weight for weight in model.graph.initializer if weight.name == "plugin.operator.timbres")
    for node in model.graph.node:
        node.input[:] = ["renamed" if name == timbres.name else name for name in node.input]
    timbres.name = "renamed"
    onnx.save(model, tmp_path / "nameless.onnx")
    with pytest.raises(ExportError, match=r"differs from eager torch in onnx.*run folder or checkpoint"):
        export_checkpoint(tmp_path / "nameless.onnx", tmp_path / "x.ts")


def test_a_file_of_an_earlier_version_plays_and_export_asks_for_its_run_folder(
    exported: tuple[Path, str], tmp_path: Path
) -> None:
    """Earlier files hold a digest of each weight, and weights under the exporter's names."""
    earlier = changed(
        exported[0], tmp_path / "earlier.onnx", lambda facts: facts[REBUILD_KEY].update(tensors={"a": "0f"})
    )
    audio = np.asarray(0.3 * np.sin(2 * np.pi * 440.0 * np.arange(4000) / 16_000), np.float32)
    np.testing.assert_array_equal(load(earlier)(audio, 16_000), load(exported[0])(audio, 16_000))
    with pytest.raises(ExportError, match=r"from an earlier latentfx.*Give `latentfx export` .* run folder"):
        export_checkpoint(earlier, tmp_path / "earlier.ts")


def test_the_same_weights_play_with_another_latency(
    exported: tuple[Path, str], tiny_run: Path, tmp_path: Path
) -> None:
    """From the file and from the run; what is written keeps the contract and can be rebuilt in turn."""
    found = export_checkpoint(exported[0], tmp_path / "a.onnx", name="quick", latency=160, minutes=0.05)
    assert (found.spec.latency, found.spec.name) == (160, "quick")
    assert found.report["contract"]["passed"] is True
    export_checkpoint(tiny_run, tmp_path / "b.onnx", default="flute", latency=160, verify=False)
    audio = np.asarray(0.3 * np.sin(2 * np.pi * 440.0 * np.arange(8000) / 16_000), np.float32)
    slow, quick, other = (
        load(file)(audio, 16_000) for file in (exported[0], found.path, tmp_path / "b.onnx")
    )
    np.testing.assert_array_equal(quick, other)
    assert float(np.abs(quick - slow).max()) > 1e-3
    assert rebuild_plugin(found.path)[0].spec.latency == 160


def test_a_latency_that_cannot_be_is_refused(
    exported: tuple[Path, str], tiny_run: Path, tmp_path: Path
) -> None:
    for source in (exported[0], tiny_run):
        with pytest.raises(ExportError, match="latency is 50 samples; this model can have 64 to 256"):
            export_checkpoint(source, tmp_path / "x.onnx", latency=50)
    with pytest.raises(ExportError, match=r"the latency is 480; a plugin of \S+LatentMix has only one"):
        export_checkpoint("latent-mix", tmp_path / "x.onnx", latency=480)
    assert not list(tmp_path.iterdir())
