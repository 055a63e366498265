"""Spells a protobuf message wrong, somewhere in it: what two readers may read in two ways."""

from __future__ import annotations

import random

from crafted import field, varint

# Number of a field -> message inside, for the messages that a plugin holds.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry"},
    "graph": {1: "node", 5: "tensor", 11: "port", 12: "port"},
    "node": {5: "attribute"},
    "port": {2: "type"},
    "type": {1: "dense"},
    "dense": {2: "shape"},
    "shape": {1: "axis"},
}
_SINGULAR = {
    "model": 1, "graph": 2, "node": 4, "tensor": 8, "port": 1, "type": 1, "dense": 1, "shape": 0, "axis": 2,
    "attribute": 1, "opset": 2, "entry": 1,
}  # fmt: skip
Field = tuple[int, int, bytes]


def fields(data: bytes) -> list[Field]:
    """The fields of a message as (number, wire type, body)."""
    found, at = [], 0
    while at < len(data):
        tag, at = _number(data, at)
        start = at
        if tag & 7 == 0:
            _, at = _number(data, at)
        elif tag & 7 == 2:
            size, start = _number(data, at)
            at = start + size
        else:
            at += 8 if tag & 7 == 1 else 4
        found.append((tag >> 3, tag & 7, data[start:at]))
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def flawed(draw: random.Random, data: bytes, message: str = "model") -> bytes:
    """The same message, spelt wrong in one place of it or of a message inside."""
    parts = fields(data)
    inner = [at for at, (number, _, _) in enumerate(parts) if number in _INSIDE.get(message, {})]
    if inner and draw.random() < 0.75:
        at = draw.choice(inner)
        number, wire, body = parts[at]
        parts[at] = number, wire, flawed(draw, body, _INSIDE[message][number])
        return b"".join(field(*part) for part in parts)
    spelt = [field(*part) for part in parts]
    place = draw.randrange(len(spelt) + 1)
    spelt.insert(place, draw.choice(_FLAWS)(draw, message, parts))
    return b"".join(spelt)


def _high_tag(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    return field(draw.randint(1, 14), 2, draw.randbytes(3), tag_bits=draw.randint(1, 1 << 20))


def _unknown(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    return field(draw.randint(40, 1 << 20), draw.choice((0, 2)), b"\1")


def _long_number(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    number, wire, body = draw.choice(parts) if parts else (1, 2, b"")
    head = varint(number << 3 | wire, spare=draw.randint(1, 4))
    return head + (varint(len(body)) if wire == 2 else b"") + body


def _twice(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    same = [part for part in parts if part[0] == _SINGULAR[message]]
    return field(*same[0]) if same else _unknown(draw, message, parts)


def _group(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    number = draw.randint(1, 14)
    return varint(number << 3 | 3) + varint(number << 3 | 4)


def _other_wire(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    texts = [number for number, wire, body in parts if wire == 2 and body] or [1]
    return varint(draw.choice(texts) << 3 | draw.choice((1, 5))) + draw.randbytes(8)


def _cut(draw: random.Random, message: str, parts: list[Field]) -> bytes:
    return varint(draw.randint(1, 14) << 3 | 2) + varint(draw.randint(1 << 20, 1 << 40))


_FLAWS = (_high_tag, _unknown, _long_number, _twice, _group, _other_wire, _cut)
