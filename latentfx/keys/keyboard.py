"""Keys in, sound for a plugin's input out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from mido import Message

from latentfx.arrays import Float32
from latentfx.automation.inbox import CALM, Inbox
from latentfx.binding import Binding
from latentfx.errors import MidiError
from latentfx.host.runtime import LatentPlugin
from latentfx.keys.hand import Hand
from latentfx.keys.response import HIGHEST_SHARE, SLOPE_HZ, measure_response
from latentfx.keys.tone import KeyTone
from latentfx.sound.level import LEVEL_DB

_SOUND_OFF: Final = 120
_PIECE: Final = 1 << 14
_USUAL_VELOCITY: Final = 100  # sounds at the level of the training data
_DB_PER_DECADE: Final = 30.0
_PRESSURE_DB: Final = 6.0
_OCTAVES_OF_SLOPE: Final = {"velocity": 1.5, "pressure": 1.0, "timbre": 2.0}
_LOWEST_HZ, _HIGHEST_HZ = 8.0, 12_600.0
_TAKES: Final = {
    "note_on": ("note", "steps"),
    "note_off": ("note", "steps"),
    "pitchwheel": ("bend",),
    "aftertouch": ("pressure",),
}

Bindings = Callable[[], Iterable[Binding]]


def _none() -> tuple[Binding, ...]:
    return ()


class Keyboard:
    """Plays one tone for a plugin, as MIDI keys say.

    The last key that is held sounds. Velocity and pressure make it louder and brighter, bend moves its pitch,
    and controller 74 its brightness. Its attack and release are those of the plugin, measured; its harmonics
    end where the plugin hears no more. A key, a bend or a pressure that a binding listens to turns that
    binding's control, and plays nothing.

    Args:
        plugin: for which it plays.
        sample_rate: Hz.
        bindings: gives what MIDI turns now.
    """

    def __init__(self, plugin: LatentPlugin, sample_rate: float, bindings: Bindings = _none) -> None:
        self.sample_rate = sample_rate
        self._bindings = bindings
        self._inbox = Inbox()
        self._hand = Hand()
        self._sounding = False
        self._tone = KeyTone(sample_rate, HIGHEST_SHARE * sample_rate)
        self.fit(plugin)

    def fit(self, plugin: LatentPlugin) -> None:
        """Play for another plugin from now on."""
        spec = plugin.spec
        self.response = measure_response(plugin)
        self._inputs = spec.in_channels, spec.in_channels - spec.side_channels
        self._tone.highest_hz = HIGHEST_SHARE * min(self.sample_rate, spec.sample_rate)
        self._tone.shape(self.response.attack_s, self.response.release_s)

    @property
    def silent(self) -> bool:
        """Whether nothing sounds, and nothing will before the next key."""
        return self._tone.silent

    def send(self, message: Message) -> None:
        """Hand in a message, from any thread; it is heard from the next block on."""
        self._inbox.append(message)

    def check(self) -> None:
        """Refuse bindings that leave no key to play.

        Raises:
            MidiError: on every channel, the notes turn controls.
        """
        if all(self._is_bound(Message("note_on", channel=channel)) for channel in range(16)):
            taken = next(b for b in self._bindings() if b.source.kind in _TAKES["note_on"])
            raise MidiError(
                f"every key turns a control ({taken}), and none is left to play a tone; let the keys of one "
                f"channel turn it, such as --bind {taken.source}@16={taken.control}"
            )

    def render(self, channels: int, samples: int) -> Float32:
        """Play the next samples, for the plugin's input; a side-chain stays silent.

        Shape:
            -> [channels, samples]
        """
        if len(self._inbox):
            for message in self._inbox.take(CALM):
                self._take(message)
            self._aim()  # once for all of them: in a flood of messages, sound comes first
        return self._sound(channels, samples)

    def hear(self, message: Message) -> None:
        """Obey a message from the next sample on; only the thread that renders calls it."""
        self._take(message)
        self._aim()

    def _take(self, message: Message) -> None:
        if self._is_bound(message):
            return
        self._hand.hear(message)
        if message.type == "control_change" and message.control == _SOUND_OFF:
            self._tone.stop()

    def _aim(self) -> None:
        """Let the tone go where the hand is."""
        hand, tone = self._hand, self._tone
        key = hand.key
        if key is None:
            if self._sounding:
                tone.release()
            self._sounding = False
            return
        self._sounding = True
        pressure, velocity = hand.pressure, key.velocity
        level_db = LEVEL_DB + _DB_PER_DECADE * np.log10(velocity / _USUAL_VELOCITY) + _PRESSURE_DB * pressure
        brighter = _OCTAVES_OF_SLOPE["velocity"] * (velocity - _USUAL_VELOCITY) / 127
        brighter += _OCTAVES_OF_SLOPE["pressure"] * pressure
        brighter += _OCTAVES_OF_SLOPE["timbre"] * (hand.timbre - 0.5)
        hz = min(max(440.0 * 2 ** ((hand.pitch_st - 69) / 12), _LOWEST_HZ), _HIGHEST_HZ)
        tone.sound(hz, 10 ** (level_db / 20), SLOPE_HZ * 2**brighter)

    def length(self, moves: Sequence[tuple[float, Message]], tail_s: float) -> int:
        """Samples that `play` gives."""
        end_s = moves[-1][0] if moves else 0.0
        return round(end_s * self.sample_rate) + round((self.response.release_s + tail_s) * self.sample_rate)

    def play(
        self, moves: Sequence[tuple[float, Message]], tail_s: float, channels: int = 1
    ) -> Iterator[Float32]:
        """Play messages at their times to the sample, then let every key go, and end after a while.

        Shape:
            each [channels, T]
        """
        at = 0
        for time_s, message in moves:
            due = round(time_s * self.sample_rate)
            yield from self._until(at, due, channels)
            at = due
            self.hear(message)
        self.hear(Message("reset"))
        yield from self._until(at, self.length(moves, tail_s), channels)

    def _until(self, at: int, end: int, channels: int) -> Iterator[Float32]:
        for begin in range(at, end, _PIECE):
            yield self._sound(channels, min(end - begin, _PIECE))

    def _sound(self, channels: int, samples: int) -> Float32:
        out = np.zeros((channels, samples), np.float32)
        self._tone.render(out[0])
        inputs, main = self._inputs
        for row in range(1, channels):
            if row % inputs < main:
                out[row] = out[0]
        return out

    def _is_bound(self, message: Message) -> bool:
        kinds = _TAKES.get(message.type)
        return kinds is not None and any(
            binding.source.kind in kinds and binding.source.channel in (None, message.channel + 1)
            for binding in self._bindings()
        )
