"""Writes anew what a plugin file's metadata says of its weights; the graph stays as it is, byte for byte."""

from __future__ import annotations

import json
import os
from pathlib import Path

import onnx
from onnx import numpy_helper

from latentfx.host.code_map import dump_maps, find_maps
from latentfx.host.graph import check_file
from latentfx.host.guard import naming, read_plugin_bytes
from latentfx.host.plugin_file import METADATA_KEY, load_metadata

from .bundle import write_file

_PREFIX = "plugin."


def restamp(path: str | os.PathLike[str]) -> bool:
    """Put the map of the named codes into a plugin file.

    Returns:
        Whether the file changed.

    Raises:
        PluginFileError: no plugin file.
        ExportError: the folder refuses it.
    """
    data = read_plugin_bytes(path)
    with naming(path):
        check_file(data)
    model = onnx.load_model_from_string(data)
    (entry,) = (entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    before = entry.value
    weights = {
        tensor.name.removeprefix(_PREFIX): numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name.startswith(_PREFIX)
    }
    raw = json.loads(before)
    raw.pop("maps", None)
    if maps := find_maps(load_metadata(before).spec, weights):
        raw["maps"] = dump_maps(maps)
    after = json.dumps(raw, allow_nan=False)
    if after == before:
        return False
    entry.value = after
    stamped = model.SerializeToString()
    check_file(stamped)
    write_file(Path(path), stamped)
    return True
