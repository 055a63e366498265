"""A chain of latent plugins and Pedalboard's own, in any order, with every latency removed."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, overload
from weakref import WeakKeyDictionary

import numpy as np
import pedalboard

from latentfx.arrays import Float32
from latentfx.automation.driver import Automated
from latentfx.errors import BusyError, ControlError, ShapeError
from latentfx.host.graph import is_sound
from latentfx.host.processor import Processor, Stream
from latentfx.host.runtime import LatentPlugin
from latentfx.host.side_chain import SideChained
from latentfx.preset import Preset

# Pedalboard's own default: some of its plugins lose time with smaller ones.
_NATIVE_BLOCK = 8192
_MAX_TRIALS = 64
_DEFAULT_RATE = 48_000

# Pedalboard's own effects have one state each. Who plays one holds its lock; its newest stream has its turn.
_LOCKS: WeakKeyDictionary[pedalboard.Plugin, threading.RLock] = WeakKeyDictionary()
_TURNS: WeakKeyDictionary[pedalboard.Plugin, int] = WeakKeyDictionary()
_MAKING_LOCKS = threading.Lock()
_COUNTER = count(1)


class Board(Processor, MutableSequence["Effect"]):
    """A list of effects that is called like one.

    A plugin with a side-chain takes the last channels of its input as the side-chain: of two channels, the
    first is the main input, the second the side-chain, and one comes out. `SideChained(plugin, recording)`
    takes the main input alone, in any number of channels.

    Args:
        effects: latent plugins, `SideChained` and `Automated` ones, presets, Pedalboard's plugins, and other
            boards.

    Raises:
        ControlError: something else.
    """

    def __init__(self, effects: Iterable[Effect | Preset] = ()) -> None:
        super().__init__()
        self._effects = [_checked(effect) for effect in effects]

    @property
    def sample_rate(self) -> int:
        """Rate of the first latent plugin, in Hz; 48000 where there is none."""
        for effect in self._effects:
            if isinstance(effect, LatentPlugin | Automated | SideChained) or (
                isinstance(effect, Board) and len(effect)
            ):
                return effect.sample_rate
        return _DEFAULT_RATE

    @property
    def latency(self) -> int:
        """Samples from input to output at `sample_rate`. Calls remove it."""
        return self.latency_at(self.sample_rate)

    def latency_at(self, sample_rate: float) -> int:
        """Samples from input to output at a rate. Measuring Pedalboard's own plugins resets them."""
        return sum(
            _measure(effect, sample_rate)
            if isinstance(effect, pedalboard.Plugin)
            else effect.latency_at(sample_rate)
            for effect in self._effects
        )

    def reset(self) -> None:
        """Forget what was heard, in every effect."""
        super().reset()
        for effect in self._effects:
            effect.reset()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with ExitStack() as held:
            for effect in sorted(set(_natives(self)), key=id):  # in one order: no two wait for each other
                held.enter_context(_lock_of(effect))
            yield

    def open(self, channels: int, sample_rate: float) -> BoardStream:
        """Open a stream through every effect, which resets Pedalboard's own plugins: they have one state.

        An older stream through the same plugins of Pedalboard ends by it: its next piece is refused.

        Raises:
            ShapeError: a number of channels or a rate that an effect cannot take.
            BusyError: one of Pedalboard's plugins stands twice on the board.
        """
        natives = _natives(self)
        for effect in natives:
            if natives.count(effect) > 1:
                raise BusyError(
                    f"the same {type(effect).__name__} stands twice on the board, and it has one state; "
                    f"make a second one: pedalboard.{type(effect).__name__}(...)"
                )
        return BoardStream(self._effects, channels, sample_rate)

    def insert(self, index: int, value: Effect | Preset) -> None:
        self._effects.insert(index, _checked(value))
        self._stream = None

    @overload
    def __getitem__(self, index: int) -> Effect: ...
    @overload
    def __getitem__(self, index: slice) -> Board: ...
    def __getitem__(self, index: int | slice) -> Effect | Board:
        return Board(self._effects[index]) if isinstance(index, slice) else self._effects[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._effects[index] = [_checked(v) for v in value] if isinstance(index, slice) else _checked(value)
        self._stream = None

    def __delitem__(self, index: int | slice) -> None:
        del self._effects[index]
        self._stream = None

    def __len__(self) -> int:
        return len(self._effects)

    def __copy__(self) -> Board:
        return Board(self._effects)

    def __repr__(self) -> str:
        return f"Board({self._effects!r})"


Effect = LatentPlugin | Automated | SideChained | pedalboard.Plugin | Board


class BoardStream:
    """A board as a `Stream`: what each effect has ready goes on to the next."""

    def __init__(self, effects: Iterable[Effect], channels: int, sample_rate: float) -> None:
        self.channels = self.outputs = channels
        self.sample_rate = sample_rate
        self._streams: list[Stream] = []
        for effect in effects:
            if isinstance(effect, pedalboard.Plugin):
                stream: Stream = NativeStream(effect, self.outputs, sample_rate)
            else:
                stream = effect.open(self.outputs, sample_rate)
            self._streams.append(stream)
            self.outputs = stream.outputs

    @property
    def non_finite(self) -> int:
        """Samples that were NaN or infinite, at the first latent plugin that met them."""
        return max((stream.non_finite for stream in self._streams), default=0)

    @property
    def silenced(self) -> int:
        """Blocks in which an effect made numbers that are no sound, of all effects together."""
        return sum(stream.silenced for stream in self._streams)

    def push(self, audio: Float32) -> Float32:
        for stream in self._streams:
            audio = stream.push(audio)
        return audio

    def flush(self) -> Float32:
        rest = np.zeros((self.channels, 0), np.float32)
        for stream in self._streams:
            rest = np.concatenate([stream.push(rest), stream.flush()], axis=1)
        return rest


class NativeStream:
    """One of Pedalboard's own plugins as a `Stream`.

    In a stream, such a plugin leaves out its latency at the start, and so returns fewer samples than it took.
    Silence at the end brings the rest. Some plugins begin anew when the size of the block changes: so all
    blocks have one size, and the start of a stream waits for the first whole block.
    """

    def __init__(self, plugin: pedalboard.Plugin, channels: int, sample_rate: float) -> None:
        self.channels = self.outputs = channels
        self.sample_rate = sample_rate
        self.non_finite = self.silenced = 0
        self._plugin = plugin
        self._pending = np.zeros((channels, 0), np.float32)
        self._owed = 0
        self._turn = _TURNS[plugin] = next(_COUNTER)
        plugin.reset()

    def push(self, audio: Float32) -> Float32:
        finite = np.isfinite(audio)
        if not finite.all():
            self.non_finite += int(audio.size - np.count_nonzero(finite))
            audio = np.where(finite, audio, np.float32(0))
        self._owed += audio.shape[1]
        return self._run(audio)

    def flush(self) -> Float32:
        parts = [self._pending[:, :0]]
        silence = np.zeros((self.channels, _NATIVE_BLOCK), np.float32)
        for _ in range(_MAX_TRIALS):
            if self._owed == 0:
                break
            parts.append(self._run(silence))
        parts.append(np.zeros((self.channels, self._owed), np.float32))
        return np.concatenate(parts, axis=1)

    def _run(self, audio: Float32) -> Float32:
        """Run the whole blocks there are, and give no more than was taken."""
        queue = np.concatenate([self._pending, audio], axis=1)
        whole = queue.shape[1] // _NATIVE_BLOCK * _NATIVE_BLOCK
        self._pending = queue[:, whole:]
        blocks = [self._call(queue[:, at : at + _NATIVE_BLOCK]) for at in range(0, whole, _NATIVE_BLOCK)]
        done = np.concatenate([queue[:, :0], *blocks], axis=1)[:, : self._owed]
        self._owed -= done.shape[1]
        return done

    def _call(self, block: Float32) -> Float32:
        if _TURNS[self._plugin] != self._turn:
            raise BusyError(
                f"{type(self._plugin).__name__} was begun anew by another call while this stream was open; "
                "it has one state; give every stream, thread or board one of its own"
            )
        try:
            done = self._plugin(block, self.sample_rate, reset=False)
        except (RuntimeError, ValueError, TypeError) as error:
            name = type(self._plugin).__name__
            raise ShapeError(
                f"{name} refuses {self.channels} channels at {self.sample_rate:g} Hz: {error}. Take it off "
                "the board, or give it other audio"
            ) from None
        sound = np.asarray(done, np.float32).reshape(self.channels, -1)
        if is_sound(sound):
            return sound
        self.silenced += 1
        self._plugin.reset()  # what it heard would come back for good
        return np.zeros_like(block)


def _natives(board: Board) -> list[pedalboard.Plugin]:
    """Pedalboard's own plugins on a board, and on the boards on it."""
    found: list[pedalboard.Plugin] = []
    for effect in board:
        if isinstance(effect, Board):
            found += _natives(effect)
        elif isinstance(effect, pedalboard.Plugin):
            found.append(effect)
    return found


def _lock_of(effect: pedalboard.Plugin) -> threading.RLock:
    with _MAKING_LOCKS:
        return _LOCKS.setdefault(effect, threading.RLock())


def _checked(effect: object) -> Effect:
    if isinstance(effect, Preset):
        return effect.load()
    if isinstance(effect, LatentPlugin | Automated | SideChained | Board | pedalboard.Plugin):
        return effect
    raise ControlError(
        f"{type(effect).__name__} cannot stand on a board; allowed are latentfx.load(NAME), plugins of "
        "pedalboard, presets, latentfx.SideChained(plugin, side), latentfx.Automated(plugin, automation), "
        "and other boards"
    )


def _measure(plugin: pedalboard.Plugin, sample_rate: float) -> int:
    """How many samples of a stream a Pedalboard plugin holds back."""
    stream = NativeStream(plugin, 1, sample_rate)
    silence = np.zeros((1, _NATIVE_BLOCK), np.float32)
    held = 0
    for _ in range(_MAX_TRIALS):
        given = stream.push(silence).shape[1]
        held += _NATIVE_BLOCK - given
        if given == _NATIVE_BLOCK:
            break
    plugin.reset()
    return held
