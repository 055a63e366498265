"""Protobuf's wire format, read from bytes that are not trusted, and written.

The reader takes one spelling of a message and no other: every number in its shortest form, a field that
comes once at most once, no field that the description does not know. Two readers that agree on the
description then agree on the message.

The reader counts fields and numbers while it reads, and stops at a limit: an empty message takes two bytes of
a file, and a hundred times as many of memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from latentfx.errors import PluginFileError

Record = dict[str, Any]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_TAG: Final = (1 << 32) - 1
_MAX_VARINT: Final = (1 << 64) - 1


class Kind(Enum):
    """What a field holds."""

    INT64 = "int64"
    INT32 = "int32"
    UINT64 = "uint64"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    MESSAGE = "message"
    REFUSED = "refused"


_WIRE: Final[Mapping[Kind, int]] = {
    Kind.INT64: _VARINT,
    Kind.INT32: _VARINT,
    Kind.UINT64: _VARINT,
    Kind.FLOAT: _FIXED32,
    Kind.DOUBLE: _FIXED64,
    Kind.STRING: _BYTES,
    Kind.BYTES: _BYTES,
    Kind.MESSAGE: _BYTES,
}
_NUMBERS: Final = frozenset((Kind.INT64, Kind.INT32, Kind.UINT64, Kind.FLOAT, Kind.DOUBLE))
_FIXED: Final = {Kind.FLOAT: struct.Struct("<f"), Kind.DOUBLE: struct.Struct("<d")}


@dataclass(frozen=True)
class Message:
    """The description of a message: its fields by number."""

    name: str
    fields: Mapping[int, Field]


NOTHING: Final = Message("nothing", {})


@dataclass(frozen=True)
class Field:
    """A field of a message.

    Args:
        name: of the field.
        kind: what it holds. A REFUSED field may not come at all.
        repeated: whether it may come more than once.
        message: description of the message inside, for the kind MESSAGE.
    """

    name: str
    kind: Kind
    repeated: bool = False
    message: Message = NOTHING


def read(message: Message, data: bytes, most: int) -> Record:
    r"""Read a message, and the messages inside it.

    Args:
        message: its description.
        data: the bytes.
        most: fields and repeated numbers that it may have in all, with those of the messages inside.

    Returns:
        The fields that are there, by name; those that are repeated as lists. Bytes are views of `data`.

    Raises:
        PluginFileError: not the one spelling of such a message, or too many fields.

    >>> entry = Message("Entry", {1: Field("size", Kind.INT64)})
    >>> read(entry, b"\x08\x96\x01", most=1)
    {'size': 150}
    """
    return _Reader(data, most).message(message, 0, len(data))


class _Reader:
    """Reads the messages of one file, and counts what it reads.

    Args:
        data: the bytes of the file.
        most: fields and repeated numbers that it may have.
    """

    def __init__(self, data: bytes, most: int) -> None:
        self.data = data
        self.most = self.left = most

    def message(self, message: Message, position: int, end: int) -> Record:
        """Read the message that lies between two positions."""
        found: Record = {}
        while position < end:
            self.count(1)
            tag, position = _varint(self.data, position, end)
            field = message.fields.get(tag >> 3) if tag <= _MAX_TAG else None
            if field is None or field.kind is Kind.REFUSED:
                raise _refusal(message, field, tag)
            wire, stop = tag & 7, end
            if wire == _BYTES:
                position, stop = self.extent(message, field, position, end)
            if wire == _WIRE[field.kind]:
                value, position = self.value(field, position, stop)
                if field.repeated:
                    found.setdefault(field.name, []).append(value)
                elif field.name in found:
                    raise PluginFileError(
                        f"not an .onnx file of a plugin ({message.name}.{field.name} comes twice)"
                    )
                else:
                    found[field.name] = value
            elif wire == _BYTES and field.repeated and field.kind in _NUMBERS:
                found.setdefault(field.name, []).extend(self.packed(field, position, stop))
                position = stop
            else:
                raise PluginFileError(
                    f"not an .onnx file of a plugin ({message.name}.{field.name} has the wire type {wire})"
                )
        return found

    def count(self, several: int) -> None:
        """Count fields or numbers.

        Raises:
            PluginFileError: more than the file may have.
        """
        self.left -= several
        if self.left < 0:
            raise PluginFileError(
                f"the file has more than {self.most} fields and numbers, which is more than a plugin needs; "
                "export it again with fewer operators, and with the values of its tensors in raw_data"
            )

    def extent(self, message: Message, field: Field, position: int, end: int) -> tuple[int, int]:
        """Where a field begins and ends that says its size."""
        size, position = _varint(self.data, position, end)
        if position + size > end:
            raise PluginFileError(
                f"the file is cut short or damaged: {message.name}.{field.name} promises {size} bytes, "
                f"{end - position} are left"
            )
        return position, position + size

    def value(self, field: Field, position: int, end: int) -> tuple[Any, int]:
        """Read one value, and where it ends."""
        if field.kind is Kind.MESSAGE:
            return self.message(field.message, position, end), end
        return _READERS[field.kind](field, self.data, position, end)

    def packed(self, field: Field, position: int, end: int) -> list[Any]:
        """Read numbers that lie one after the other without tags."""
        if field.kind in _FIXED:
            form = _FIXED[field.kind]
            numbers, rest = divmod(end - position, form.size)
            if rest:
                raise PluginFileError(f"the file is damaged: {field.name} ends inside a number")
            self.count(numbers)
            return [value for (value,) in form.iter_unpack(memoryview(self.data)[position:end])]
        values = []
        while position < end:
            self.count(1)
            value, position = _integer(field, self.data, position, end)
            values.append(value)
        return values


def _refusal(message: Message, field: Field | None, tag: int) -> PluginFileError:
    if field is not None:
        return PluginFileError(f"a plugin file holds no {field.name}; export it again")
    return PluginFileError(f"not an .onnx file of a plugin ({message.name} has no field {tag >> 3})")


def _integer(field: Field, data: bytes, position: int, end: int) -> tuple[int, int]:
    value, position = _varint(data, position, end)
    if field.kind is Kind.UINT64:
        return value, position
    if value >> 63:
        value -= 1 << 64
    if field.kind is Kind.INT32 and not -(1 << 31) <= value < 1 << 31:
        raise PluginFileError(f"not an .onnx file of a plugin ({field.name} is {value}; allowed are 32 bits)")
    return value, position


def _fixed(field: Field, data: bytes, position: int, end: int) -> tuple[float, int]:
    form = _FIXED[field.kind]
    if position + form.size > end:
        raise PluginFileError(f"the file is cut short or damaged: {field.name} ends inside a number")
    (value,) = form.unpack_from(data, position)
    return value, position + form.size


def _string(field: Field, data: bytes, position: int, end: int) -> tuple[str, int]:
    try:
        return data[position:end].decode("utf-8"), end
    except UnicodeDecodeError:
        raise PluginFileError(f"not an .onnx file of a plugin ({field.name} is not UTF-8)") from None


def _bytes(field: Field, data: bytes, position: int, end: int) -> tuple[memoryview, int]:
    return memoryview(data)[position:end], end


_READERS: Final[Mapping[Kind, Callable[[Field, bytes, int, int], tuple[Any, int]]]] = {
    Kind.INT64: _integer,
    Kind.INT32: _integer,
    Kind.UINT64: _integer,
    Kind.FLOAT: _fixed,
    Kind.DOUBLE: _fixed,
    Kind.STRING: _string,
    Kind.BYTES: _bytes,
}


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """A number in its shortest form, and where it ends."""
    value = shift = 0
    while position < end:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if (byte == 0 and shift) or value > _MAX_VARINT:
                raise PluginFileError("not an .onnx file of a plugin (a number is not in its shortest form)")
            return value, position
        shift += 7
        if shift > 63:
            raise PluginFileError("not an .onnx file of a plugin (a number has more than 10 bytes)")
    raise PluginFileError("the file is cut short or damaged: it ends inside a number")


def write(message: Message, record: Record) -> bytes:
    """Write a message in the one spelling that `read` takes, its fields in the order of their numbers."""
    parts: list[bytes | memoryview] = []
    _write(message, record, parts)
    return b"".join(parts)


def _write(message: Message, record: Record, parts: list[bytes | memoryview]) -> int:
    """Add the parts of a message, and return their size."""
    size = 0
    for number, field in sorted(message.fields.items()):
        if field.name not in record:
            continue
        value = record[field.name]
        if field.repeated and field.kind in _NUMBERS:
            size += _write_packed(number, field, value, parts)
            continue
        for one in value if field.repeated else (value,):
            size += _write_one(number, field, one, parts)
    return size


def _write_one(number: int, field: Field, value: Any, parts: list[bytes | memoryview]) -> int:
    key = _spell(number << 3 | _WIRE[field.kind])
    if field.kind is Kind.MESSAGE:
        at = len(parts)
        size = _write(field.message, value, parts)
        head = key + _spell(size)
        parts.insert(at, head)
        return len(head) + size
    if field.kind in (Kind.STRING, Kind.BYTES):
        body = value.encode() if isinstance(value, str) else value
        head = key + _spell(len(body))
        parts += (head, body)
        return len(head) + len(body)
    spelt = key + _number(field, value)
    parts.append(spelt)
    return len(spelt)


def _write_packed(number: int, field: Field, values: Iterable[Any], parts: list[bytes | memoryview]) -> int:
    body = b"".join(_number(field, value) for value in values)
    head = _spell(number << 3 | _BYTES) + _spell(len(body))
    parts += (head, body)
    return len(head) + len(body)


def _number(field: Field, value: Any) -> bytes:
    form = _FIXED.get(field.kind)
    return form.pack(value) if form is not None else _spell(value & _MAX_VARINT)


def _spell(value: int) -> bytes:
    """A number in its shortest form."""
    spelt = bytearray()
    while value > 0x7F:
        spelt.append(value & 0x7F | 0x80)
        value >>= 7
    spelt.append(value)
    return bytes(spelt)
