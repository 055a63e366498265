"""Whatever a plugin file holds, loading it ends soon, with a plugin or with an error of ours.

The loader runs in a process of its own with little memory: a crash inside onnxruntime, a hang, or a demand
for gigabytes is a failure. LATENTFX_FUZZ_EXAMPLES sets how many files each test tries.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loader import Loader

pytest.importorskip("resource", reason="limits of memory are those of POSIX")

EXAMPLES = int(os.environ.get("LATENTFX_FUZZ_EXAMPLES", "1000"))
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
KINDS = ("delay", "blend")


@pytest.fixture(scope="module")
def loader() -> Iterator[Loader]:
    process = Loader()
    yield process
    process.close()


@pytest.fixture(scope="module")
def contents(plugin_file: Callable[[str], Path]) -> dict[str, bytes]:
    return {kind: plugin_file(kind).read_bytes() for kind in KINDS}


def test_the_files_that_are_damaged_below_load_undamaged(loader: Loader, contents: dict[str, bytes]) -> None:
    assert [loader.load(data) for data in contents.values()] == ["plugin\n"] * len(KINDS)


@fuzz
@given(data=st.data())
def test_bytes_changed_cut_doubled_and_put_in(
    loader: Loader, contents: dict[str, bytes], data: st.DataObject
) -> None:
    damaged = bytearray(contents[data.draw(st.sampled_from(KINDS))])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged) - 1))
        end = min(len(damaged), start + data.draw(st.integers(1, 24)))
        kind = data.draw(st.sampled_from(("set", "cut", "double", "insert")))
        part = {
            "set": data.draw(st.binary(min_size=end - start, max_size=end - start)) if kind == "set" else b"",
            "cut": b"",
            "double": bytes(damaged[start:end]) * 2,
            "insert": data.draw(st.binary(max_size=12)) + bytes(damaged[start:end]),
        }[kind]
        damaged[start:end] = part
        if not damaged:
            break
    loader.load(bytes(damaged))


ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        (0, -1, 1, 2, 64, 10**6, 2**31, 2**63, 10**30, 1e308, -1e308, 0.5, "", "audio", "a" * 5000)
    ),
    st.integers(-3, 70000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.lists(st.integers(-2, 300), max_size=4),
    st.dictionaries(st.sampled_from(("shape", "fill", "base64", "name")), st.integers(-2, 9), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*path, key)
        yield from places(part, (*path, key))


@fuzz
@given(data=st.data())
def test_metadata_that_makes_no_sense(
    loader: Loader, contents: dict[str, bytes], data: st.DataObject
) -> None:
    model = onnx.load_from_string(contents[data.draw(st.sampled_from(KINDS))])
    raw = json.loads(model.metadata_props[0].value)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(sorted(places(raw), key=str)))
        holder = raw
        for key in path:
            holder = holder[key]
        if data.draw(st.booleans()) or isinstance(holder, list):
            holder[last] = data.draw(ODD)
        else:
            del holder[last]
    model.metadata_props[0].value = json.dumps(raw)
    loader.load(model.SerializeToString())


OPERATORS = tuple(schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain)


@fuzz
@given(data=st.data())
def test_graphs_that_make_no_sense(loader: Loader, contents: dict[str, bytes], data: st.DataObject) -> None:
    model = onnx.load_from_string(contents[data.draw(st.sampled_from(KINDS))])
    graph = model.graph
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    for _ in range(data.draw(st.integers(1, 3))):
        node = graph.node[data.draw(st.integers(0, len(graph.node) - 1))]
        what = data.draw(st.sampled_from(("operator", "input", "axis", "constant", "port", "lose")))
        if what == "operator":
            node.op_type = data.draw(st.sampled_from(OPERATORS))
        elif what == "input" and node.input:
            node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(names))
        elif what == "axis":
            size = data.draw(st.sampled_from((-9, -1, 0, 1, 2, 99, 1 << 40)))
            name = data.draw(st.sampled_from(("axis", "to", "shape", "num_outputs", "k", "keepdims")))
            del node.attribute[:]
            node.attribute.append(onnx.helper.make_attribute(name, [size] if name == "shape" else size))
        elif what == "constant":
            tensor = graph.initializer[data.draw(st.integers(0, len(graph.initializer) - 1))]
            tensor.raw_data = data.draw(
                st.binary(min_size=len(tensor.raw_data), max_size=len(tensor.raw_data))
            )
        elif what == "port":
            port = data.draw(st.sampled_from([*graph.input, *graph.output]))
            axis = data.draw(st.sampled_from(list(port.type.tensor_type.shape.dim)))
            axis.dim_value = data.draw(st.sampled_from((-1, 0, 1, 3, 64, 1 << 40)))
        elif len(graph.node) > 1:
            graph.node.remove(node)
    loader.load(model.SerializeToString())
