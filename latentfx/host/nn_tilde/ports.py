"""What a file for nn~ says of itself: its methods, their channels and ratios, its rate and its attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentfx.errors import PluginFileError

ASSUMED_RATE = 44_100
MIN_RATIO = 512
MOST_LATENTS = 128
_RATES = ("sr", "sampling_rate", "sample_rate")
_RATE_RANGE = (1000, 768_000)

Value = bool | int | float


@dataclass(frozen=True)
class MethodPort:
    """Channels and ratios of one method: one value for so many samples."""

    in_channels: int
    in_ratio: int
    out_channels: int
    out_ratio: int


@dataclass(frozen=True)
class NumberAttribute:
    """An attribute of numbers, which players set.

    Args:
        name: as `set_NAME` has it.
        values: at the start.
    """

    name: str
    values: tuple[Value, ...]

    @property
    def knobs(self) -> tuple[str, ...]:
        """Name of the control of each element."""
        if len(self.values) == 1:
            return (self.name,)
        return tuple(f"{self.name}_{at}" for at in range(len(self.values)))


@dataclass(frozen=True)
class Ports:
    """What can be called, and set.

    Args:
        methods: by name.
        attributes: those of numbers.
        sample_rate: Hz.
        rate_is_read: whether the file says its rate; else it is assumed.
    """

    methods: dict[str, MethodPort]
    attributes: tuple[NumberAttribute, ...]
    sample_rate: int
    rate_is_read: bool

    @property
    def block_size(self) -> int:
        """Samples of one call: the largest ratio, and no less than nn~ calls with."""
        ratios = [ratio for port in self.methods.values() for ratio in (port.in_ratio, port.out_ratio)]
        return max(MIN_RATIO, *ratios)

    @property
    def latent(self) -> tuple[int, int] | None:
        """Dimensions and ratio of the code between `encode` and `decode`; None where none can be turned."""
        first, second = self.methods.get("encode"), self.methods.get("decode")
        if first is None or second is None or first.in_ratio != 1 or second.out_ratio != 1:
            return None
        size, ratio = first.out_channels, first.out_ratio
        fits = (second.in_channels, second.in_ratio) == (size, ratio) and size <= MOST_LATENTS
        return (size, ratio) if fits else None

    def sound(self) -> tuple[int, int]:
        """Channels in and out.

        Raises:
            PluginFileError: nothing here turns audio into audio.
        """
        forward = self.methods.get("forward")
        if forward is not None:
            return forward.in_channels, forward.out_channels
        if self.latent is None:
            raise PluginFileError(
                f"the file turns no audio into audio: its methods are {', '.join(self.methods) or 'none'}; "
                "needed are forward, or encode and decode with one code between them"
            )
        return self.methods["encode"].in_channels, self.methods["decode"].out_channels


def read_ports(module: torch.jit.ScriptModule) -> Ports:
    """Read them. This calls getters of the file.

    Raises:
        PluginFileError: no method that nn~ could call.
    """
    buffers = {name: value for name, value in module.named_buffers() if "." not in name}
    methods = {}
    for name, value in buffers.items():
        method = name.removesuffix("_params")
        if name != method and value.numel() == 4 and module._c._has_method(method):
            methods[method] = MethodPort(*(int(number) for number in value))
    if not methods:
        raise PluginFileError(
            "the file is not for nn~: none of its methods has a tensor NAME_params of four numbers. latentfx "
            "export ... --to nn~ writes one"
        )
    rate = _rate(module)
    return Ports(methods, _attributes(module, buffers, methods), rate or ASSUMED_RATE, rate is not None)


def _rate(module: torch.jit.ScriptModule) -> int | None:
    found: list[Any] = [module.get_sample_rate()] if module._c._has_method("get_sample_rate") else []
    found += [getattr(module, name, None) for name in _RATES]
    for value in found:
        first = value[0] if isinstance(value, tuple | list) and value else value
        if isinstance(first, Tensor) and first.numel() == 1:
            first = first.item()
        if isinstance(first, int | float) and _RATE_RANGE[0] <= first <= _RATE_RANGE[1]:
            return int(first)
    return None


def _attributes(
    module: torch.jit.ScriptModule, buffers: dict[str, Tensor], methods: dict[str, MethodPort]
) -> tuple[NumberAttribute, ...]:
    """Attributes of numbers whose knobs have names of their own."""
    found: list[NumberAttribute] = []
    taken: set[str] = set()
    for name in (buffer.removesuffix("_params") for buffer in buffers if buffer.endswith("_params")):
        can = all(module._c._has_method(f"{verb}_{name}") for verb in ("set", "get"))
        if name in methods or not can or name in ("sample_rate", *_RATES):
            continue
        attribute = NumberAttribute(name, _numbers(getattr(module, f"get_{name}")()))
        if attribute.values and not taken & set(attribute.knobs):
            taken |= set(attribute.knobs)
            found.append(attribute)
    return tuple(found)


def _numbers(value: Any) -> tuple[Value, ...]:
    """The elements of an attribute; none where one of them is no number."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    return values if all(isinstance(one, bool | int | float) for one in values) else ()
