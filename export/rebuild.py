"""From a plugin file back to torch, so that the file of one host becomes that of another.

The file says how its model is built. The weights are the initializers of its graph that bear their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from latentfx.errors import ExportError, LatentFXError, TrustError
from latentfx.host.door import admit
from latentfx.host.graph import Graph
from latentfx.host.model.model import ParsedModel, read_model
from latentfx.host.plugin_file import REBUILD_KEY
from latentfx.plugin import Plugin
from latentfx.testing import verify_parity
from latentfx.training import catalogue
from latentfx.training.recipes.config import OPTIONAL
from latentfx.training.runs.checkpoint import build_objective

from .builders.builder import builder_of, set_latency
from .onnx import weight_names

_ELSEWHERE = "Give `latentfx export` the model's run folder or checkpoint instead"


def rebuild_facts(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a plugin file keeps for `rebuild_plugin`: how its model is built, from the checkpoint's card."""
    recipe = card["recipe"]
    return {
        "method": str(recipe["method"]["name"]),
        "settings": card["method_config"],
        "stage": int(card["stage_index"]),
        **{section: recipe[section] for section in OPTIONAL if recipe.get(section)},
    }


def rebuild_plugin(
    path: Path,
    name: str | None = None,
    default: str | None = None,
    latency: int | None = None,
    trust: bool = False,
    renew: bool = False,
) -> tuple[Plugin, dict[str, Any]]:
    """Build the torch plugin of an `.onnx` file that `latentfx export` wrote.

    The plugin is compared with the graph: it comes back only if both give the same sound, or if the weights
    of a file by an earlier latentfx shall play with the code of this one.

    Args:
        path: the file.
        name: of the plugin; the file's own unless given.
        default: what its operator is set to at start; as in the file unless given.
        latency: samples, where the method has a choice; as in the file unless given.
        trust: whether code outside the catalogue may run, if the file names some; it lies beside the file.
            Then the operators and sizes of the file may be any, too.
        renew: whether the plugin may sound otherwise than the file does.
    Returns:
        The plugin, and its provenance.
    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: damaged, hostile or no plugin.
        ExportError: the file does not hold its model, or the model does not sound like the file.
        TrustError: the file names code outside the catalogue, and `trust` is not set.
    """
    data, trusted = admit(path, trust)
    graph = Graph(data, trust=trusted)
    spec, provenance = graph.metadata.spec, dict(graph.metadata.provenance)
    facts = _facts(path, provenance)
    default = default or (spec.blends[0].default if spec.blends else None)
    try:
        method = catalogue.of_plugin_file(facts, path.parent, trust)
        builder = builder_of(method)
        objective = build_objective(method.load_objective(), facts["settings"], facts["stage"]).eval()
        builder.as_if_trained(objective)
        plugin = builder.build(objective, name or spec.name, default)
        _fill(plugin, read_model(data))
        if not renew:
            verify_parity(plugin, graph.session, torchscript=False)
    except TrustError:
        raise
    except (LatentFXError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise ExportError(f"the model of {path} cannot be built: {error}. {_ELSEWHERE}") from None
    if latency is None:
        return plugin, provenance
    set_latency(objective, method, latency)
    other = builder.build(objective, name or spec.name, default)
    other.load_state_dict(plugin.state_dict())
    return other, {**provenance, REBUILD_KEY: {**facts, "settings": asdict(objective.config)}}


def _facts(path: Path, provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the model is built.

    Raises:
        ExportError: the file does not say it, or an earlier latentfx wrote it.
    """
    facts = provenance.get(REBUILD_KEY)
    if not isinstance(facts, Mapping) or not isinstance(facts.get("method"), str):
        raise ExportError(f"{path} does not say how its model is built in torch. {_ELSEWHERE}")
    if "tensors" in facts:
        raise ExportError(
            f"{path} is from an earlier latentfx, which did not name the weights in it. It plays, but its "
            f"model cannot be read back. {_ELSEWHERE}"
        )
    return facts


def _fill(plugin: Plugin, model: ParsedModel) -> None:
    """Copy the weights of a graph into a plugin, by name. Weights without a part in the sound are not in it.

    Raises:
        ValueError: a weight of another shape or type.
    """
    stored = {constant.name: constant for constant in model.graph.tensors}
    names = weight_names(plugin)
    for name, weight in plugin.state_dict().items():
        if names[name] not in stored:
            continue
        found = torch.from_numpy(stored[names[name]].values().copy())
        if (found.shape, found.dtype) != (weight.shape, weight.dtype):
            raise ValueError(
                f"weight {name} is {found.dtype}{tuple(found.shape)} in the file; "
                f"the model needs {weight.dtype}{tuple(weight.shape)}"
            )
        weight.copy_(found)
