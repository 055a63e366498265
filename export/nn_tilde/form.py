"""What nn~ demands of a file before it makes a sound: ports, attributes, operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from latentfx.host.nn_tilde.ports import MIN_RATIO
from latentfx.testing import Check

from .attributes import FACTS
from .file import MAX_RATIO
from .libtorch import VERSION, unknown_operators

_TYPES = {0: bool, 1: int, 2: float, 3: str}
_BATCHES = (2, 1)  # one row last, as the file is used afterwards


def check_nn_tilde(module: torch.jit.ScriptModule) -> Check:
    """Count what is wrong with a file for nn~, made by us or elsewhere."""
    faults = list(dict.fromkeys([*_operators(module), *_methods(module), *_attributes(module)]))
    return Check("nn~", len(faults), 0, "faults", f"Mend: {'; '.join(faults)}" if faults else "")


def _operators(module: torch.jit.ScriptModule) -> Iterator[str]:
    unknown = unknown_operators(module)
    if unknown:
        yield f"libtorch {VERSION} crashes Max or Pure Data at load, because it lacks {', '.join(unknown)}"


def _methods(module: torch.jit.ScriptModule) -> Iterator[str]:
    methods = _listed(module, "get_methods", _with_params(module, lengths=(4,)))
    if "forward" not in methods:
        yield "there is no method forward, which nn~ falls back to"
    largest = 1
    for name in methods:
        numbers = _params(module, name)
        if len(numbers) != 4 or not hasattr(module, name):
            yield f"method {name} has no {name}_params of four numbers"
            continue
        largest = max(largest, numbers[1], numbers[3])
        for ratio in (numbers[1], numbers[3]):
            if ratio < 1 or ratio & (ratio - 1) or ratio > MAX_RATIO:
                yield f"method {name} has the ratio {ratio}; allowed powers of two up to {MAX_RATIO}"
                break
        else:
            yield from _calls(module, name, numbers)
    if largest < MIN_RATIO:
        yield f"the largest ratio is {largest}: Max takes buffers of one sample below {MIN_RATIO}"


def _calls(module: torch.jit.ScriptModule, name: str, numbers: list[int]) -> Iterator[str]:
    """Call a method as nn~ and mc.nn~ do."""
    n_in, in_ratio, n_out, out_ratio = numbers
    for batch in _BATCHES:
        expected = (batch, n_out, MAX_RATIO // out_ratio)
        try:
            with torch.inference_mode():
                out = getattr(module, name)(torch.zeros(batch, n_in, MAX_RATIO // in_ratio))
        except Exception as error:  # whatever the interpreter says, nn~ gives silence
            reason = str(error).strip().splitlines()[-1]
            yield f"method {name} fails for {batch} rows: {reason}"
            continue
        if not isinstance(out, torch.Tensor) or out.dtype != torch.float32 or tuple(out.shape) != expected:
            found = f"{out.dtype}{tuple(out.shape)}" if isinstance(out, torch.Tensor) else type(out).__name__
            yield f"method {name} gives {found}, not float32{expected}"


def _attributes(module: torch.jit.ScriptModule) -> Iterator[str]:
    for name in _listed(module, "get_attributes", []):
        codes = _params(module, name)
        if name == "none":
            continue
        if not codes or not all(0 <= code <= 5 for code in codes):
            yield f"attribute {name} has no {name}_params of type codes 0 to 5"
        elif not (hasattr(module, f"get_{name}") and hasattr(module, f"set_{name}")):
            yield f"attribute {name} has no get_{name} and set_{name}"
        elif name == "sr":
            yield "attribute sr: the name is nn~'s own"
        elif max(codes) <= 3 and name not in FACTS:
            yield from _round_trip(module, name, codes)


def _round_trip(module: torch.jit.ScriptModule, name: str, codes: list[int]) -> Iterator[str]:
    """Get an attribute and set it to what it is."""
    try:
        values = getattr(module, f"get_{name}")()
        if not isinstance(values, tuple | list) or len(values) != len(codes):
            yield f"get_{name} gives {values!r}, not {len(codes)} values"
            return
        given: list[Any] = [_TYPES[code](value) for code, value in zip(codes, values, strict=True)]
        answer = getattr(module, f"set_{name}")(*given)
    except Exception as error:  # whatever the interpreter says, nn~ prints an error
        yield f"attribute {name} cannot be set to its own value: {str(error).strip().splitlines()[-1]}"
        return
    if not isinstance(answer, int):
        yield f"set_{name} gives {answer!r}; nn~ wants 0 for accepted, another int for refused"


def _listed(module: torch.jit.ScriptModule, getter: str, otherwise: list[str]) -> list[str]:
    return [str(name) for name in getattr(module, getter)()] if hasattr(module, getter) else otherwise


def _with_params(module: torch.jit.ScriptModule, lengths: tuple[int, ...]) -> list[str]:
    return [
        name.removesuffix("_params")
        for name, value in module.named_buffers()
        if name.endswith("_params") and "." not in name and value.numel() in lengths
    ]


def _params(module: torch.jit.ScriptModule, name: str) -> list[int]:
    value = getattr(module, f"{name}_params", None)
    return [int(number) for number in value.flatten()] if isinstance(value, torch.Tensor) else []
