"""Writes the model that onnxruntime is given: what was read from a file, and nothing else."""

from __future__ import annotations

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
        "graph": _graph_record(model.graph, named=True),
    }
    if with_metadata:
        record["metadata_props"] = [{"key": key, "value": value} for key, value in model.metadata]
    return wire.write(fields.MODEL, record)


def _graph_record(graph: ParsedGraph, named: bool = False) -> Record:
    """A graph as a record; `named` adds the shapes of its ports, which the host has compared."""
    return {
        "node": [_node_record(node) for node in graph.nodes],
        "name": "plugin",
        "initializer": [_tensor_record(tensor) for tensor in graph.tensors],
        "input": [_port_record(port, named) for port in graph.inputs],
        "output": [_port_record(port, named) for port in graph.outputs],
    }


def _node_record(node: Node) -> Record:
    return {
        "input": node.inputs,
        "output": node.outputs,
        "op_type": node.operator,
        "attribute": [_attribute_record(name, entry) for name, entry in node.attributes.items()],
    }


def _attribute_record(name: str, attribute: NodeAttribute) -> Record:
    value = attribute.value
    if attribute.type == AttributeType.TENSOR:
        value = _tensor_record(value)
    elif attribute.type == AttributeType.GRAPH:
        value = _graph_record(value)
    return {"name": name, ATTRIBUTES[attribute.type][0]: value, "type": attribute.type}


def _tensor_record(tensor: Tensor) -> Record:
    return {
        "dims": tensor.shape,
        "data_type": tensor.element,
        "name": tensor.name,
        "raw_data": tensor.data,
    }


def _port_record(port: Port, named: bool) -> Record:
    dense: Record = {"elem_type": port.element}
    if named and port.shape is not None:
        axes = enumerate(port.shape)
        dense["shape"] = {
            "dim": [{"param": f"axis_{at}"} if size is None else {"value": size} for at, size in axes]
        }
    return {"name": port.name, "type": {"tensor_type": dense}}
