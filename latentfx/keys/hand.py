"""What MIDI says of one voice: the key that sounds, how hard, how bent, how pressed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mido import Message

_CHANNELS: Final = 16
_LOWER, _UPPER = 0, 15  # the master channels of the two zones of MPE
_DATA, _DATA_FINE, _SUSTAIN, _TIMBRE = 6, 38, 64, 74
_RPN_FINE, _RPN, _NRPN_FINE, _NRPN = 100, 101, 98, 99
_SOUND_OFF, _RESET, _NOTES_OFF = 120, 121, 123
_NOTHING: Final = (127, 127)
_BEND_RANGE, _ZONE = (0, 0), (0, 6)
_BEND_ST: Final = 2.0
_MEMBER_BEND_ST: Final = 48.0
_MOST_BEND_ST: Final = 96.0


@dataclass(frozen=True)
class Key:
    """A key that is down, or held by a pedal.

    Args:
        channel: 0 to 15.
        note: 0 to 127.
        velocity: 1 to 127.
    """

    channel: int
    note: int
    velocity: int


@dataclass
class _Touch:
    """What one MIDI channel said last of everything but keys."""

    bend: float = 0.0
    bend_st: float = _BEND_ST
    pressure: float = 0.0
    timbre: float = 0.5
    pedal: bool = False
    chosen: tuple[int, int] = _NOTHING
    registered: bool = False


class Hand:
    """Keys and touch of one voice: the key that was pressed last sounds, of those that are held.

    With MPE, each key has a channel of its own, whose bend, pressure and timbre (controller 74) are its own;
    those of the zone's master channel add to them. A controller says so itself, by the message that MPE has
    for it. Without, every channel is for itself.
    """

    def __init__(self) -> None:
        self._touch = [_Touch() for _ in range(_CHANNELS)]
        self._masters: list[int | None] = [None] * _CHANNELS  # of each member channel
        self._held: list[Key] = []
        self._let_go: list[Key] = []  # held by the pedal alone
        self._key_pressure: dict[tuple[int, int], float] = {}

    @property
    def key(self) -> Key | None:
        """The key that sounds."""
        return self._held[-1] if self._held else None

    @property
    def pitch_st(self) -> float:
        """Note number that sounds, with its bend; 69 is A at 440 Hz."""
        key = self.key
        if key is None:
            return 0.0
        return key.note + sum(touch.bend * touch.bend_st for touch in self._touches(key))

    @property
    def pressure(self) -> float:
        """How hard the key is pressed, 0 to 1."""
        key = self.key
        if key is None:
            return 0.0
        own = self._key_pressure.get((key.channel, key.note), 0.0)
        return max(own, *(touch.pressure for touch in self._touches(key)))

    @property
    def timbre(self) -> float:
        """Where controller 74 is, 0 to 1; 0.5 where it said nothing."""
        key = self.key
        if key is None:
            return 0.5
        return min(max(0.5 + sum(touch.timbre - 0.5 for touch in self._touches(key)), 0.0), 1.0)

    def hear(self, message: Message) -> None:
        """Take one message; those that say nothing of a voice change nothing."""
        reader = _READERS.get(message.type)
        if reader is not None:
            reader(self, message)

    def release_all(self, _: Message | None = None) -> None:
        """Let every key and pedal go."""
        self._held.clear()
        self._let_go.clear()
        self._key_pressure.clear()
        for touch in self._touch:
            touch.pedal = False

    def _touches(self, key: Key) -> list[_Touch]:
        """The channel of a key, and the master of its zone."""
        master = self._masters[key.channel]
        own = self._touch[key.channel]
        return [own] if master is None else [own, self._touch[master]]

    def _note_on(self, message: Message) -> None:
        if message.velocity == 0:
            self._note_off(message)
            return
        self._forget(message.channel, message.note)
        self._held.append(Key(message.channel, message.note, message.velocity))

    def _note_off(self, message: Message) -> None:
        found = [key for key in self._held if (key.channel, key.note) == (message.channel, message.note)]
        self._key_pressure.pop((message.channel, message.note), None)
        if found and any(touch.pedal for touch in self._touches(found[0])):
            self._let_go += found
        else:
            self._forget(message.channel, message.note)

    def _forget(self, channel: int, note: int) -> None:
        for keys in (self._held, self._let_go):
            keys[:] = [key for key in keys if (key.channel, key.note) != (channel, note)]

    def _pitchwheel(self, message: Message) -> None:
        bend = message.pitch
        self._touch[message.channel].bend = bend / (8191 if bend > 0 else 8192)

    def _aftertouch(self, message: Message) -> None:
        self._touch[message.channel].pressure = message.value / 127

    def _polytouch(self, message: Message) -> None:
        self._key_pressure[message.channel, message.note] = message.value / 127

    def _control_change(self, message: Message) -> None:
        touch, number, value = self._touch[message.channel], message.control, message.value
        if number == _TIMBRE:
            touch.timbre = value / 127
        elif number == _SUSTAIN:
            self._pedal(touch, value >= 64)
        elif number in (_RPN, _RPN_FINE, _NRPN, _NRPN_FINE):
            coarse, fine = touch.chosen
            touch.chosen = (value, fine) if number in (_RPN, _NRPN) else (coarse, value)
            touch.registered = number in (_RPN, _RPN_FINE)
        elif number in (_DATA, _DATA_FINE) and touch.registered:
            self._data(message, touch)
        elif number == _RESET:
            touch.bend, touch.pressure, touch.timbre, touch.chosen = 0.0, 0.0, 0.5, _NOTHING
            self._pedal(touch, False)
        elif number == _SOUND_OFF or number >= _NOTES_OFF:
            for keys in (self._held, self._let_go):
                keys[:] = [key for key in keys if key.channel != message.channel]

    def _pedal(self, touch: _Touch, down: bool) -> None:
        touch.pedal = down
        for key in list(self._let_go):
            if not any(one.pedal for one in self._touches(key)):
                self._forget(key.channel, key.note)

    def _data(self, message: Message, touch: _Touch) -> None:
        """The range of bends, or the channels of a zone."""
        if touch.chosen == _BEND_RANGE:
            whole = message.value if message.control == _DATA else int(touch.bend_st)
            cents = message.value if message.control == _DATA_FINE else 0
            range_st = min(whole + cents / 100, _MOST_BEND_ST)
            for one in self._alike(message.channel):
                one.bend_st = range_st
        elif touch.chosen == _ZONE and message.control == _DATA and message.channel in (_LOWER, _UPPER):
            self._make_zone(message.channel, min(message.value, _CHANNELS - 1))

    def _alike(self, channel: int) -> list[_Touch]:
        """The channels that share a range of bends: all members of a zone, or one channel."""
        master = self._masters[channel]
        if master is None:
            return [self._touch[channel]]
        return [self._touch[member] for member, its in enumerate(self._masters) if its == master]

    def _make_zone(self, master: int, members: int) -> None:
        step = 1 if master == _LOWER else -1
        self._masters = [None if its == master else its for its in self._masters]
        self._touch[master].bend_st = _BEND_ST
        self._masters[master] = None
        for member in range(master + step, master + step * (members + 1), step):
            self._masters[member] = master
            self._touch[member].bend_st = _MEMBER_BEND_ST


_READERS: dict[str, Callable[[Hand, Message], None]] = {
    "note_on": Hand._note_on,
    "note_off": Hand._note_off,
    "pitchwheel": Hand._pitchwheel,
    "aftertouch": Hand._aftertouch,
    "polytouch": Hand._polytouch,
    "control_change": Hand._control_change,
    "reset": Hand.release_all,
}
