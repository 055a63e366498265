"""Runs the graph of a scripted method with torch's own operators, state from outside.

TorchScript keeps state in the attributes of its modules. Here they are read from a mapping and written into
another one, so that a call is a pure function, which `torch.export` can follow. Decisions that follow from
attributes and sizes are taken as they stand; one that follows from the sound cannot be.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor

from latentfx.errors import ExportError

_DTYPES: Final = {
    0: torch.uint8,
    1: torch.int8,
    2: torch.int16,
    3: torch.int32,
    4: torch.int64,
    5: torch.float16,
    6: torch.float32,
    7: torch.float64,
    11: torch.bool,
    15: torch.bfloat16,
}
# Of numbers, texts and lists. The same names work on tensors, by torch's operators.
_PLAIN: Final[Mapping[str, Callable[..., Any]]] = {
    "aten::add": operator.add,
    "aten::sub": operator.sub,
    "aten::mul": operator.mul,
    "aten::div": operator.truediv,
    "aten::floordiv": operator.floordiv,
    "aten::remainder": operator.mod,
    "aten::pow": operator.pow,
    "aten::neg": operator.neg,
    "aten::eq": operator.eq,
    "aten::ne": operator.ne,
    "aten::lt": operator.lt,
    "aten::le": operator.le,
    "aten::gt": operator.gt,
    "aten::ge": operator.ge,
    "aten::__not__": operator.not_,
    "aten::__and__": operator.and_,
    "aten::__or__": operator.or_,
    "aten::Int": lambda value: value,
    "aten::Float": float,
    "aten::Bool": bool,
    "prim::min": min,
    "prim::max": max,
}
_ANY: Final[Mapping[str, Callable[..., Any]]] = {
    "aten::__is__": operator.is_,
    "aten::__isnot__": operator.is_not,
    "aten::len": len,
    "aten::list": list,
    "aten::__getitem__": operator.getitem,
    "aten::append": lambda items, item: items.append(item) or items,
    "aten::size": lambda value, *axis: value.shape[axis[0]] if axis else list(value.shape),
    "aten::dim": lambda value: value.dim(),
    "aten::warn": lambda *_: None,
    "prim::Print": lambda *_: None,
    "prim::device": lambda value: value.device,
    "prim::dtype": lambda value: value.dtype,
    "prim::unchecked_cast": lambda value: value,
    "prim::NumToTensor": lambda value: value,
    "prim::ListConstruct": lambda *items: list(items),
    "prim::TupleConstruct": lambda *items: items,
    "prim::TupleIndex": operator.getitem,
}
_NUMBERS: Final = ("aten::Int", "aten::Float", "aten::Bool", "aten::item", "aten::ScalarImplicit")
_RANDOM: Final = ("rand", "randn", "bernoulli", "normal", "dropout", "multinomial", "uniform", "randint")


@dataclass(frozen=True)
class _Part:
    """A module inside the file, by its path."""

    path: str


@dataclass
class Attributes:
    """What the modules of a file hold, during one call.

    Args:
        parts: modules of the file by their path; the file itself has the path "".
        state: path of an attribute -> its value in this call; `run` writes the new ones into it.
    """

    parts: Mapping[str, torch.jit.ScriptModule]
    state: dict[str, Tensor] = field(default_factory=dict)

    def get(self, part: _Part, name: str) -> Any:
        """An attribute, or a module inside."""
        path = f"{part.path}.{name}".lstrip(".")
        if path in self.state:
            return self.state[path]
        value = getattr(self.parts[part.path], name)
        return _Part(path) if isinstance(value, torch.jit.ScriptModule) else value

    def set(self, part: _Part, name: str, value: Any) -> None:
        """Write an attribute.

        Raises:
            ExportError: it is no state, and another value than before.
        """
        path = f"{part.path}.{name}".lstrip(".")
        if path in self.state:
            self.state[path] = value
        elif isinstance(value, Tensor) or value != self.get(part, name):
            raise ExportError(f"the model changes {path!r}, which is no tensor with a row for each channel")


def run(method: str, attributes: Attributes, audio: Tensor) -> Tensor:
    """Run one method.

    Args:
        method: such as `encode`.
        attributes: of the file.
        audio: its argument.
    Shape:
        as the method

    Raises:
        ExportError: the graph does something that no other graph can.
    """
    graph = getattr(attributes.parts[""], method).inlined_graph
    this, argument, *rest = graph.inputs()
    if rest:
        raise ExportError(f"{method} takes {len(rest) + 1} arguments; a method of nn~ takes one")
    values: dict[str, Any] = {this.debugName(): _Part(""), argument.debugName(): audio}
    (found,) = _run_block(graph, values, attributes)
    if not isinstance(found, Tensor):
        raise ExportError(f"{method} returns {type(found).__name__}; a method of nn~ returns one tensor")
    return found


def _run_block(block: Any, values: dict[str, Any], attributes: Attributes) -> list[Any]:
    for node in block.nodes():
        inputs = [values[one.debugName()] for one in node.inputs()]
        outputs = list(node.outputs())
        found = _run_node(node, inputs, values, attributes)
        if len(outputs) == 1:
            values[outputs[0].debugName()] = found
        elif outputs:
            for output, value in zip(outputs, found, strict=True):
                values[output.debugName()] = value
    return [values[one.debugName()] for one in block.outputs()]


def _run_node(node: Any, inputs: list[Any], values: dict[str, Any], attributes: Attributes) -> Any:
    kind = node.kind()
    if kind == "prim::Constant":
        return node.output().toIValue()
    if kind == "prim::GetAttr":
        return attributes.get(inputs[0], node.s("name"))
    if kind == "prim::SetAttr":
        return attributes.set(inputs[0], node.s("name"), inputs[1])
    if kind in ("prim::If", "prim::Loop"):
        return (_branch if kind == "prim::If" else _loop)(node, inputs, values, attributes)
    if kind in ("prim::ListUnpack", "prim::TupleUnpack"):
        return inputs[0] if len(list(node.outputs())) > 1 else inputs[0][0]
    if kind in _NUMBERS and _has_tensor(inputs[0]):
        raise ExportError(f"the model decides by the sound what it computes ({kind} of a tensor)")
    if kind in _ANY:
        return _ANY[kind](*inputs)
    if kind in _PLAIN and not any(_has_tensor(one) for one in inputs):
        return _PLAIN[kind](*inputs)
    return _run_operator(node, kind, inputs)


def _branch(node: Any, inputs: list[Any], values: dict[str, Any], attributes: Attributes) -> Any:
    if isinstance(inputs[0], Tensor):
        raise ExportError("the model decides by the sound what it computes (an `if` on a tensor)")
    chosen = list(node.blocks())[0 if inputs[0] else 1]
    return _one_or_all(_run_block(chosen, values, attributes))


def _loop(node: Any, inputs: list[Any], values: dict[str, Any], attributes: Attributes) -> Any:
    (body,) = node.blocks()
    most, goes_on, *carried = inputs
    if isinstance(goes_on, Tensor) or not isinstance(most, int):
        raise ExportError("the model turns in a loop whose length follows from the sound")
    count, *names = [one.debugName() for one in body.inputs()]
    turn = 0
    while goes_on and turn < most:
        values[count] = turn
        values.update(zip(names, carried, strict=True))
        goes_on, *carried = _run_block(body, values, attributes)
        turn += 1
    return _one_or_all(carried)


def _one_or_all(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else found


def _run_operator(node: Any, kind: str, inputs: list[Any]) -> Any:
    """Call torch's operator of the same schema."""
    space, _, name = kind.partition("::")
    if space != "aten":
        raise ExportError(f"the model uses {kind}, which has no counterpart outside TorchScript")
    if name.rstrip("_").split("_")[0] in _RANDOM:
        raise ExportError(f"the model draws random numbers ({kind}); a plugin file gives the same each time")
    schema = torch._C.parse_schema(node.schema())
    packet = getattr(torch.ops.aten, name)
    call = getattr(packet, schema.overload_name or "default")
    arguments = [_typed(one.name, value) for one, value in zip(schema.arguments, inputs, strict=True)]
    places = [value for one, value in zip(schema.arguments, arguments, strict=True) if not one.kwarg_only]
    named = {o.name: v for o, v in zip(schema.arguments, arguments, strict=True) if o.kwarg_only}
    return call(*places, **named)


def _typed(name: str, value: Any) -> Any:
    """TorchScript writes types of numbers, memory formats and layouts as whole numbers."""
    if name == "dtype" and isinstance(value, int):
        return _DTYPES[value]
    if name in ("layout", "memory_format", "pin_memory"):
        return None
    return value


def _has_tensor(value: Any) -> bool:
    items: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
    return any(isinstance(item, Tensor) for item in items)
