"""The JSON inside a plugin file: spec, state, provenance and report, written and read in one place.

A plugin file is one `.onnx` graph of one step. Its inputs are `audio` [B, C_in, block], `controls` [B, P] and
one `state_NAME` [B, ...] per state tensor; its outputs are `audio_out` [B, C_out, block] and
`state_NAME_out`. B is dynamic. An initializer `plugin.NAME` is the weight NAME of the torch plugin's
`state_dict`. The metadata holds one entry, `latentfx`, with this JSON.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentfx.arrays import Float32
from latentfx.control import Control
from latentfx.errors import LatentFXError, PluginFileError
from latentfx.host.code_map import CodeMap, dump_maps, load_maps
from latentfx.names import shown
from latentfx.spec import Blend, PluginSpec, Reference
from latentfx.strict_json import read_json

SCHEMA = 1
METADATA_KEY = "latentfx"
REBUILD_KEY = "rebuild"  # in the provenance: how the model is built again in torch; nothing for people
MAX_METADATA_BYTES = 4 << 20
MAX_STATE_VALUES = 1 << 22
MAX_CONTROLS = 512


@dataclass(frozen=True)
class Metadata:
    """Everything a plugin file says beside its graph.

    Args:
        spec: what hosts must know.
        state: name -> value of one batch row at the start of a stream.
        provenance: method, paper, training data and its licence, versions, date.
        report: what validation found when the file was written.
        maps: name of a blend -> the plane in which its labels lie.
    Shape:
        each state value [...], float32, without the batch
    """

    spec: PluginSpec
    state: Mapping[str, Float32]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, CodeMap] = field(default_factory=dict)


def dump_metadata(metadata: Metadata) -> str:
    """Write metadata as JSON."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "spec": dataclasses.asdict(metadata.spec),
            "state": {name: _dump_array(value) for name, value in metadata.state.items()},
            "provenance": dict(metadata.provenance),
            "report": dict(metadata.report),
            **({"maps": dump_maps(metadata.maps)} if metadata.maps else {}),
        },
        allow_nan=False,
    )


def load_metadata(text: str) -> Metadata:
    """Read metadata from JSON, trusting none of it.

    Raises:
        PluginFileError: not JSON, another schema version, or a field that is missing or makes no sense.
    """
    if len(text) > MAX_METADATA_BYTES:
        raise PluginFileError(f"plugin metadata has {len(text)} bytes; allowed {MAX_METADATA_BYTES}")
    try:
        raw = _shown(read_json(text))
    except ValueError as error:
        raise PluginFileError(f"plugin metadata is not JSON as we read it: {shown(error, 200)}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise PluginFileError(
            f"plugin file has the schema {found!r}; this latentfx reads {SCHEMA}. "
            "Export the plugin again, or install the latentfx that wrote it"
        )
    try:
        spec = _load_spec(raw["spec"])
        return Metadata(
            spec=spec,
            state={str(name): _load_array(value) for name, value in raw["state"].items()},
            provenance=dict(raw.get("provenance", {})),
            report=dict(raw.get("report", {})),
            maps=load_maps(raw.get("maps", {}), spec),
        )
    except LatentFXError as error:
        raise PluginFileError(f"plugin metadata is wrong: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PluginFileError(f"plugin metadata is wrong: {type(error).__name__} {error}") from None


def _shown(value: Any, as_is: bool = False) -> Any:
    """The same with texts that a terminal can show; what only programs read is left as it is."""
    if isinstance(value, str):
        return value if as_is else shown(value)
    if isinstance(value, list):
        return [_shown(one, as_is) for one in value]
    if isinstance(value, dict):
        programs = ("base64", REBUILD_KEY)
        return {shown(key): _shown(one, as_is or key in programs) for key, one in value.items()}
    return value


def _load_spec(raw: dict[str, Any]) -> PluginSpec:
    if len(raw["controls"]) > MAX_CONTROLS or len(raw["blends"]) > MAX_CONTROLS:
        raise PluginFileError(
            f"it has {len(raw['controls'])} controls and {len(raw['blends'])} blends; allowed {MAX_CONTROLS}"
        )
    return PluginSpec(
        **{
            **raw,
            "name": str(raw["name"]),
            "controls": tuple(Control(**control) for control in raw["controls"]),
            "blends": tuple(_load_blend(blend) for blend in raw["blends"]),
        }
    )


def _load_blend(raw: dict[str, Any]) -> Blend:
    reference = raw.get("reference")
    choices = {str(label): str(control) for label, control in raw["choices"].items()}
    return Blend(
        **{**raw, "choices": choices, "reference": None if reference is None else Reference(**reference)}
    )


def _dump_array(value: Float32) -> dict[str, Any]:
    """Write an array; one number where it is constant, else base64 of little-endian float32."""
    array = np.asarray(value, dtype="<f4")
    if array.size and np.all(array == array.flat[0]) and np.isfinite(array.flat[0]):
        return {"shape": list(array.shape), "fill": float(array.flat[0])}
    return {"shape": list(array.shape), "base64": base64.b64encode(array.tobytes()).decode()}


def _load_array(raw: dict[str, Any]) -> Float32:
    shape = tuple(int(size) for size in raw["shape"])
    if any(size < 0 for size in shape) or np.prod(shape, dtype=np.float64) > MAX_STATE_VALUES:
        raise PluginFileError(f"a state of shape {shape} is too large; allowed {MAX_STATE_VALUES} values")
    if "fill" in raw:
        return np.full(shape, float(raw["fill"]), dtype=np.float32)
    data = base64.b64decode(raw["base64"], validate=True)
    return np.frombuffer(data, dtype="<f4").reshape(shape).astype(np.float32)
