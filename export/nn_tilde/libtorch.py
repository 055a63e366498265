"""The operators that the libtorch inside nn~ knows. A file that uses another crashes Max or Pure Data.

The list holds every operator schema of libtorch 2.5.1, which nn~ 1.6 is built with, in the namespaces
aten, prim, quantized and sparse.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterator
from importlib import resources
from typing import Any

import torch

VERSION = "2.5.1"
_LIST = f"libtorch-{VERSION}-operators.txt.gz"


@functools.cache
def known_operators() -> dict[str, str]:
    """Every operator of that libtorch: `aten::add.Tensor` -> its schema."""
    data = resources.files(__package__).joinpath(_LIST).read_bytes()
    lines = gzip.decompress(data).decode().splitlines()
    return {line.partition("(")[0]: line for line in lines}


def unknown_operators(module: torch.jit.ScriptModule) -> list[str]:
    """Operators of a scripted module that the libtorch inside nn~ lacks, or has with other arguments.

    Every method of every submodule is read, with the branches that are never taken: libtorch parses all of
    them when it loads the file.
    """
    found = {_fault(node) for graph in _graphs(module) for node in _nodes(graph)}
    return sorted(fault for fault in found if fault)


def _graphs(module: torch.jit.ScriptModule) -> Iterator[Any]:
    for part in module.modules():
        inner: Any = part._c
        for name in inner._method_names():
            yield inner._get_method(name).inlined_graph


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _fault(node: Any) -> str:
    """Why a node cannot be loaded; empty where it can."""
    text = str(node.schema())
    name = text.partition("(")[0]
    if "::" not in name:  # the language itself: if, loops, constants, lists
        return ""
    known = known_operators()
    if name not in known:
        return name
    return "" if known[name] == text or _fits(node, text, known[name]) else f"{name} with other arguments"


def _fits(node: Any, written: str, known: str) -> bool:
    """Whether a call of a newer schema is one of the older: every added argument has its default value."""
    new, old = torch._C.parse_schema(written), torch._C.parse_schema(known)
    count = len(old.arguments)
    if [_key(argument) for argument in new.arguments[:count]] != [_key(a) for a in old.arguments]:
        return False
    if len(new.returns) != len(old.returns):
        return False
    added = zip(new.arguments[count:], list(node.inputs())[count:], strict=True)
    return all(argument.has_default_value() and _is(value, argument) for argument, value in added)


def _key(argument: Any) -> tuple[str, str, bool]:
    return argument.name, str(argument.type), argument.kwarg_only


def _is(value: Any, argument: Any) -> bool:
    return bool(value.node().kind() == "prim::Constant" and value.toIValue() == argument.default_value)
