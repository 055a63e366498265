"""The journal of a batch, by which a run that was stopped goes on: one line of JSON for each recording.

It lies beside the results: `latentfx-batch.jsonl`, or `latentfx-batch-3-of-16.jsonl` for a part of a batch.
The lines of all journals in the folder count, and of one target the newest. A line with `void` says that a
result of other settings is about to be replaced.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np

from latentfx.batch import stores
from latentfx.batch.hashes import hash64
from latentfx.batch.plan import JOURNALS, Shard
from latentfx.batch.task import Outcome, Task
from latentfx.errors import BusyError, LatentFXError

_FLUSH_S: Final = 10.0
_NOTHING: Final = 0
_PATIENCE: Final = 20  # a journal in a store is sent at most for a 20th of the time


@dataclass(frozen=True)
class MadeOf:
    """What a result depends on beside its recording.

    Args:
        settings: hash of the controls, the reference, the side-chain, the moves.
        plugin: hash of the plugin's file.
    """

    settings: str
    plugin: str

    def of(self, below: str, stamp: int) -> int:
        """The hash of all that one result depends on."""
        return hash64(below, f"{stamp:016x}", self.settings, self.plugin)


class Done:
    """What journals say is done: 24 bytes for each line, whatever the lines hold.

    Args:
        lines: of all journals.
        key: what the results of this run depend on.
    """

    def __init__(self, lines: Iterable[dict[str, Any]], key: MadeOf) -> None:
        targets, keys, times = array("Q"), array("Q"), array("d")
        for line in lines:
            if not isinstance(below := line.get("target"), str):
                continue
            ended = not line.get("error") and not line.get("void")
            made = MadeOf(str(line.get("settings")), str(line.get("plugin")))
            targets.append(hash64(below))
            times.append(float(line.get("time", 0.0)))
            keys.append(made.of(below, _number(line.get("stamp"))) if ended else _NOTHING)
        order = np.lexsort((np.array(times), np.array(targets)))
        self._targets = np.array(targets)[order]
        self._keys = np.array(keys)[order]
        self._key = key

    def __len__(self) -> int:
        return len(self._targets)

    def holds(self, task: Task) -> bool:
        """Whether the result was made from this very recording, with this plugin and these settings."""
        return self._found(task) == self._key.of(task.below, task.stamp)

    def holds_other(self, task: Task) -> bool:
        """Whether the result was made from something else, or with other settings."""
        return self._found(task) not in (_NOTHING, self._key.of(task.below, task.stamp))

    def _found(self, task: Task) -> int:
        target = hash64(task.below)
        at = int(np.searchsorted(self._targets, np.uint64(target), side="right")) - 1
        return int(self._keys[at]) if at >= 0 and int(self._targets[at]) == target else _NOTHING


class Journal(ABC):
    """A journal that grows while a batch runs.

    Args:
        path: of the journal.
        key: what the results of this run depend on.
    """

    def __init__(self, path: str, key: MadeOf) -> None:
        self.path = path
        self.trouble = ""
        self._key = key

    def void(self, task: Task) -> None:
        """Write that a result of other settings is about to be replaced."""
        self._write({"target": task.below, "void": True, "time": time.time()})

    def add(self, task: Task, outcome: Outcome) -> None:
        """Write the line of a recording."""
        line = {
            "source": task.source,
            "target": task.below,
            "stamp": f"{task.stamp:016x}",
            "settings": self._key.settings,
            "plugin": self._key.plugin,
            "seconds": round(outcome.seconds, 3),
            "took_s": round(outcome.took_s, 3),
            "notes": outcome.notes,
            "error": outcome.error,
            "time": time.time(),
        }
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        self.put(json.dumps(line).encode() + b"\n")

    @abstractmethod
    def put(self, line: bytes) -> None:
        """Take a line."""

    @abstractmethod
    def close(self) -> None:
        """Write what is left."""


class LocalJournal(Journal):
    """A journal on this machine; a run holds it alone.

    Lines that the disk has no room for are kept, and tried again with the next.

    Raises:
        BusyError: another run holds it.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str, key: MadeOf) -> None:
        super().__init__(path, key)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._waiting: list[bytes] = []
        try:
            _lock(self._file, path)
            self._end = _whole_lines(self._file)
        except BaseException:
            os.close(self._file)
            raise

    def put(self, line: bytes) -> None:
        self._waiting.append(line)
        try:
            while self._waiting:
                self._append(self._waiting[0])
                self._waiting.pop(0)
            self.trouble = ""
        except OSError as error:
            self.trouble = (
                f"{self.path} cannot be written ({error.strerror}): {len(self._waiting)} results are not in "
                "it, and the next run makes them again. Free some space"
            )

    def close(self) -> None:
        os.close(self._file)

    def _append(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                written += os.pwrite(self._file, line[written:], self._end + written)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end += written


class StoredJournal(Journal):
    """A journal in a store, which is written anew from time to time: objects cannot grow.

    Args:
        path: URL of the journal.
        key: what the results of this run depend on.
        flush_s: time between two writings.
    """

    def __init__(self, path: str, key: MadeOf, flush_s: float = _FLUSH_S) -> None:
        super().__init__(path, key)
        self._file = cast("BinaryIO", tempfile.NamedTemporaryFile(prefix="latentfx-", suffix=".jsonl"))  # noqa: SIM115
        with suppress(LatentFXError), stores.reading(path) as before:
            shutil.copyfileobj(before, self._file)
        self._flush_s, self._due_s = flush_s, 0.0
        self._is_new = True

    def put(self, line: bytes) -> None:
        self._file.write(line)
        self._is_new = True
        if time.monotonic() >= self._due_s:
            self._send()

    def close(self) -> None:
        if self._is_new:
            self._send()
        self._file.close()

    def _send(self) -> None:
        begin = time.monotonic()
        try:
            self._file.flush()
            stores.upload(Path(self._file.name), self.path)
            self._is_new, self.trouble = False, ""
        except (LatentFXError, OSError) as error:
            self.trouble = f"the journal cannot be written: {error}. The next run makes its results again"
        now = time.monotonic()
        self._due_s = now + max(self._flush_s, _PATIENCE * (now - begin))


def open_journal(target: str, shard: Shard, key: MadeOf) -> Journal:
    """Open the journal of a batch, or of a part of one, in the folder of the results."""
    part = "" if shard.count == 1 else f"-{shard.number}-of-{shard.count}"
    name = f"{JOURNALS}{part}.jsonl"
    if stores.scheme_of(target):
        return StoredJournal(stores.join(target, name), key)
    return LocalJournal(str(Path(target) / name), key)


def read_journals(target: str) -> Iterator[dict[str, Any]]:
    """Read the whole lines of every journal in a folder or behind a URL."""
    if stores.scheme_of(target):
        for url, below, _ in stores.search(stores.join(target, f"{JOURNALS}*.jsonl"), ""):
            if below.startswith(JOURNALS):
                with stores.reading(url) as file:
                    yield from _lines(file)
        return
    for path in sorted(Path(target).glob(f"{JOURNALS}*.jsonl")):
        with suppress(OSError), path.open("rb") as file:
            yield from _lines(file)


def _lines(file: BinaryIO) -> Iterator[dict[str, Any]]:
    while text := file.readline():
        with suppress(ValueError):
            line = json.loads(text)
            if isinstance(line, dict):
                yield line


def _number(stamp: object) -> int:
    try:
        return int(str(stamp), 16)
    except ValueError:
        return 0


def _lock(file: int, path: str) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BusyError(
                f"{path} belongs to a run that is not over; wait for it, choose another target, or split the "
                "batch with --shard 1/2 and --shard 2/2 (shard=)"
            ) from None  # other errors: a file system without locks


def _whole_lines(file: int) -> int:
    """Where the last whole line ends; what follows, of a run that was killed, is cut off."""
    size = os.fstat(file).st_size
    at = size
    while at > 0:
        start = max(at - 65536, 0)
        found = os.pread(file, at - start, start).rfind(b"\n")
        if found >= 0:
            at = start + found + 1
            break
        at = start
    if at < size:
        os.ftruncate(file, at)
    return at
