"""A file of millions of tiny fields is refused at a limit, before what lies behind it is read."""

from __future__ import annotations

import pytest
from crafted import field, varint

from latentfx.errors import PluginFileError
from latentfx.host.model.model import MAX_FIELDS, MAX_NODES, read_model

_FLOAT = varint(4 << 3 | 5) + bytes(4)


def _tensor(body: bytes) -> bytes:
    return field(7, 2, field(5, 2, body))


MANY = {
    "empty texts beside the graph": field(14, 2) * MAX_FIELDS,
    "empty operators": field(7, 2, field(1, 2) * MAX_FIELDS),
    "names of inputs": field(7, 2, field(1, 2, field(1, 2) * MAX_FIELDS)),
    "numbers with a tag each": _tensor(_FLOAT * MAX_FIELDS),
    "floats in a row": _tensor(field(4, 2, bytes(4 * MAX_FIELDS))),
    "whole numbers in a row": _tensor(field(7, 2, bytes(MAX_FIELDS))),
    "tensors of some numbers": field(7, 2, field(5, 2, field(7, 2, bytes(999))) * (MAX_FIELDS // 1000)),
}


@pytest.mark.parametrize("fields", MANY.values(), ids=MANY.keys())
def test_file_with_too_many_fields_is_refused_before_its_end_is_read(fields: bytes) -> None:
    """What lies behind the limit is damaged, and the error speaks of the limit."""
    with pytest.raises(PluginFileError, match=f"more than {MAX_FIELDS} fields and numbers"):
        read_model(field(1, 0, b"\x0a") + fields + b"\xff")


def test_limit_of_fields_leaves_room_for_the_most_operators() -> None:
    """Each with two inputs, an output, a name, and an attribute of four numbers."""
    attribute = field(1, 2, b"pads") + field(8, 2, bytes(4)) + field(20, 0, b"\x07")
    node = b"".join(
        (field(1, 2, b"a"), field(1, 2, b"b"), field(2, 2), field(3, 2, b"n"), field(4, 2, b"Pad"))
    ) + field(5, 2, attribute)
    opset = field(8, 2, field(2, 0, b"\x14"))
    model = read_model(field(1, 0, b"\x0a") + field(7, 2, field(1, 2, node) * MAX_NODES) + opset)
    assert len(model.graph.nodes) == MAX_NODES


def test_file_that_names_no_version_of_the_operators_is_told_so() -> None:
    with pytest.raises(PluginFileError, match="names no version of ONNX's operators"):
        read_model(field(1, 0, b"\x0a") + field(7, 2))
