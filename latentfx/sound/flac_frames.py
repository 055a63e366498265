"""Finds the length of a FLAC stream whose header has none, as programs that write to a pipe leave it.

Source: RFC 9639, sections 8.2 and 9.1.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from latentfx.sound.splice import read_at, size_of

MARK: Final = b"fLaC"
HEAD_BYTES: Final = 26
LONGEST: Final = (1 << 36) - 1
_FIELDS = slice(18, HEAD_BYTES)  # rate, channels, depth, and in the last 36 bits the length
_LONGEST_FRAME = 4 << 20
_TAG_V1 = 128
_ID3_HEADER = 10
_MOST_TAGS = 8
_HAS_FOOTER = 0x10


def find_header(file: BinaryIO) -> int | None:
    """The position of the FLAC header, at the start of a file or behind ID3 tags; None for other files."""
    at = 0
    for _ in range(_MOST_TAGS):
        head = read_at(file, at, _ID3_HEADER)
        if head[:4] == MARK:
            return at
        if head[:3] != b"ID3" or len(head) < _ID3_HEADER:
            return None
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        at += _ID3_HEADER + size + (_ID3_HEADER if head[5] & _HAS_FOOTER else 0)
    return None


def lacks_length(head: bytes) -> bool:
    """Whether these bytes are a FLAC header of the length 0, which means unknown."""
    return head[:4] == MARK and len(head) >= HEAD_BYTES and _fields(head) & LONGEST == 0


def with_length(head: bytes, samples: int) -> bytes:
    """A FLAC header with another length."""
    fields = (_fields(head) & ~LONGEST | samples).to_bytes(8, "big")
    return head[: _FIELDS.start] + fields + head[HEAD_BYTES:]


def count_samples(file: BinaryIO) -> int | None:
    """Samples of one channel up to the end of the last frame; None where that frame is not whole."""
    size = size_of(file)
    end = read_at(file, max(size - _LONGEST_FRAME, 0), _LONGEST_FRAME)
    if end[-_TAG_V1:][:3] == b"TAG":
        end = end[:-_TAG_V1]
    block = int.from_bytes(read_at(file, (find_header(file) or 0) + 8, 2), "big")
    at = len(end)
    while (at := end.rfind(b"\xff", 0, at)) >= 0:
        samples = _samples_to_end(end[at:], block)
        if samples is not None:
            return samples
    return None


def _fields(head: bytes) -> int:
    return int.from_bytes(head[_FIELDS], "big")


def _samples_to_end(frame: bytes, block: int) -> int | None:
    """Samples up to the end of a frame, by its own number; None where these bytes are no whole frame."""
    if len(frame) < 8 or frame[1] & 0xFE != 0xF8 or frame[3] & 1:
        return None
    length = _number_bytes(frame[4])
    at = 4 + length
    size_code, rate_code = frame[2] >> 4, frame[2] & 15
    own, used = _block_size(size_code, frame[at : at + 2])
    header = at + used + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if not length or not own or len(frame) < header + 3:
        return None
    if _crc8(frame[:header]) != frame[header] or _crc16(frame):
        return None
    number = _number(frame[4:at])
    return (number if frame[1] & 1 else number * block) + own


def _block_size(code: int, after: bytes) -> tuple[int, int]:
    """Samples of a frame, and the bytes after its number that say so."""
    if code in (6, 7):
        used = code - 5
        return int.from_bytes(after[:used], "big") + 1, used
    if code == 1:
        return 192, 0
    return (0 if code == 0 else 576 << (code - 2) if code < 6 else 1 << code), 0


def _number_bytes(first: int) -> int:
    """Bytes of a number that is coded as UTF-8 codes characters; 0 where it begins with no such byte."""
    ones = 8 - (first ^ 0xFF).bit_length()
    return 1 if ones == 0 else ones if 2 <= ones <= 7 else 0


def _number(data: bytes) -> int:
    value = data[0] & (0x7F if len(data) == 1 else 0xFF >> (len(data) + 1))
    for byte in data[1:]:
        value = value << 6 | byte & 0x3F
    return value


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc16(data: bytes) -> int:
    """0 for a frame that is followed by its own checksum."""
    crc = 0
    for byte in data:
        crc = crc << 8 & 0xFFFF ^ _CRC16[crc >> 8 ^ byte]
    return crc


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        crc = byte << (bits - 8)
        for _ in range(8):
            crc = crc << 1 ^ (polynomial if crc >> (bits - 1) & 1 else 0)
        rows.append(crc & ((1 << bits) - 1))
    return tuple(rows)


_CRC8: Final = _table(0x07, 8)
_CRC16: Final = _table(0x8005, 16)
