"""Writes the model that onnxruntime is given: what was read from a file, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from latentfx.host.model import fields, wire
from latentfx.host.model.fields import AttributeType
from latentfx.host.model.model import ATTRIBUTES, Node, NodeAttribute, ParsedGraph, ParsedModel, Port, Tensor
from latentfx.host.model.wire import Record


def write_model(model: ParsedModel, with_metadata: bool = False) -> bytes:
    """Write a model anew: what was read, without names of operators, notes and sizes that files may claim.

    Args:
        model: as read.
        with_metadata: write the texts beside the graph, which a runtime does not need.
    """
    record: Record = {
        "ir_version": model.ir_version,
        "opset_import": [{"version": model.operator_set}],
        "graph": _graph_record(model.graph, _told),
    }
    if with_metadata:
        record["metadata_props"] = [{"key": key, "value": value} for key, value in model.metadata]
    return wire.write(fields.MODEL, record)


def _graph_record(graph: ParsedGraph, keeps: Callable[[Port], bool]) -> Record:
    """A graph as a record; `keeps` says whether the shape of a port is written."""
    return {
        "node": [_node_record(node) for node in graph.nodes],
        "name": "plugin",
        "initializer": [_tensor_record(tensor) for tensor in graph.tensors],
        "input": [_port_record(port, keeps(port)) for port in graph.inputs],
        "output": [_port_record(port, keeps(port)) for port in graph.outputs],
    }


def _told(port: Port) -> bool:
    """Whether a port of the whole graph has a shape, which the host has compared with the metadata."""
    return port.shape is not None


def _fixed(port: Port) -> bool:
    """Whether a port inside a Loop has a shape without free axes: a Loop needs that of its counter."""
    return port.shape is not None and None not in port.shape


def _never(port: Port) -> bool:
    """The shapes inside a Scan follow from its inputs: what a file claims of them is left out."""
    return False


def _node_record(node: Node) -> Record:
    keeps = _never if node.operator == "Scan" else _fixed
    return {
        "input": node.inputs,
        "output": node.outputs,
        "op_type": node.operator,
        "attribute": [_attribute_record(name, entry, keeps) for name, entry in node.attributes.items()],
    }


def _attribute_record(name: str, attribute: NodeAttribute, keeps: Callable[[Port], bool]) -> Record:
    value = attribute.value
    if attribute.type == AttributeType.TENSOR:
        value = _tensor_record(value)
    elif attribute.type == AttributeType.GRAPH:
        value = _graph_record(value, keeps)
    return {"name": name, ATTRIBUTES[attribute.type][0]: value, "type": attribute.type}


def _tensor_record(tensor: Tensor) -> Record:
    return {
        "dims": tensor.shape,
        "data_type": tensor.element,
        "name": tensor.name,
        "raw_data": tensor.data,
    }


def _port_record(port: Port, with_shape: bool) -> Record:
    dense: Record = {"elem_type": port.element}
    if with_shape:
        axes = enumerate(port.shape or ())
        dense["shape"] = {
            "dim": [{"param": f"axis_{at}"} if size is None else {"value": size} for at, size in axes]
        }
    return {"name": port.name, "type": {"tensor_type": dense}}
