"""MIDI messages, and the controls that they turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mido import Message

from latentfx.automation.desk import Desk
from latentfx.binding import Binding, Source, Target, has_steps
from latentfx.errors import ControlError, MidiError
from latentfx.host.runtime import LatentPlugin

_DATA, _DATA_FINE, _NRPN_FINE, _NRPN, _RPN_FINE, _RPN = 6, 38, 98, 99, 100, 101
_SOUND_OFF, _RESET, _NOTES_OFF = 120, 121, 123  # controllers from 120 on are commands
_NOTHING = 127, 127  # the parameter that stands for none
_FINE = 32  # a controller's fine half lies so much higher


@dataclass
class _Channel:
    """What one MIDI channel said last."""

    coarse: dict[int, int] = field(default_factory=dict)
    fine: dict[int, int] = field(default_factory=dict)
    chosen: tuple[int, int] | None = None
    registered: bool = False
    data: dict[int, tuple[int, int | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Bound:
    binding: Binding
    target: Target


class MidiMap:
    """Turns the controls of a desk as messages say. Runs in the thread that plays, before each hop.

    Args:
        desk: the controls.
        bindings: the player's own: what turns what, whatever preset is chosen.
        on_program: called with the number of a program change.

    Raises:
        ControlError: a binding of a control that the plugin does not have.
        MidiError: a binding that makes no sense for it.
    """

    def __init__(
        self, desk: Desk, bindings: Iterable[Binding] = (), on_program: Callable[[int], None] | None = None
    ) -> None:
        self._desk = desk
        self._on_program = on_program
        self._bound: tuple[_Bound, ...] = ()
        self._channels = [_Channel() for _ in range(16)]
        self._held: list[tuple[int, int]] = []
        self._rest: dict[Binding, tuple[float, float]] = {}  # where a control was, and where keys put it
        self.learning: str | None = None
        self.own = tuple(bindings)
        self.received = 0
        self.replace(self.own)
        desk.handle = self.handle

    def attach(self, desk: Desk) -> None:
        """Turn another desk of the same plugin, and let every key go: it may be let go while nobody hears."""
        self.release_all()
        desk.panel.controls.values_row[:] = self.plugin.controls.values_row
        self._desk = desk
        desk.handle = self.handle
        self._bind(self._bound)

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What turns what."""
        return tuple(bound.binding for bound in self._bound)

    @property
    def plugin(self) -> LatentPlugin:
        """The plugin whose controls are turned."""
        return self._desk.panel

    @property
    def keys(self) -> tuple[int, ...]:
        """The notes of the keys that are held, the last one last."""
        return tuple(note for _, note in list(self._held))

    def bind(self, binding: Binding) -> None:
        """Add a binding.

        Raises:
            ControlError: a control that the plugin does not have, or a value that it does not allow.
            MidiError: a binding that makes no sense for it.
        """
        self._bind((*self._bound, _Bound(binding, binding.target(self.plugin.spec))))

    def replace(self, bindings: Iterable[Binding]) -> None:
        """Bind these and no others.

        Raises:
            ControlError: a control that the plugin does not have, or a value that it does not allow.
            MidiError: a binding that makes no sense for it.
        """
        self._bind(tuple(_Bound(binding, binding.target(self.plugin.spec)) for binding in bindings))

    def choose(self, bindings: Iterable[Binding]) -> None:
        """Bind those of a preset beside the player's own, which win where both listen to the same source.

        Raises:
            ControlError: a control that the plugin does not have, or a value that it does not allow.
            MidiError: a binding that makes no sense for it.
        """
        free = (b for b in bindings if not any(b.source.overlaps(own.source) for own in self.own))
        self.replace((*filter(self._fits, self.own), *free))

    def unbind(self, control: str) -> None:
        """Take every binding off a control."""
        self._bind(tuple(bound for bound in self._bound if bound.binding.control != control))

    def _bind(self, bound: tuple[_Bound, ...]) -> None:
        """Bind these and no others, at one moment; a control is as smooth as its last binding says."""
        paces = {index: 0.0 for before in self._bound for index in before.target.indices}
        paces |= {index: b.binding.smoothing_ms for b in bound for index in b.target.indices}
        for index, smoothing_ms in paces.items():
            self._desk.smooth(index, smoothing_ms)
        self._bound = bound

    def learn(self, control: str) -> None:
        """Bind the next controller that moves to a control; its earlier binding goes.

        Raises:
            ControlError: a control that the plugin does not have.
        """
        self.plugin.spec.index(control)
        self.learning = control

    def release_all(self, _: Message | None = None) -> None:
        """Let every key go, as if the player had; what a system reset asks for too."""
        self._held.clear()
        for bound in self._bound:
            if bound.binding.source.kind == "steps":
                self._release(bound)

    def handle(self, message: Message) -> None:
        """Hear one message."""
        self.received += 1
        reader = _READERS.get(message.type)
        if reader is not None:
            reader(self, message)

    def _control_change(self, message: Message) -> None:
        channel, number, value = self._channels[message.channel], message.control, message.value
        if number in (_NRPN, _NRPN_FINE, _RPN, _RPN_FINE):
            self._select(channel, number, value)
        elif number in (_DATA, _DATA_FINE) and channel.chosen is not None:
            if not channel.registered:  # an RPN, such as the range of bends, is none of ours
                self._data(channel, channel.chosen, message)
        elif number < _SOUND_OFF:
            self._controller(channel, message)
        elif number == _RESET:
            channel.chosen = None
            self._fire("bend", None, message.channel, 0.5, learnable=False)
            self._fire("pressure", None, message.channel, 0.0, learnable=False)
        elif number == _SOUND_OFF or number >= _NOTES_OFF:
            self._held = [key for key in self._held if key[0] != message.channel]
            self._notes(message.channel)

    def _controller(self, channel: _Channel, message: Message) -> None:
        number, value = message.control, message.value
        self._fire("cc", number, message.channel, value / 127)
        if number < _FINE:
            channel.coarse[number] = value
            if number in channel.fine:
                channel.fine[number] = 0
        elif number < 2 * _FINE:
            number -= _FINE
            channel.fine[number] = value
        else:
            return
        position = _join(channel.coarse.get(number, 0), channel.fine.get(number))
        self._fire("cc14", number, message.channel, position, learnable=False)

    def _select(self, channel: _Channel, number: int, value: int) -> None:
        """Choose the parameter that data entry speaks of; its halves come in any order."""
        coarse, fine = channel.chosen or (0, 0)
        chosen = (value, fine) if number in (_NRPN, _RPN) else (coarse, value)
        channel.chosen = None if chosen == _NOTHING else chosen
        channel.registered = number in (_RPN, _RPN_FINE)

    def _data(self, channel: _Channel, chosen: tuple[int, int], message: Message) -> None:
        number = chosen[0] << 7 | chosen[1]
        coarse, fine = channel.data.get(number, (0, None))
        if message.control == _DATA:
            coarse, fine = message.value, None if fine is None else 0
        else:
            fine = message.value
        channel.data[number] = coarse, fine
        self._fire("nrpn", number, message.channel, _join(coarse, fine))

    def _pitchwheel(self, message: Message) -> None:
        bend = message.pitch
        self._fire("bend", None, message.channel, 0.5 + bend / (2 * (8191 if bend > 0 else 8192)))

    def _aftertouch(self, message: Message) -> None:
        self._fire("pressure", None, message.channel, message.value / 127)

    def _note_on(self, message: Message) -> None:
        if message.velocity == 0:
            self._note_off(message)
            return
        if self.learning is not None:
            self._learn_note(message)
        key = (message.channel, message.note)
        if key in self._held:
            self._held.remove(key)
        self._held.append(key)
        self._fire("velocity", None, message.channel, message.velocity / 127, learnable=False)
        self._notes(message.channel)

    def _note_off(self, message: Message) -> None:
        key = (message.channel, message.note)
        if key in self._held:
            self._held.remove(key)
            self._notes(message.channel)

    def _notes(self, channel: int) -> None:
        """The last key that is still held says where to go."""
        for bound in self._bound:
            source = bound.binding.source
            if source.kind not in ("note", "steps") or not _hears(source, channel):
                continue
            held = [note for ch, note in self._held if _hears(source, ch)]
            if not held:
                self._release(bound)
            elif source.kind == "note":
                self._write(bound, held[-1] / 127)
            else:
                self._step(bound, held[-1] - (source.number or 0))

    def _step(self, bound: _Bound, steps: int) -> None:
        """Go so far from the root; where anything else put the control meanwhile, it returns there."""
        row, index = self.plugin.controls.values_row, bound.target.indices[0]
        now = float(row[index])
        rest, written = self._rest.get(bound.binding, (now, now))
        bound.target.write_steps(row, steps)
        self._rest[bound.binding] = rest if now == written else now, float(row[index])

    def _fits(self, binding: Binding) -> bool:
        try:
            binding.target(self.plugin.spec)
        except (ControlError, MidiError):
            return False
        return True

    def _release(self, bound: _Bound) -> None:
        row, index = self.plugin.controls.values_row, bound.target.indices[0]
        rest, written = self._rest.pop(bound.binding, (0.0, None))
        if row[index] == written and bound.binding.release == "return":
            row[index] = rest

    def _program_change(self, message: Message) -> None:
        if self._on_program is not None:
            self._on_program(message.program)

    def _fire(
        self, kind: str, number: int | None, channel: int, position: float, learnable: bool = True
    ) -> None:
        if self.learning is not None and learnable:
            self._learn(Source(kind, number, channel + 1))
        for bound in self._bound:
            source = bound.binding.source
            if source.kind == kind and source.number == number and _hears(source, channel):
                self._write(bound, position)

    def _write(self, bound: _Bound, position: float) -> None:
        bound.target.write(self.plugin.controls.values_row, position)

    def _learn(self, source: Source) -> None:
        control = self.learning
        self.learning = None
        if control is not None:
            self.unbind(control)
            binding = Binding(source, control)
            self._bind(tuple(b for b in self._bound if not b.binding.source.overlaps(source)))
            self.bind(binding)
            kept = (b for b in self.own if b.control != control and not b.source.overlaps(source))
            self.own = (*kept, binding)

    def _learn_note(self, message: Message) -> None:
        """A key is learnt for a control that keys can step along, as the root."""
        spec = self.plugin.spec
        if self.learning is not None and has_steps(spec.controls[spec.index(self.learning)]):
            self._learn(Source("steps", message.note, message.channel + 1))


_READERS: dict[str, Callable[[MidiMap, Message], None]] = {
    "control_change": MidiMap._control_change,
    "pitchwheel": MidiMap._pitchwheel,
    "aftertouch": MidiMap._aftertouch,
    "note_on": MidiMap._note_on,
    "note_off": MidiMap._note_off,
    "program_change": MidiMap._program_change,
    "reset": MidiMap.release_all,
}


def _hears(source: Source, channel: int) -> bool:
    return source.channel in (None, channel + 1)


def _join(coarse: int, fine: int | None) -> float:
    """Both halves as 0 to 1; a device that never sends the fine half reaches 1 too."""
    return coarse / 127 if fine is None else (coarse << 7 | fine) / 16383
