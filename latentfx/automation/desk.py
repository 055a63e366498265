"""The controls: where the player put them, and where the plugin hears them on their way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count
from math import exp

import numpy as np
from mido import Message

from latentfx.arrays import Float32
from latentfx.automation.inbox import CALM, Inbox
from latentfx.automation.moves import Move, Recall, Turn
from latentfx.errors import ControlError
from latentfx.host.runtime import LatentPlugin
from latentfx.preset import Preset
from latentfx.spec import Setting

PRESET_GLIDE_S = 0.05
_NEAR = 1e-4
_MOST_WAITING = 4096

_Due = tuple[float, int, list[tuple[int, float]]]  # time, number, controls and their values


class Desk:
    """Controls between the threads that turn them and the one that plays.

    Args:
        plugin: where the controls start; two copies are made of it.
        began_s: seconds that were played before the first hop.
        position: seconds of the stream at a time.
    """

    def __init__(
        self, plugin: LatentPlugin, began_s: float = 0.0, position: Callable[[float], float] = float
    ) -> None:
        self.panel = plugin.copy()
        self.playing = plugin.copy()
        self.messages = Inbox()
        self.handle: Callable[[Message], None] | None = None
        spec = plugin.spec
        self._hop_s = spec.block_size / spec.sample_rate
        self._pace = np.ones(len(spec.controls), np.float32)
        self._whole = np.array([control.curve == "integer" for control in spec.controls], bool)
        self._near = np.array([_NEAR * (c.maximum - c.minimum) for c in spec.controls], np.float32)
        self._gliding = 0
        self._smooth = False
        self._hops = 0
        self._recalled: deque[tuple[Preset, Float32]] = deque()
        self._log: deque[Move] | None = None
        self._began_s = began_s
        self._known = self.panel.controls.values_row.copy()
        self._coming: deque[_Due] = deque()
        self._due: list[_Due] = []
        self._count = count()
        self._position = position

    def anew(self, began_s: float) -> Desk:
        """The same controls where they are, with the messages that wait, for a plugin that begins anew.

        Args:
            began_s: seconds that were played before.
        """
        desk = Desk(self.panel, began_s, self._position)
        desk.messages = self.messages
        desk.write_down(self._log)
        return desk

    def next(self, preset: Preset, began_s: float) -> Desk:
        """A desk for the plugin of a preset, which takes over; see `anew`."""
        desk = Desk(preset.load(), began_s, self._position)
        desk.messages = Inbox(self.messages.counts)
        if self._log is not None:
            self._log.append(Move(began_s, Recall(preset)))
        desk.write_down(self._log)
        return desk

    def smooth(self, index: int, smoothing_ms: float) -> None:
        """Let a control go two thirds of the way to its new value in so many ms; 0 for at once."""
        self._pace[index] = 1.0 if smoothing_ms <= 0 else 1 - exp(-1000 * self._hop_s / smoothing_ms)
        self._pace[self._whole] = 1.0
        self._smooth = bool((self._pace < 1).any())

    def write_down(self, log: deque[Move] | None) -> None:
        """Write every move into a log, at the middle of the hop that hears it first; None ends that."""
        self._known[:] = self.panel.controls.values_row
        self._log = log

    def schedule(self, time_s: float, settings: Mapping[str, Setting]) -> None:
        """Set controls and blends at a time: from the hop on in which its `position` lies.

        Raises:
            ControlError: a control that does not exist, a value that is not allowed, or too many that wait.
        """
        if len(self._due) + len(self._coming) >= _MOST_WAITING:
            raise ControlError(f"{_MOST_WAITING} moves wait for their time already; send them later")
        found = [end for name, value in settings.items() for end in ends(self.panel, name, value)]
        self._coming.append((time_s, next(self._count), found))

    def recall(self, preset: Preset) -> None:
        """Set the controls of a preset; they glide there.

        Raises:
            PresetError: the preset does not fit the plugin.
        """
        wanted = self.panel.copy()
        preset.set(wanted)
        row = wanted.controls.values_row
        self._recalled.append((preset, row))
        np.copyto(self.panel.controls.values_row, row)  # in one step

    def before_hops(self, hops: int) -> int:
        """Hear what MIDI said, and bring the controls of the coming hops where they should be.

        Returns:
            For how many of the hops they stay there: one while they are on their way, else all.
        """
        log = self._log
        recalled = self._recalled
        while recalled:
            preset, there = recalled.popleft()
            self._gliding = max(round(PRESET_GLIDE_S / self._hop_s), 1)
            if log is not None:
                self._note(log, Recall(preset))
                self._known[:] = there
        hops = self._set_due(hops)
        if log is not None:
            self._note_turns(log)
        self._hear_messages(CALM * hops)
        if log is not None:
            self._known[:] = self.panel.controls.values_row
        stay = self._move(hops)
        self._hops += stay
        return stay

    def _hear_messages(self, most: int) -> None:
        """Hear what waits, at most so many; without a map, everything waits on."""
        handle, log = self.handle, self._log
        if handle is None:
            return
        for message in self.messages.take(most):
            if log is not None and message.type not in ("program_change", "sysex"):
                self._note(log, message)
            handle(message)

    def _set_due(self, hops: int) -> int:
        """Set what is due, and say how many of the hops may run before more is: a power of 2."""
        due = self._due
        while self._coming:
            heappush(due, self._coming.popleft())
        row = self.panel.controls.values_row
        while due:
            left = int((self._position(due[0][0]) - self._began_s) / self._hop_s) - self._hops
            if left > 0:
                return min(hops, 1 << (left.bit_length() - 1))
            for index, value in heappop(due)[2]:
                row[index] = value
        return hops

    def _move(self, hops: int) -> int:
        """Bring the controls one hop further on their way, or leave them for all of the hops."""
        row, wanted = self.playing.controls.values_row, self.panel.controls.values_row
        if not (self._gliding or self._smooth) or np.array_equal(row, wanted):
            np.copyto(row, wanted)
            self._gliding = max(self._gliding - hops, 0)
            return hops
        pace = self._pace
        if self._gliding:
            pace = np.minimum(pace, np.where(self._whole, 1, np.float32(1 / self._gliding)))
            self._gliding -= 1
        moved = row + pace * (wanted - row)
        np.copyto(row, np.where((pace == 1) | (np.abs(wanted - moved) < self._near), wanted, moved))
        return 1

    def _note_turns(self, log: deque[Move]) -> None:
        """Write down what was turned since the last hop, other than by MIDI and presets."""
        row = self.panel.controls.values_row
        if not np.array_equal(row, self._known):
            for index in np.flatnonzero(row != self._known):
                self._note(log, Turn(self.panel.spec.controls[index].name, float(row[index])))

    def _note(self, log: deque[Move], what: Message | Turn | Recall) -> None:
        log.append(Move(self._began_s + (self._hops + 0.5) * self._hop_s, what))


def ends(plugin: LatentPlugin, name: str, value: Setting) -> list[tuple[int, float]]:
    """The controls that a setting moves, and their values there.

    Raises:
        ControlError: no such control or blend, or a value that is not allowed.
    """
    spec = plugin.spec
    blend = plugin.blends.get(name)
    if blend is None:
        index = spec.index(name)
        return [(index, spec.controls[index].check(value))]  # type: ignore[arg-type]  # it refuses text
    weights = blend.weights(value)  # type: ignore[arg-type]  # it refuses numbers
    return [(spec.index(control), weight) for control, weight in weights.items()]
