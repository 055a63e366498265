"""Reads protobuf's wire format from bytes that are not trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from latentfx.errors import PluginFileError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZE = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT = 10


@dataclass(frozen=True, slots=True)
class Value:
    """One occurrence of a field: an integer, or bytes (a string, a message, packed or fixed-size numbers)."""

    integer: int = 0
    data: memoryview | None = None

    @property
    def body(self) -> memoryview:
        """The bytes.

        Raises:
            PluginFileError: the field is an integer.
        """
        if self.data is None:
            raise PluginFileError("not an ONNX file: a number stands where a message or a name should be")
        return self.data

    @property
    def text(self) -> str:
        """The bytes as a string.

        Raises:
            PluginFileError: they are not UTF-8.
        """
        try:
            return bytes(self.body).decode("utf-8")
        except UnicodeDecodeError:
            raise PluginFileError("not an ONNX file: a name in it is not UTF-8") from None

    @property
    def integers(self) -> list[int]:
        """The integers of a repeated field, packed or not, as signed 64-bit numbers."""
        if self.data is None:
            return [_signed(self.integer)]
        numbers, position = [], 0
        while position < len(self.data):
            number, position = _varint(self.data, position)
            numbers.append(_signed(number))
        return numbers

    @property
    def count(self) -> int:
        """How many integers a repeated field holds, without reading them."""
        return 1 if self.data is None else int(np.count_nonzero(np.frombuffer(self.data, np.uint8) < 0x80))


Message = Mapping[int, list[Value]]


def read(message: memoryview) -> Message:
    r"""Read the fields of one message, by number, without entering the messages inside.

    Raises:
        PluginFileError: the message is cut short or is not protobuf.

    >>> read(memoryview(b"\x08\x96\x01"))[1][0].integer
    150
    """
    found: dict[int, list[Value]] = {}
    for number, value in _walk(message):
        found.setdefault(number, []).append(value)
    return found


def text(message: Message, number: int) -> str:
    """The string in a field that comes once; empty where it does not come."""
    values = message.get(number)
    return values[-1].text if values else ""


def texts(message: Message, number: int) -> list[str]:
    """The strings in a repeated field."""
    return [value.text for value in message.get(number, ())]


def integer(message: Message, number: int) -> int:
    """The integer in a field that comes once; 0 where it does not come."""
    values = message.get(number)
    return values[-1].integer if values else 0


def integers(message: Message, number: int) -> list[int]:
    """The integers in a repeated field, packed or not."""
    return [entry for value in message.get(number, ()) for entry in value.integers]


def _walk(message: memoryview) -> Iterator[tuple[int, Value]]:
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            whole, position = _varint(message, position)
            yield number, Value(integer=whole)
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in _FIXED_SIZE and number:
            size = _FIXED_SIZE[wire]
        else:
            raise PluginFileError(f"not an ONNX file: field {number} has the wire type {wire}")
        if size > end - position:
            raise PluginFileError(
                f"the file is cut short or damaged: a field promises {size} bytes, {end - position} are left"
            )
        yield number, Value(data=message[position : position + size])
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT):
        if position >= len(message):
            raise PluginFileError("the file is cut short or damaged: it ends inside a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position
    raise PluginFileError("not an ONNX file: a number has more than 10 bytes")


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value
