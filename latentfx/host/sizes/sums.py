"""Operators that sum over values: products of matrices, filters, pools, reductions, recurrent networks."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Final

import numpy as np

from latentfx.host.model.fields import DataType
from latentfx.host.sizes.known import INTEGERS, LARGEST_FOLLOWED, Call, Known, Shape, of_values
from latentfx.host.sizes.one_by_one import Rule

_REDUCTIONS: Final = [
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
]
_GATES: Final = {"RNN": 1, "GRU": 3, "LSTM": 4}


def _matmul(call: Call) -> list[Known]:
    left, right = call.input(0), call.input(1)
    a = left.shape if len(left.shape) > 1 else (1, *left.shape)
    b = right.shape if len(right.shape) > 1 else (*right.shape, 1)
    if not left.shape or not right.shape or a[-1] != b[-2]:
        raise call.refuse(f"the shapes {list(left.shape)} and {list(right.shape)} do not fit")
    batch = call.broadcast(a[:-2], b[:-2])
    rows = (a[-2],) if len(left.shape) > 1 else ()
    columns = (b[-1],) if len(right.shape) > 1 else ()
    call.work = 2 * prod(batch) * a[-2] * a[-1] * b[-1]
    call.scratch_bytes = right.size_bytes
    return [call.made(left.element, (*batch, *rows, *columns))]


def _gemm(call: Call) -> list[Known]:
    a, b = call.input(0), call.input(1)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise call.refuse(f"the shapes {list(a.shape)} and {list(b.shape)} are no matrices")
    rows, inner = a.shape[::-1] if call.integer("transA", 0) else a.shape
    again, columns = b.shape[::-1] if call.integer("transB", 0) else b.shape
    if inner != again:
        raise call.refuse(f"the shapes {list(a.shape)} and {list(b.shape)} do not fit")
    call.work = 2 * rows * inner * columns
    call.scratch_bytes = b.size_bytes
    return [call.made(a.element, (rows, columns))]


def _einsum(call: Call) -> list[Known]:
    """A sum of products; what lies between is taken as large as every label together."""
    equation = call.text("equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if not arrow or "." in equation or len(terms) != len(call.inputs):
        raise call.refuse(f"its equation is {equation!r}; allowed is one like bij,bjk->bik")
    sizes: dict[str, int] = {}
    for index, term in enumerate(terms):
        shape = call.input(index).shape
        if len(term) != len(shape) or any(
            sizes.setdefault(k, n) != n for k, n in zip(term, shape, strict=True)
        ):
            raise call.refuse(f"the equation {equation!r} does not fit the shapes of its inputs")
    if not set(right) <= sizes.keys():
        raise call.refuse(f"the equation {equation!r} makes axes that no input has")
    every = prod(sizes.values())
    call.work = 2 * every * len(terms)
    call.scratch_bytes = 4 * every if len(terms) > 2 else 0
    return [call.made(call.input().element, tuple(sizes[label] for label in right))]


def _window(call: Call, axes: int, kernel: Shape) -> tuple[Shape, Shape, Shape, Shape]:
    """Strides, dilations and pads (before, after) of a filter or a pool."""
    if call.text("auto_pad", "NOTSET") != "NOTSET":
        raise call.refuse("auto_pad is set; allowed are pads as numbers")
    strides = call.integers("strides") or (1,) * axes
    dilations = call.integers("dilations") or (1,) * axes
    pads = call.integers("pads") or (0,) * (2 * axes)
    if not len(strides) == len(dilations) == len(kernel) == axes or len(pads) != 2 * axes:
        raise call.refuse(f"its kernel, strides, dilations and pads do not fit {axes} axes")
    if min(*strides, *dilations, *kernel, 1) < 1 or min(pads, default=0) < 0:
        raise call.refuse("its kernel, strides and dilations must be 1 or more, and its pads 0 or more")
    return strides, dilations, pads[:axes], pads[axes:]


def _lengths(call: Call, sizes: Shape, kernel: Shape, ceil: bool = False) -> Shape:
    """How often a kernel fits on each axis."""
    strides, dilations, before, after = _window(call, len(sizes), kernel)
    found = []
    for size, k, stride, step, head, tail in zip(
        sizes, kernel, strides, dilations, before, after, strict=True
    ):
        room = size + head + tail - ((k - 1) * step + 1)
        if room < 0:
            raise call.refuse(f"a kernel of {k} does not fit an axis of {size}")
        steps = -(-room // stride) if ceil else room // stride
        if ceil and steps * stride >= size + head:
            steps -= 1  # a window that begins behind the sound is left out
        found.append(steps + 1)
    return tuple(found)


def _filter(call: Call) -> tuple[Known, Known, int]:
    """Input, weights and groups of a filter, after a look at their axes."""
    taken, weights, groups = call.input(0), call.input(1), call.integer("group", 1)
    kernel = call.integers("kernel_shape") or weights.shape[2:]
    fits = len(taken.shape) == len(weights.shape) > 2 and kernel == weights.shape[2:] and groups > 0
    if not fits or taken.shape[1] % groups or weights.shape[0] % groups:
        raise call.refuse(
            f"weights of {list(weights.shape)} do not fit {list(taken.shape)} in {groups} groups"
        )
    return taken, weights, groups


def _conv(call: Call) -> list[Known]:
    taken, weights, groups = _filter(call)
    if weights.shape[1] != taken.shape[1] // groups:
        raise call.refuse(f"weights of {list(weights.shape)} do not fit {list(taken.shape)}")
    lengths = _lengths(call, taken.shape[2:], weights.shape[2:])
    made = call.made(taken.element, (taken.shape[0], weights.shape[0], *lengths))
    call.work = 2 * made.count * prod(weights.shape[1:])
    call.scratch_bytes = 4 * taken.shape[1] * prod(weights.shape[2:]) * prod(lengths)
    return [made]


def _conv_transpose(call: Call) -> list[Known]:
    taken, weights, groups = _filter(call)
    if call.integers("output_shape") is not None or weights.shape[0] != taken.shape[1]:
        raise call.refuse("it names its output's shape, or weights that do not fit")
    axes = len(taken.shape) - 2
    strides, dilations, before, after = _window(call, axes, weights.shape[2:])
    more = call.integers("output_padding") or (0,) * axes
    if len(more) != axes or min(more) < 0:
        raise call.refuse(f"its output_padding is {more}")
    sizes = zip(taken.shape[2:], weights.shape[2:], strides, dilations, before, after, more, strict=True)
    lengths = tuple((n - 1) * s + (k - 1) * d + 1 - a - b + m for n, k, s, d, a, b, m in sizes)
    made = call.made(taken.element, (taken.shape[0], weights.shape[1] * groups, *lengths))
    columns = prod(weights.shape[1:]) * groups * prod(taken.shape[2:])
    call.work = 2 * taken.shape[0] * (taken.shape[1] // groups) * columns
    call.scratch_bytes = 4 * columns
    return [made]


def _pool(call: Call) -> list[Known]:
    taken, kernel = call.input(), call.integers("kernel_shape") or ()
    if len(taken.shape) < 3:
        raise call.refuse(f"it takes a pool of the shape {list(taken.shape)}")
    lengths = _lengths(call, taken.shape[2:], kernel, bool(call.integer("ceil_mode", 0)))
    made = call.made(taken.element, (*taken.shape[:2], *lengths))
    call.work = made.count * prod(kernel)
    return [made, call.made(DataType.INT64, made.shape)] if call.operator == "MaxPool" else [made]


def _global_pool(call: Call) -> list[Known]:
    taken = call.input()
    return [call.made(taken.element, (*taken.shape[:2], *(1 for _ in taken.shape[2:])))]


def _overlap_add(call: Call) -> list[Known]:
    """Col2Im."""
    taken, image, kernel = call.input(), tuple(call.numbers(1)), tuple(call.numbers(2))
    if len(taken.shape) != 3 or len(kernel) != len(image) or min(kernel, default=0) < 1:
        raise call.refuse(f"blocks of {list(kernel)} do not fit an image of {list(image)}")
    count = prod(_lengths(call, image, kernel))
    if taken.shape[1] % prod(kernel) or taken.shape[2] != count:
        raise call.refuse(f"{count} blocks of {list(kernel)} do not fit {list(taken.shape)}")
    return [call.made(taken.element, (taken.shape[0], taken.shape[1] // prod(kernel), *image))]


def _reduce(call: Call) -> list[Known]:
    taken = call.input()
    total = len(taken.shape)
    named = call.numbers(1) if call.given(1) is not None else []
    if not named and call.integer("noop_with_empty_axes", 0):
        return [call.made(taken.element, taken.shape)]
    axes = {call.axis(axis, total) for axis in named} if named else set(range(total))
    if any(taken.shape[axis] == 0 for axis in axes):
        raise call.refuse("it reduces an axis that has no values")
    keep = call.integer("keepdims", 1)
    shape = tuple(1 if at in axes else n for at, n in enumerate(taken.shape) if keep or at not in axes)
    if taken.values is not None and taken.element in INTEGERS and call.operator == "ReduceProd":
        largest = np.prod(np.maximum(np.abs(taken.values.astype(np.float64)), 1.0))
        if largest < LARGEST_FOLLOWED:
            return [of_values(taken.element, taken.values.prod(axis=tuple(axes)).reshape(shape))]
    return [call.made(taken.element, shape)]


def _largest(call: Call) -> list[Known]:
    """ArgMax and ArgMin."""
    shape = call.input().shape
    axis = call.axis(call.integer("axis", 0), len(shape))
    if shape[axis] == 0:
        raise call.refuse("it looks for the largest of no values")
    kept = (1,) if call.integer("keepdims", 1) else ()
    return [call.made(DataType.INT64, (*shape[:axis], *kept, *shape[axis + 1 :]))]


def _top(call: Call) -> list[Known]:
    taken, count = call.input(), call.number(1)
    axis = call.axis(call.integer("axis", -1), len(taken.shape))
    if not 0 <= count <= taken.shape[axis]:
        raise call.refuse(f"it takes the {count} largest of {taken.shape[axis]}")
    shape = (*taken.shape[:axis], count, *taken.shape[axis + 1 :])
    call.work = 64 * taken.count
    return [call.made(taken.element, shape), call.made(DataType.INT64, shape)]


def _recurrent(call: Call) -> list[Known]:
    """RNN, GRU and LSTM: steps, directions, rows, hidden."""
    taken, weights, hidden = call.input(0), call.input(1), call.integer("hidden_size", 0)
    directions = 2 if call.text("direction", "forward") == "bidirectional" else 1
    gates = _GATES[call.operator]
    if call.integer("layout", 0) or len(taken.shape) != 3 or call.given(4) is not None:
        raise call.refuse("its layout is not [steps, rows, values], or its rows have lengths of their own")
    if hidden < 1 or weights.shape != (directions, gates * hidden, taken.shape[2]):
        raise call.refuse(f"weights of {list(weights.shape)} do not fit {hidden} hidden values")
    steps, rows, width = taken.shape
    call.work = 2 * steps * rows * directions * gates * hidden * (width + hidden)
    call.scratch_bytes = 4 * steps * rows * directions * gates * hidden * 2
    last = call.made(taken.element, (directions, rows, hidden))
    return [call.made(taken.element, (steps, directions, rows, hidden)), last, last]


def _fourier(call: Call) -> list[Known]:
    """DFT: the last axis holds the real and the imaginary part."""
    taken = call.input()
    total = len(taken.shape)
    default = call.integer("axis", 1) if call.operator_set < 20 else -2
    axis = call.axis(call.number(2) if call.given(2) is not None else default, total)
    size = call.number(1) if call.given(1) is not None else taken.shape[axis]
    if total < 2 or axis == total - 1 or size < 1:
        raise call.refuse(f"it transforms {size} values along the axis {axis} of {list(taken.shape)}")
    bins = size // 2 + 1 if call.integer("onesided", 0) else size
    made = call.made(taken.element, (*taken.shape[:axis], bins, *taken.shape[axis + 1 : -1], 2))
    call.work = 64 * prod(taken.shape[:-1]) // max(taken.shape[axis], 1) * size * size.bit_length()
    call.scratch_bytes = 128 * size
    return [made]


RULES: Final[Mapping[str, Rule]] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _global_pool),
    "Col2Im": _overlap_add,
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(("ArgMax", "ArgMin"), _largest),
    "TopK": _top,
    **dict.fromkeys(_GATES, _recurrent),
    "DFT": _fourier,
}
