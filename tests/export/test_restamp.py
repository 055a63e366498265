"""Restamping writes the map of named codes, and leaves the sound as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from latentfx.errors import PluginFileError
from latentfx.export.restamp import restamp
from latentfx.host.plugin_file import METADATA_KEY, dump_metadata, load_metadata
from latentfx.library import describe


def test_restamping_puts_back_the_map_and_touches_nothing_else(root: Path, tmp_path: Path) -> None:
    shipped = (root / "presets" / "plugins" / "timbre-swap-live.onnx").read_bytes()
    model = onnx.load_model_from_string(shipped)
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    metadata = load_metadata(entry.value)
    entry.value = dump_metadata(replace(metadata, maps={}))
    path = tmp_path / "bare.onnx"
    path.write_bytes(model.SerializeToString())
    assert not describe(path).maps
    assert restamp(path)
    assert describe(path).maps["timbre"].points == describe("timbre-swap-live").maps["timbre"].points
    stamped = onnx.load(path)
    assert stamped.graph.SerializeToString() == model.graph.SerializeToString()
    assert not restamp(path)


def test_a_plugin_without_named_codes_stays_as_it_was(plugin_file: Callable[..., Path]) -> None:
    path = plugin_file("gain")
    before = path.read_bytes()
    assert not restamp(path)
    assert path.read_bytes() == before


def test_a_file_that_is_not_ours_is_refused(plugin_file: Callable[..., Path]) -> None:
    path = plugin_file("gain", lambda model: model.metadata_props.clear())
    with pytest.raises(PluginFileError, match="without latentfx metadata"):
        restamp(path)
