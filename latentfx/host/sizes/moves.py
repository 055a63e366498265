"""Operators that move values about: the shape of the output follows from shapes, constants and the block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Final

import numpy as np

from latentfx.host.model.fields import AttributeType, DataType
from latentfx.host.model.model import Tensor
from latentfx.host.sizes.known import MOST_FOLLOWED, Call, Known, Shape, Values, of_constant, of_values
from latentfx.host.sizes.one_by_one import Rule

_FAR: Final = 1 << 31


def _with(call: Call, shape: Shape, values: Values | None) -> list[Known]:
    """The input in another shape; `values` are its values there, where they are known."""
    element = call.input().element
    if values is not None:
        return [of_values(element, values.reshape(shape), moved=True)]
    return [call.made(element, shape)]


def _shape(call: Call) -> list[Known]:
    shape = call.input().shape
    start, end = call.integer("start", 0), call.integer("end", len(shape))
    return [of_values(DataType.INT64, np.array(shape, np.int64)[start:end])]


def _size(call: Call) -> list[Known]:
    return [of_values(DataType.INT64, np.array(call.input().count, np.int64))]


def _constant(call: Call) -> list[Known]:
    for name, attribute in call.node.attributes.items():
        if name == "value" and isinstance(attribute.value, Tensor):
            return [of_constant(attribute.value)]
        if name == "value_int" and attribute.type == AttributeType.INT:
            return [of_values(DataType.INT64, np.array(attribute.value, np.int64), moved=True)]
        if name == "value_ints" and attribute.type == AttributeType.INTS:
            return [of_values(DataType.INT64, np.array(attribute.value, np.int64), moved=True)]
        if name == "value_float":
            return [call.made(DataType.FLOAT, ())]
        if name == "value_floats":
            return [call.made(DataType.FLOAT, (len(attribute.value),))]
    raise call.refuse("it holds no number and no tensor")


def _constant_of_shape(call: Call) -> list[Known]:
    value = call.attribute("value")
    filling = of_constant(value) if isinstance(value, Tensor) else Known(DataType.FLOAT, (1,))
    made = call.made(filling.element, tuple(call.numbers(0)))
    if filling.values is None or made.count > MOST_FOLLOWED:
        return [made]
    return [of_values(made.element, np.full(made.shape, filling.values.reshape(-1)[0]), moved=True)]


def _reshape(call: Call) -> list[Known]:
    taken, wanted = call.input(), call.numbers(1)
    if not call.integer("allowzero", 0):
        if any(size == 0 and at >= len(taken.shape) for at, size in enumerate(wanted)):
            raise call.refuse(f"the shape {wanted} keeps axes that {list(taken.shape)} has not")
        wanted = [taken.shape[at] if size == 0 else size for at, size in enumerate(wanted)]
    free = [at for at, size in enumerate(wanted) if size == -1]
    rest = prod(size for size in wanted if size != -1)
    if len(free) == 1 and rest > 0 and taken.count % rest == 0:
        wanted[free[0]] = taken.count // rest
    if prod(wanted) != taken.count or any(size < 0 for size in wanted):
        raise call.refuse(f"{list(taken.shape)} cannot take the shape {wanted}")
    return _with(call, call.made(taken.element, tuple(wanted)).shape, taken.values)


def _flatten(call: Call) -> list[Known]:
    shape, axis = call.input().shape, call.integer("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    if not 0 <= axis <= len(shape):
        raise call.refuse(f"it has no axis {axis} among {len(shape)}")
    return _with(call, (prod(shape[:axis]), prod(shape[axis:])), call.input().values)


def _axes(call: Call, index: int, total: int) -> list[int]:
    """Axes that an input names, from the start and sorted."""
    axes = sorted(call.axis(axis, total) for axis in call.numbers(index))
    if len(set(axes)) != len(axes):
        raise call.refuse(f"it names an axis twice: {axes}")
    return axes


def _squeeze(call: Call) -> list[Known]:
    shape = call.input().shape
    axes = (
        _axes(call, 1, len(shape))
        if call.given(1) is not None
        else [at for at, size in enumerate(shape) if size == 1]
    )
    if any(shape[axis] != 1 for axis in axes):
        raise call.refuse(f"it takes axes {axes} from {list(shape)}, which are not all of size 1")
    return _with(call, tuple(n for at, n in enumerate(shape) if at not in axes), call.input().values)


def _unsqueeze(call: Call) -> list[Known]:
    shape = list(call.input().shape)
    for axis in _axes(call, 1, len(shape) + len(call.numbers(1))):
        shape.insert(axis, 1)
    return _with(call, call.made(call.input().element, tuple(shape)).shape, call.input().values)


def _transpose(call: Call) -> list[Known]:
    taken = call.input()
    axes = len(taken.shape)
    order = call.integers("perm") or tuple(reversed(range(axes)))
    if sorted(order) != list(range(axes)):
        raise call.refuse(f"perm is {list(order)}; allowed every axis of {axes} once")
    values = None if taken.values is None else taken.values.transpose(order)
    return _with(call, tuple(taken.shape[axis] for axis in order), values)


def _concat(call: Call) -> list[Known]:
    parts = [call.input(index) for index in range(max(len(call.inputs), 1))]
    axis = call.axis(call.integer("axis", 0), len(parts[0].shape))
    for part in parts:
        if [*part.shape[:axis], *part.shape[axis + 1 :]] != [
            *parts[0].shape[:axis],
            *parts[0].shape[axis + 1 :],
        ]:
            raise call.refuse("its inputs differ on an axis along which they are not joined")
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    made = call.made(parts[0].element, tuple(shape))
    values = [part.values for part in parts if part.values is not None]
    if len(values) < len(parts) or made.count > MOST_FOLLOWED:
        return [made]
    return [of_values(made.element, np.concatenate(values, axis), moved=True)]


def _split(call: Call) -> list[Known]:
    taken = call.input()
    axis = call.axis(call.integer("axis", 0), len(taken.shape))
    total, outputs = taken.shape[axis], len(call.node.outputs)
    if call.given(1) is not None:
        sizes = call.numbers(1)
    else:
        count = call.integer("num_outputs", outputs)
        if not 0 < count == outputs:
            raise call.refuse(f"num_outputs is {count}; it has {outputs} outputs")
        size = -(-total // count)
        sizes = [size] * (count - 1) + [total - size * (count - 1)]
    if len(sizes) != outputs or min(sizes, default=0) < 0 or sum(sizes) != total:
        raise call.refuse(f"it cuts {total} values into {sizes}, for {outputs} outputs")
    made, start = [], 0
    for size in sizes:
        shape = (*taken.shape[:axis], size, *taken.shape[axis + 1 :])
        if taken.values is None:
            made.append(call.made(taken.element, shape))
        else:
            part = np.take(taken.values, range(start, start + size), axis)
            made.append(of_values(taken.element, part, moved=True))
        start += size
    return made


def _slice(call: Call) -> list[Known]:
    taken = call.input()
    starts, ends = call.numbers(1), call.numbers(2)
    named = call.numbers(3) if call.given(3) is not None else list(range(len(starts)))
    steps = call.numbers(4) if call.given(4) is not None else [1] * len(starts)
    if not len(starts) == len(ends) == len(named) == len(steps) or 0 in steps:
        raise call.refuse("its starts, ends, axes and steps do not fit")
    parts = [slice(None)] * len(taken.shape)
    shape = list(taken.shape)
    for start, end, axis, step in zip(starts, ends, named, steps, strict=True):
        at = call.axis(axis, len(shape))
        if parts[at] != slice(None):
            raise call.refuse(f"it names the axis {axis} twice")
        parts[at] = _cut(start, end, step, taken.shape[at])
        shape[at] = len(range(*parts[at].indices(taken.shape[at])))
    values = None if taken.values is None else taken.values[tuple(parts)]
    return _with(call, tuple(shape), values)


def _cut(start: int, end: int, step: int, size: int) -> slice:
    """ONNX's slice as one of Python's: the ends are clamped as ONNX says."""
    start, end = (value + size if value < 0 else value for value in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    first, last = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(first, None if last < 0 else last, step) if size else slice(0, 0)


def _gather(call: Call) -> list[Known]:
    taken, index = call.input(0), call.input(1)
    axis = call.axis(call.integer("axis", 0), len(taken.shape))
    made = call.made(taken.element, (*taken.shape[:axis], *index.shape, *taken.shape[axis + 1 :]))
    if taken.values is None or index.values is None or made.count > MOST_FOLLOWED:
        return [made]
    size = taken.shape[axis]
    if index.values.size and not -size <= index.values.min() <= index.values.max() < size:
        raise call.refuse(f"it takes values that lie outside an axis of {size}")
    return [of_values(taken.element, np.take(taken.values, index.values % max(size, 1), axis), moved=True)]


def _gather_elements(call: Call) -> list[Known]:
    return [call.made(call.input(0).element, call.input(1).shape)]


def _gather_nd(call: Call) -> list[Known]:
    taken, index = call.input(0), call.input(1)
    batch = call.integer("batch_dims", 0)
    depth = index.shape[-1] if index.shape else -1
    if not 0 <= batch < len(index.shape) or not 0 < depth <= len(taken.shape) - batch:
        raise call.refuse(f"indices of the shape {list(index.shape)} do not fit {list(taken.shape)}")
    return [call.made(taken.element, (*index.shape[:-1], *taken.shape[batch + depth :]))]


def _like_first(call: Call) -> list[Known]:
    """CumSum, Trilu, ScatterElements, ScatterND: as large as the first input."""
    return [call.made(call.input().element, call.input().shape)]


def _expand(call: Call) -> list[Known]:
    taken = call.input()
    made = call.made(taken.element, call.broadcast(taken.shape, tuple(call.numbers(1))))
    if taken.values is None or made.count > MOST_FOLLOWED:
        return [made]
    return [of_values(taken.element, np.broadcast_to(taken.values, made.shape), moved=True)]


def _tile(call: Call) -> list[Known]:
    taken, times = call.input(), call.numbers(1)
    if len(times) != len(taken.shape) or min(times, default=0) < 0:
        raise call.refuse(f"it repeats {list(taken.shape)} {times} times")
    return [call.made(taken.element, tuple(n * k for n, k in zip(taken.shape, times, strict=True)))]


def _pad(call: Call) -> list[Known]:
    taken, pads = call.input(), call.numbers(1)
    count = len(taken.shape)
    axes = [call.axis(axis, count) for axis in call.numbers(3)] if call.given(3) is not None else range(count)
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise call.refuse(f"it has {len(pads)} pads for {len(axes)} axes")
    shape = list(taken.shape)
    for at, axis in enumerate(axes):
        before, after = pads[at], pads[at + len(axes)]
        if call.text("mode", "constant") != "constant" and max(before, after) >= max(shape[axis], 1) * 2:
            raise call.refuse(f"it mirrors more ({max(before, after)}) than there is ({shape[axis]})")
        if min(before, after) < -shape[axis] or before + after < -shape[axis]:
            raise call.refuse(f"it cuts more than there is from an axis of {shape[axis]}")
        shape[axis] += before + after
    return [call.made(taken.element, tuple(shape))]


def _range(call: Call) -> list[Known]:
    start, stop, step = (call.number(index) for index in range(3))
    if step == 0 or max(abs(start), abs(stop), abs(step)) >= _FAR:
        raise call.refuse(f"it counts from {start} to {stop} in steps of {step}")
    numbers = range(start, stop, step)
    made = call.made(call.input().element, (len(numbers),))
    return [of_values(made.element, np.array(numbers, np.int64))] if made.count <= MOST_FOLLOWED else [made]


def _eye_like(call: Call) -> list[Known]:
    taken = call.input()
    return [call.made(call.integer("dtype", taken.element), taken.shape)]


def _one_hot(call: Call) -> list[Known]:
    index, values = call.input(0), call.input(2)
    axis = call.axis(call.integer("axis", -1), len(index.shape) + 1)
    return [call.made(values.element, (*index.shape[:axis], call.number(1), *index.shape[axis:]))]


def _blocks(call: Call) -> list[Known]:
    """DepthToSpace and SpaceToDepth."""
    size, shape = call.integer("blocksize", 0), call.input().shape
    if len(shape) != 4 or size < 1:
        raise call.refuse(f"it has the block size {size} for the shape {list(shape)}")
    batch, depth, high, wide = shape
    if call.operator == "DepthToSpace":
        fits, shape = depth % size**2 == 0, (batch, depth // size**2, high * size, wide * size)
    else:
        fits, shape = high % size == wide % size == 0, (batch, depth * size**2, high // size, wide // size)
    if not fits:
        raise call.refuse(f"the block size {size} does not fit")
    return [call.made(call.input().element, shape)]


def _resize(call: Call) -> list[Known]:
    taken = call.input()
    plain = call.text("keep_aspect_ratio_policy", "stretch") == "stretch"
    if (
        call.given(3) is None
        or not plain
        or call.text("coordinate_transformation_mode", "") == "tf_crop_and_resize"
    ):
        raise call.refuse("its output has no size; allowed is a size from constants (input 4)")
    shape: Sequence[int] = call.numbers(3)
    named = call.integers("axes")
    if named is not None:
        sizes = dict(zip((call.axis(axis, len(taken.shape)) for axis in named), shape, strict=False))
        shape = [sizes.get(at, size) for at, size in enumerate(taken.shape)]
    if len(shape) != len(taken.shape) or 0 in taken.shape:
        raise call.refuse(f"it makes {list(shape)} of {list(taken.shape)}")
    call.work = 16 * prod(shape)
    return [call.made(taken.element, tuple(shape))]


RULES: Final[Mapping[str, Rule]] = {
    "Shape": _shape,
    "Size": _size,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    **dict.fromkeys(("CumSum", "Trilu", "ScatterElements", "ScatterND"), _like_first),
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "Range": _range,
    "EyeLike": _eye_like,
    "OneHot": _one_hot,
    "DepthToSpace": _blocks,
    "SpaceToDepth": _blocks,
    "Resize": _resize,
}
