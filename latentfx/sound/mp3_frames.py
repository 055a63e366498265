"""Counts the frames of an MP3 file. Its header only estimates them, or counts those of its first part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from latentfx.sound.splice import read_at, size_of

_HEADER = 4
_CHUNK = 1 << 20
_LONGEST_FRAME = 8 * 1024
_BACK = 2 * _LONGEST_FRAME  # kept of what lies before: the search looks at the next frame and comes back
_MOST_TRIES = 50_000
_MAYBE = re.compile(rb"\xff[\xe2-\xff][\x10-\xef]", re.DOTALL)
_RATES = (44_100, 48_000, 32_000)
_KBPS: Final = {
    (1, 1): tuple(range(0, 449, 32)),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBPS[2, 3] = _KBPS[2, 2]
_ID3_HEADER = 10
_TAG_V1 = 128
_APE_HEADER = 32
_INFO_BYTES = 64  # header, side information, the word Info, its flags and its count fit into it


@dataclass(frozen=True)
class FrameHeader:
    """The four bytes before every MPEG audio frame.

    Args:
        bits: as a number, the first byte the highest.
    """

    bits: int

    @property
    def stream(self) -> tuple[int, int, int]:
        """What stays the same in a stream: version bits, layer, rate in Hz."""
        return self.bits >> 19 & 3, 4 - (self.bits >> 17 & 3), self.sample_rate

    @property
    def layer(self) -> int:
        """1, 2 or 3."""
        return 4 - (self.bits >> 17 & 3)

    @property
    def mono(self) -> bool:
        """Whether there is one channel."""
        return self.bits >> 6 & 3 == 3

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return _RATES[self.bits >> 10 & 3] >> {3: 0, 2: 1, 0: 2}[self.bits >> 19 & 3]

    @property
    def samples(self) -> int:
        """Samples of one channel."""
        return {1: 384, 2: 1152, 3: 1152 if self._full else 576}[self.layer]

    @property
    def size(self) -> int:
        """Bytes of the frame, the header among them."""
        bits_per_s = 1000 * _KBPS[1 if self._full else 2, self.layer][self.bits >> 12 & 15]
        padding = self.bits >> 9 & 1
        if self.layer == 1:
            return (12 * bits_per_s // self.sample_rate + padding) * 4
        return self.samples // 8 * bits_per_s // self.sample_rate + padding

    @property
    def _full(self) -> bool:
        return self.bits >> 19 & 3 == 3

    @classmethod
    def parse(cls, data: bytes) -> FrameHeader | None:
        """Read a header; None where these bytes are none, or the bit rate is free."""
        bits = int.from_bytes(data[:_HEADER], "big")
        wrong = (
            len(data) < _HEADER
            or bits >> 21 != 0x7FF
            or bits >> 19 & 3 == 1
            or bits >> 17 & 3 == 0
            or bits >> 12 & 15 in (0, 15)
            or bits >> 10 & 3 == 3
        )
        return None if wrong else cls(bits)


@dataclass(frozen=True)
class Mp3Frames:
    """The frames of a file.

    Args:
        first: the first header.
        start: position of the first frame that holds sound.
        count: whole frames that hold sound.
        declared: as many as the Xing, Info or VBRI header says; None where there is none.
        whole: whether the last frame is there to its end.
        tags: the ID3 tag at the start of the file.
        changes: position in samples at which the rate becomes another; None where it does not.
    """

    first: FrameHeader
    start: int
    count: int
    declared: int | None
    whole: bool
    tags: bytes
    changes: int | None

    @property
    def samples(self) -> int:
        """Samples of one channel."""
        return self.count * self.first.samples

    @property
    def is_cut(self) -> bool:
        """Whether the file ends before its last frame does, or before as many frames as it declares."""
        return not self.whole or (self.declared is not None and self.declared > self.count + 1)

    @property
    def is_declared(self) -> bool:
        """Whether the file's own header counts its frames."""
        return self.declared is not None and abs(self.declared - self.count) <= 1

    def head(self) -> bytes:
        """The start of a file of the same sound whose header counts all frames: the tag, an Info frame."""
        clear = self.first.bits & ~(0xF << 12 | 1 << 9) | 1 << 16  # no bit rate, no padding, no checksum
        frame = next(
            header
            for index in range(1, 15)
            if (header := FrameHeader(clear | index << 12)).size >= _INFO_BYTES
        )
        side = bytes(_side_bytes(frame))
        info = frame.bits.to_bytes(_HEADER, "big") + side + b"Info\0\0\0\1" + self.count.to_bytes(4, "big")
        return self.tags + info.ljust(frame.size, b"\0")


def count_frames(file: BinaryIO) -> Mp3Frames | None:
    """Walk through all frames of an MP3 file: a few milliseconds for each minute of sound.

    Returns:
        None where no frame is found.
    """
    window = _Window(file)
    tags = read_at(file, 0, _tag_size(window, 0))
    walk = iter(_walk(window, len(tags)))
    opening = next(walk, None)
    if opening is None:
        return None
    position, first = opening
    declared = _declared(first, window.at(position, _LONGEST_FRAME)[: first.size])
    start, end, count, changes = position, position + first.size, 1, None
    if declared is not None:
        start, count = end, 0
    for position, header in walk:
        if header.sample_rate != first.sample_rate and changes is None:
            changes = count * first.samples
        end = position + header.size
        count += 1
    whole = end <= window.size
    return Mp3Frames(first, start, count - (not whole), declared, whole, tags, changes)


class _Window:
    """A file, looked at in large pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = size_of(file)
        self._chunk, self._start = b"", 0

    def at(self, position: int, size: int) -> bytes:
        """Bytes at a position; fewer where the file ends."""
        offset = position - self._start
        if offset < 0 or offset + size > len(self._chunk):
            self._start = max(position - _BACK, 0)
            self._chunk = read_at(self._file, self._start, max(_CHUNK, _BACK + size))
            offset = position - self._start
        return self._chunk[offset : offset + size]

    def find(self, mark: re.Pattern[bytes], position: int) -> int:
        """The next position at which something stands; the file's size where it does not."""
        while self.at(position, _HEADER):
            found = mark.search(self._chunk, position - self._start)
            if found is not None:
                return self._start + found.start()
            position = max(self._start + len(self._chunk) - _HEADER, position) + 1
        return self.size


def _walk(window: _Window, position: int) -> Iterator[tuple[int, FrameHeader]]:
    """Every frame with its position; tags and what is no frame are passed over."""
    known: FrameHeader | None = None
    while position < window.size:
        header = FrameHeader.parse(window.at(position, _HEADER))
        if header is not None and (known is None or header.stream != known.stream):
            header = header if _is_followed(window, position, header) else None
        if header is not None:
            yield position, header
            known, position = header, position + header.size
        elif size := _tag_size(window, position):
            position += size
        else:
            position = _next_frame(window, position + 1, known)


def _next_frame(window: _Window, position: int, known: FrameHeader | None) -> int:
    """The next position of a frame; the file's size where there is none, or where all is like frames."""
    for _ in range(_MOST_TRIES):
        position = window.find(_MAYBE, position)
        if position >= window.size:
            break
        header = FrameHeader.parse(window.at(position, _HEADER))
        same = header is not None and (known is None or header.stream == known.stream)
        if header is not None and same and _is_followed(window, position, header):
            return position
        position += 1
    return window.size


def _is_followed(window: _Window, position: int, header: FrameHeader) -> bool:
    """Whether a frame like it, a tag or the end of the file comes after a frame."""
    after = position + header.size
    follower = FrameHeader.parse(window.at(after, _HEADER))
    if follower is not None:
        return follower.stream == header.stream
    return after == window.size or bool(_tag_size(window, after))


def _tag_size(window: _Window, position: int) -> int:
    """Bytes of the ID3 or APE tag at a position; 0 where there is none."""
    mark = window.at(position, _APE_HEADER)
    if mark[:3] == b"ID3" and len(mark) >= _ID3_HEADER:
        size = 0
        for byte in mark[6:_ID3_HEADER]:
            size = size << 7 | byte & 0x7F
        return _ID3_HEADER + size + (_ID3_HEADER if mark[5] & 0x10 else 0)
    if mark[:8] == b"APETAGEX":
        return _APE_HEADER + int.from_bytes(mark[12:16], "little")
    return _TAG_V1 if mark[:3] == b"TAG" and window.size - position <= _TAG_V1 else 0


def _side_bytes(header: FrameHeader) -> int:
    """Bytes of the side information between a header and the word Xing."""
    if header.stream[0] == 3:
        return 17 if header.mono else 32
    return 9 if header.mono else 17


def _declared(header: FrameHeader, frame: bytes) -> int | None:
    """The number of frames that a Xing, Info or VBRI header gives; 0 where it has none to give."""
    if header.layer != 3:
        return None
    for at in (_side_bytes(header) + _HEADER, _side_bytes(header) + _HEADER + 2):
        if frame[at : at + 4] in (b"Xing", b"Info"):
            return int.from_bytes(frame[at + 8 : at + 12], "big") if frame[at + 7 : at + 8][0] & 1 else 0
    vbri = _HEADER + 32
    return int.from_bytes(frame[vbri + 14 : vbri + 18], "big") if frame[vbri : vbri + 4] == b"VBRI" else None
