"""MIDI messages that wait for the thread that plays, which takes a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from mido import Message

Key = tuple[str, int, int]

CALM: Final = 64
# Controllers whose order says something: data entry and its numbers, banks, pedals, and commands.
_ORDERED: Final = frozenset((0, 32, 6, 38, *range(64, 70), *range(96, 102), *range(120, 128)))


class Inbox:
    """Messages in the order in which they came; any thread may append, and one takes.

    Where more than `CALM` wait, a controller, a bend or a pressure replaces the value of its own that waits.
    Notes, program changes and everything whose order matters are kept. No thread waits for another: each step
    is one that the interpreter does not divide.
    """

    def __init__(self) -> None:
        self.replaced = 0
        self._queue: deque[Message | Key] = deque()
        self._newest: dict[Key, Message] = {}
        self._waiting: set[Key] = set()

    def __len__(self) -> int:
        return len(self._queue)

    def append(self, message: Message) -> None:
        """Let a message wait."""
        key = None if len(self._queue) < CALM else _key(message)
        if key is None:
            self._queue.append(message)
            return
        self._newest[key] = message
        if key in self._waiting:
            self.replaced += 1
        else:
            self._waiting.add(key)
            self._queue.append(key)

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
