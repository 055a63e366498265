"""MIDI messages that wait for the thread that plays, which takes a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mido import Message

Key = tuple[str, int, int]

CALM: Final = 64
FLOOD: Final = 1 << 12
MOST: Final = 1 << 14
# Controllers whose order says something: data entry and its numbers, banks, pedals, and commands.
_ORDERED: Final = frozenset((0, 32, 6, 38, *range(64, 70), *range(96, 102), *range(120, 128)))


@dataclass
class Counts:
    """Messages that were not heard.

    Args:
        replaced: by a newer value of the same controller, bend or pressure.
        dropped: because too many waited.
    """

    replaced: int = 0
    dropped: int = 0

    def now(self) -> Counts:
        """The counts as they are now."""
        return Counts(self.replaced, self.dropped)


class Inbox:
    """Messages in the order in which they came; any thread may append, and one takes.

    Where more than `CALM` wait, a controller, a bend or a pressure replaces the value of its own that waits.
    Notes, program changes and everything whose order matters are kept. Only where `MOST` wait, which no
    player reaches, are keys that go down dropped, and at twice as many everything. No thread waits for
    another: each step is one that the interpreter does not divide.

    Args:
        counts: what was replaced and dropped before.
    """

    def __init__(self, counts: Counts | None = None) -> None:
        self.counts = counts or Counts()
        self._queue: deque[Message | Key] = deque()
        self._newest: dict[Key, Message] = {}
        self._waiting: set[Key] = set()

    def __len__(self) -> int:
        return len(self._queue)

    def is_flooded(self) -> bool:
        """Whether so many messages wait that who can wait with the next ones should."""
        return len(self._queue) > FLOOD

    def append(self, message: Message) -> None:
        """Let a message wait."""
        key = None if len(self._queue) < CALM else _key(message)
        if key is None:
            self._queue_up(message)
            return
        self._newest[key] = message
        if key in self._waiting:
            self.counts.replaced += 1
        else:
            self._waiting.add(key)
            self._queue.append(key)

    def _queue_up(self, message: Message) -> None:
        least = MOST if message.type == "note_on" and message.velocity else 2 * MOST
        if len(self._queue) < least:
            self._queue.append(message)
        else:
            self.counts.dropped += 1

    def take(self, most: int) -> Iterator[Message]:
        """Take the next messages, at most so many."""
        for _ in range(min(most, len(self._queue))):
            first = self._queue.popleft()
            if isinstance(first, tuple):
                self._waiting.discard(first)  # before it is taken: what comes now waits anew
                first = self._newest.pop(first, None)
            if first is not None:
                yield first


def _key(message: Message) -> Key | None:
    """What a message sets, where only its newest value counts; else None."""
    if message.type == "control_change":
        return None if message.control in _ORDERED else ("cc", message.channel, message.control)
    if message.type in ("pitchwheel", "aftertouch"):
        return message.type, message.channel, 0
    if message.type == "polytouch":
        return message.type, message.channel, message.note
    return None
