"""What a scripted module remembers: kept once, and put back without a new copy of its weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor


class ModuleMemory:
    """The tensors and values of a module as they are now, its weights apart.

    Registered buffers, other tensors, numbers and lists all count: a model may keep its state in any of them.

    Args:
        module: a scripted module.
    """

    def __init__(self, module: torch.jit.ScriptModule) -> None:
        self._module = module
        parts = dict(module.named_modules(remove_duplicate=False))
        self._kept = {
            (path, name): _copied(getattr(part, name))
            for path, part in parts.items()
            for name in _names(part)
            if hasattr(part, name)
        }
        self._parts = parts

    def values(self) -> dict[str, Any]:
        """Everything by its path in the file."""
        return {f"{path}.{name}".lstrip("."): value for (path, name), value in self._kept.items()}

    def restore(self) -> None:
        """Put everything back."""
        for (path, name), value in self._kept.items():
            setattr(self._parts[path], name, _copied(value))


def twin_of(module: torch.jit.ScriptModule) -> torch.jit.ScriptModule:
    """A second module with a memory of its own and the same weights, which both hold once."""
    with torch.inference_mode(False):
        twin = copy.deepcopy(module)
        for copied, weight in zip(twin.parameters(), module.parameters(), strict=True):
            copied.data = weight.data
    return twin


def _names(part: Any) -> list[str]:
    """Names of what one module holds, without its weights and its parts."""
    kind: Any = torch._C.ConcreteModuleType.from_jit_type(part._c._type())
    held = kind.get_attributes()
    return [name for name, (_, is_weight) in held.items() if not is_weight and name != "training"]


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
