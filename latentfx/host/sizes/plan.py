"""Walks through a graph with the size of a block in hand, and adds up what a step takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from latentfx.errors import PluginFileError
from latentfx.host.model.model import Node, ParsedGraph, ParsedModel, Port
from latentfx.host.sizes import moves, one_by_one, sums
from latentfx.host.sizes.known import Call, Known, Shape, of_constant
from latentfx.host.sizes.one_by_one import Rule

RULES: Final[Mapping[str, Rule]] = {**one_by_one.RULES, **moves.RULES, **sums.RULES}
SCAN: Final = "Scan"

# A step may make tensors of so many bytes, and do so much work (about one addition each): for a call as such,
# and for each sample of each row and channel, up to so many. No step makes more than 1,152 MB.
CALL_BYTES: Final = 128 << 20
SAMPLE_BYTES: Final = 16 << 10
CALL_WORK: Final = 1 << 31
SAMPLE_WORK: Final = 1 << 19
MOST_SAMPLES: Final = 1 << 16
_VALUE_WORK: Final = 8
_NODE_WORK: Final = 2000


@dataclass(slots=True)
class Cost:
    """What a step takes: bytes of all tensors that it makes, and work, in additions or so."""

    bytes: int = 0
    work: int = 0


class Plan:
    """The sizes of a graph as a function of the block.

    Args:
        model: as read from a file.

    Raises:
        PluginFileError: an operator that is not allowed.
    """

    def __init__(self, model: ParsedModel) -> None:
        self._graph = model.graph
        self._operator_set = model.operator_set
        self._constants = {tensor.name: of_constant(tensor) for tensor in model.graph.tensors}
        for node in model.graph.nodes:
            check_operator(node, inside=False)

    def measure(self, batch: int, samples: int) -> Cost:
        """What a step of so many rows and samples takes.

        Raises:
            PluginFileError: sizes that follow from the sound, an output of another shape than the graph
                promises, too much memory, or too much work.
        """
        values, cost = self.follow(batch, samples)
        for port in self._graph.outputs:
            made, wanted = values.get(port.name), _filled(port, batch, samples)
            if made is None or (made.element, made.shape) != (wanted.element, wanted.shape):
                shape = "missing" if made is None else list(made.shape)
                raise PluginFileError(
                    f"output {port.name!r} of the graph is {shape} for a block of {samples} samples; its "
                    f"file promises {list(wanted.shape)}. Export the plugin again"
                )
        return cost

    def follow(self, batch: int, samples: int) -> tuple[Mapping[str, Known], Cost]:
        """What is known of every tensor in a step of so many rows and samples, and what the step takes.

        Raises:
            PluginFileError: sizes that follow from the sound, too much memory, or too much work.
        """
        inputs = {port.name: _filled(port, batch, samples) for port in self._graph.inputs}
        values: dict[str, Known] = {**self._constants, **inputs}
        limit = _allowed(values[self._graph.inputs[0].name].count if inputs else samples)
        walk = _Walk(self._operator_set, samples, limit)
        walk.through(self._graph.nodes, values)
        return values, walk.cost


def check_operator(node: Node, inside: bool) -> None:
    """Refuse an operator that has no rule.

    Args:
        node: the operator.
        inside: whether it lies in a Scan, which holds no other.

    Raises:
        PluginFileError: it has none.
    """
    if node.operator == SCAN and not inside:
        for attribute in node.attributes.values():
            if isinstance(attribute.value, ParsedGraph):
                for inner in attribute.value.nodes:
                    check_operator(inner, inside=True)
        return
    known = node.operator in RULES
    if known and not any(isinstance(attribute.value, ParsedGraph) for attribute in node.attributes.values()):
        return
    what = (
        "it holds a graph of its own"
        if known or node.operator in ("Loop", "If", SCAN)
        else "it is not among them"
    )
    raise PluginFileError(
        f"operator {node.operator} is not allowed in a plugin file: {what}. Allowed are operators whose "
        "sizes follow from the block. If you know where the file comes from, open it with --trust "
        "(trust=True)"
    )


def _filled(port: Port, batch: int, samples: int) -> Known:
    """A port of the graph for a block: its first free axis counts rows, and any other samples."""
    shape = port.shape or ()
    return Known(
        port.element,
        tuple(size if size is not None else (samples if at else batch) for at, size in enumerate(shape)),
    )


def _allowed(values: int) -> Cost:
    values = min(values, MOST_SAMPLES)
    return Cost(CALL_BYTES + SAMPLE_BYTES * values, CALL_WORK + SAMPLE_WORK * values)


class _Walk:
    """Goes through operators one by one and adds up."""

    def __init__(self, operator_set: int, samples: int, allowed: Cost) -> None:
        self._operator_set = operator_set
        self._samples = samples
        self._allowed = allowed
        self.cost = Cost()

    def through(self, nodes: Sequence[Node], values: dict[str, Known], turns: int = 1) -> None:
        """Find the outputs of these operators; `turns` says how often they run."""
        for node in nodes:
            call = Call(node, [self._find(node, values, name) for name in node.inputs], self._operator_set)
            made = self._made(call, values)
            if len(made) < sum(map(bool, node.outputs)):
                raise call.refuse(f"it has {len(node.outputs)} outputs; allowed {len(made)}")
            values.update(zip(node.outputs, made, strict=False))
            self._add(call, made, turns)

    def _made(self, call: Call, values: Mapping[str, Known]) -> list[Known]:
        """What is known of the outputs; inputs that no rule expects are refused, whatever they are."""
        try:
            return self._scan(call, values) if call.operator == SCAN else RULES[call.operator](call)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            if isinstance(error, PluginFileError):
                raise
            raise call.refuse(f"its inputs and attributes do not fit ({error})") from None

    def _find(self, node: Node, values: Mapping[str, Known], name: str) -> Known | None:
        if not name:
            return None
        if name not in values:
            raise PluginFileError(f"operator {node.operator} takes {name!r}, which nothing before it makes")
        return values[name]

    def _add(self, call: Call, made: Sequence[Known], turns: int) -> None:
        self.cost.bytes += sum(known.size_bytes for known in made) + call.scratch_bytes
        largest = max((known.count for known in (*made, *filter(None, call.inputs))), default=0)
        self.cost.work += turns * (_NODE_WORK + call.work + _VALUE_WORK * largest)
        for found, allowed, what in (
            (self.cost.bytes >> 20, self._allowed.bytes >> 20, "MB of memory"),
            (self.cost.work >> 20, self._allowed.work >> 20, "million additions"),
        ):
            if found > allowed:
                raise call.refuse(
                    f"with it a step of {self._samples} samples takes {found} {what}; allowed {allowed}"
                )

    def _scan(self, call: Call, around: Mapping[str, Known]) -> list[Known]:
        """A Scan, whose turns are the size of an axis: at most the samples of the block."""
        body = call.attribute("body")
        scanned = call.integer("num_scan_inputs", 0)
        carried = len(call.inputs) - scanned
        if (
            not isinstance(body, ParsedGraph)
            or scanned < 1
            or carried < 0
            or len(body.inputs) != len(call.inputs)
        ):
            raise call.refuse("its body does not fit its inputs")
        inside, turns = self._enter(call, body, carried, around)
        self.through(body.nodes, inside, turns)
        return self._leave(call, body, carried, inside, turns)

    def _enter(
        self, call: Call, body: ParsedGraph, carried: int, around: Mapping[str, Known]
    ) -> tuple[dict[str, Known], int]:
        """What the body of a Scan sees, and how often it runs."""
        inside: dict[str, Known] = {**around, **{t.name: of_constant(t) for t in body.tensors}}
        axes = call.integers("scan_input_axes") or (0,) * (len(call.inputs) - carried)
        if len(axes) != len(call.inputs) - carried:
            raise call.refuse("its axes do not fit its inputs")
        lengths = set()
        for at, port in enumerate(body.inputs):
            taken = call.input(at)
            shape = list(taken.shape)
            if at >= carried:
                lengths.add(shape.pop(call.axis(axes[at - carried], len(shape))))
            inside[port.name] = Known(taken.element, tuple(shape))
        turns = lengths.pop()
        if lengths or turns > self._samples:
            raise call.refuse(f"it turns {turns} times for a block of {self._samples} samples")
        return inside, turns

    def _leave(
        self, call: Call, body: ParsedGraph, carried: int, inside: Mapping[str, Known], turns: int
    ) -> list[Known]:
        """The outputs of a Scan: what it carries, and what every turn gives, along an axis."""
        gathered = len(body.outputs) - carried
        axes = call.integers("scan_output_axes") or (0,) * gathered
        if gathered < 0 or len(axes) != gathered:
            raise call.refuse("its outputs do not fit its body")
        made = []
        for at, port in enumerate(body.outputs):
            if port.name not in inside:
                raise call.refuse(f"its body does not make {port.name!r}")
            found = inside[port.name]
            shape: Shape = found.shape
            if at >= carried:
                axis = call.axis(axes[at - carried], len(shape) + 1)
                shape = (*shape[:axis], turns, *shape[axis:])
            elif shape != call.input(at).shape:
                raise call.refuse("what it carries from turn to turn changes its shape")
            made.append(call.made(found.element, shape))
        return made
