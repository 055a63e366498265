"""From a plugin file back to torch, so that the file of one host becomes that of another.

A graph is no model: weights are transposed, merged and renamed in it. So an export writes down how the model
is built and what its tensors' digests are; here the model is built again, and its tensors are found in the
graph by their digests. That it sounds like the file is measured, not assumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from latentfx.errors import ExportError, LatentFXError
from latentfx.host.graph import Graph
from latentfx.host.guard import read_plugin_bytes
from latentfx.host.plugin_file import REBUILD_KEY
from latentfx.methods.base import Objective
from latentfx.plugin import Plugin
from latentfx.testing import verify_parity
from latentfx.training import catalogue
from latentfx.training.catalogue import todays_name
from latentfx.training.recipes.settings import read_settings

from .builders.builder import BUILDERS, builder_of, set_latency

_ELSEWHERE = "Export from the model's run folder or checkpoint"


def rebuild_facts(plugin: Plugin, card: Mapping[str, Any]) -> dict[str, Any]:
    """What a plugin file keeps for `rebuild_plugin`: how the model is built, and tensor -> digest."""
    return {
        "method": str(card["recipe"]["method"]["name"]),
        "settings": card["method_config"],
        "stage": int(card["stage_index"]),
        "tensors": {name: _digest(value) for name, value in plugin.state_dict().items()},
    }


def rebuild_plugin(
    path: Path, name: str | None = None, default: str | None = None, latency: int | None = None
) -> tuple[Plugin, dict[str, Any]]:
    """Build the torch plugin of an `.onnx` file that `latentfx export` wrote.

    Args:
        path: the file.
        name: of the plugin; the file's own unless given.
        default: what its operator is set to at start; as in the file unless given.
        latency: samples, where the method has a choice; as in the file unless given.
    Returns:
        The plugin, and its provenance.
    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: damaged, hostile or no plugin.
        ExportError: the file does not say how its model is built, or what is built sounds otherwise.
    """
    data = read_plugin_bytes(path)
    graph = Graph(data)
    spec, provenance = graph.metadata.spec, dict(graph.metadata.provenance)
    facts = provenance.get(REBUILD_KEY)
    if not isinstance(facts, Mapping) or todays_name(str(facts.get("method"))) not in BUILDERS:
        raise ExportError(f"{path} does not say how its model is built in torch. {_ELSEWHERE}")
    default = default or (spec.blends[0].default if spec.blends else None)
    try:
        builder = builder_of(str(facts["method"]))
        objective = _objective(facts)
        builder.as_if_trained(objective)
        plugin = builder.build(objective, name or spec.name, default)
        _fill(plugin, facts["tensors"], onnx.load_from_string(data))
        verify_parity(plugin, graph.session, torchscript=False)
    except (LatentFXError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ExportError(f"the model of {path} cannot be built: {error}. {_ELSEWHERE}") from None
    if latency is None:
        return plugin, provenance
    set_latency(objective, facts["method"], latency)
    other = builder.build(objective, name or spec.name, default)
    other.load_state_dict(plugin.state_dict())
    return other, {**provenance, REBUILD_KEY: {**facts, "settings": asdict(objective.config)}}


def _objective(facts: Mapping[str, Any]) -> Objective:
    method = catalogue.method(str(facts["method"])).load_objective()
    objective = method(read_settings(method.config_type, facts["settings"], "method"))
    for index in range(int(facts["stage"]) + 1):
        objective.begin_stage(index)
    return objective.eval()


def _fill(plugin: Plugin, digests: Mapping[str, str], model: onnx.ModelProto) -> None:
    """Put the graph's constants in the place of the plugin's tensors.

    A tensor that is not in the graph takes no part in the sound: it stays as it was built.
    """
    wanted = {
        (digests[name], tuple(value.shape)): value
        for name, value in plugin.state_dict().items()
        if name in digests and _digest(value) != digests[name]
    }
    sizes = {value.numel() for value in wanted.values()}
    for constant in model.graph.initializer:
        if int(np.prod(constant.dims)) not in sizes:
            continue
        for (digest, shape), value in wanted.items():
            for form in _forms(numpy_helper.to_array(constant), shape):
                if _digest(form) == digest and form.dtype == value.dtype:
                    value.copy_(form)


def _forms(array: np.ndarray[Any, Any], shape: tuple[int, ...]) -> Iterator[Tensor]:
    """A constant in the shape wanted: as it is, and transposed."""
    if array.size == int(np.prod(shape)):
        for form in (array, array.T):
            yield torch.from_numpy(form.reshape(shape).copy())


def _digest(value: Tensor) -> str:
    return hashlib.blake2b(value.detach().cpu().contiguous().numpy().tobytes(), digest_size=8).hexdigest()
