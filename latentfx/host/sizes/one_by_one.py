"""Operators that work value by value: the output is as large as the inputs are together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latentfx.host.model.fields import DataType
from latentfx.host.sizes.known import INTEGERS, Call, Known, Values, of_values

Rule = Callable[[Call], list[Known]]

_SAME: Final = [
    "Abs",
    "Neg",
    "Sign",
    "Ceil",
    "Floor",
    "Round",
    "Sqrt",
    "Reciprocal",
    "Exp",
    "Log",
    "Erf",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Tanh",
    "Asinh",
    "Acosh",
    "Atanh",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Relu",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Celu",
    "ThresholdedRelu",
    "Softplus",
    "Softsign",
    "Gelu",
    "Mish",
    "Shrink",
    "Softmax",
    "LogSoftmax",
    "Hardmax",
    "Clip",
    "Identity",
    "LpNormalization",
    "BitwiseNot",
    "InstanceNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "Swish",
]
_ARITHMETIC: Final = [
    "Add",
    "Sub",
    "Mul",
    "Pow",
    "Max",
    "Min",
    "Sum",
    "Mean",
    "PRelu",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "BitShift",
]
_LOGIC: Final = ["And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]
_TESTS: Final = ["Not", "IsNaN", "IsInf"]


def _choose(which: Values, first: Values, second: Values) -> Values:
    return np.where(which != 0, first, second)


_EVALUATED: Final[Mapping[str, Callable[..., NDArray[Any]]]] = {
    "Identity": lambda x: x,
    "Abs": np.abs,
    "Neg": np.negative,
    "Sign": np.sign,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Max": lambda *x: reduce(np.maximum, x),
    "Min": lambda *x: reduce(np.minimum, x),
    "And": np.logical_and,
    "Or": np.logical_or,
    "Not": np.logical_not,
    "Equal": np.equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Where": _choose,
}
_SMALL: Final = 1 << 31


def _followed(call: Call, result: Known) -> list[Known]:
    """The result with its values, where those of every input are known and small."""
    act = _EVALUATED.get(call.operator)
    values = [known.values for known in call.inputs if known is not None and known.values is not None]
    if act is None or len(values) != len(call.inputs):
        return [result]
    if call.operator == "Mul" and any(value.size and np.abs(value).max() >= _SMALL for value in values):
        return [result]
    moved = call.operator in ("Identity", "Where")
    if not moved and any(
        value.size and (value.max() > 1 << 62 or value.min() < -(1 << 62)) for value in values
    ):
        return [result]
    return [of_values(result.element, act(*values), moved)]


def _same(call: Call) -> list[Known]:
    taken = call.input()
    return _followed(call, call.made(taken.element, taken.shape))


def _combined(call: Call) -> list[Known]:
    shape = call.broadcast(*(call.input(index).shape for index in range(max(len(call.inputs), 1))))
    return _followed(call, call.made(call.input().element, shape))


def _logic(call: Call) -> list[Known]:
    shape = call.broadcast(call.input(0).shape, call.input(1).shape)
    return _followed(call, call.made(DataType.BOOL, shape))


def _test(call: Call) -> list[Known]:
    return _followed(call, call.made(DataType.BOOL, call.input().shape))


def _where(call: Call) -> list[Known]:
    shape = call.broadcast(*(call.input(index).shape for index in range(3)))
    return _followed(call, call.made(call.input(1).element, shape))


def _divide(call: Call) -> list[Known]:
    """Div and Mod. Whole numbers are divided by what is known, and is above 0: else the processor faults."""
    taken, by = call.input(0), call.input(1)
    result = call.made(taken.element, call.broadcast(taken.shape, by.shape))
    if taken.element not in INTEGERS:
        return [result]
    if by.values is None or (by.values.size and by.values.min() < 1):
        raise call.refuse("whole numbers are divided by values that are not known to be above 0")
    if taken.values is None or (call.operator == "Mod" and call.integer("fmod", 0)):
        return [result]
    floor = taken.values // by.values
    if call.operator == "Mod":
        return [of_values(taken.element, taken.values - floor * by.values)]
    toward_zero = floor + ((taken.values < 0) & (floor * by.values != taken.values))
    return [of_values(taken.element, toward_zero)]


def _cast(call: Call) -> list[Known]:
    taken, element = call.input(), call.integer("to", 0)
    result = call.made(element, taken.shape)
    if taken.values is None:
        return [result]
    if element == DataType.BOOL:
        return [of_values(element, taken.values != 0)]
    return [of_values(element, taken.values, moved=element == taken.element)]


def _cast_like(call: Call) -> list[Known]:
    return [call.made(call.input(1).element, call.input().shape)]


def _dropout(call: Call) -> list[Known]:
    taken = call.input()
    return [call.made(taken.element, taken.shape), call.made(DataType.BOOL, taken.shape)]


def _normalize(call: Call) -> list[Known]:
    """LayerNormalization: the output, and the mean and the deviation over the axes from `axis` on."""
    taken = call.input()
    axis = call.axis(call.integer("axis", -1), len(taken.shape))
    kept = taken.shape[:axis] + (1,) * (len(taken.shape) - axis)
    return [call.made(taken.element, taken.shape), *(call.made(taken.element, kept) for _ in range(2))]


def _batch_normalize(call: Call) -> list[Known]:
    if call.integer("training_mode", 0):
        raise call.refuse("it trains; allowed is what is trained")
    taken = call.input()
    return [call.made(taken.element, taken.shape)]


RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_ARITHMETIC, _combined),
    **dict.fromkeys(_LOGIC, _logic),
    **dict.fromkeys(_TESTS, _test),
    "Where": _where,
    "Div": _divide,
    "Mod": _divide,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Dropout": _dropout,
    "LayerNormalization": _normalize,
    "BatchNormalization": _batch_normalize,
}
