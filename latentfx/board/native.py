"""Pedalboard's own plugins as streams. Each has one state, and one stream at a time plays it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Final, Protocol, runtime_checkable
from weakref import WeakKeyDictionary

import numpy as np
import pedalboard

from latentfx.arrays import Float32
from latentfx.automation.driver import Automated
from latentfx.errors import BusyError, ShapeError
from latentfx.host.blocks import is_sound
from latentfx.host.processor import Processor, Stream
from latentfx.host.runtime import LatentPlugin
from latentfx.host.side_chain import SideChained

# Pedalboard's own default: some of its plugins lose time with smaller ones.
_NATIVE_BLOCK: Final = 8192
_MAX_TRIALS: Final = 64

# Who plays one of Pedalboard's plugins holds its lock; its newest stream has its turn.
_LOCKS: WeakKeyDictionary[pedalboard.Plugin, threading.RLock] = WeakKeyDictionary()
_TURNS: WeakKeyDictionary[pedalboard.Plugin, int] = WeakKeyDictionary()
_MAKING_LOCKS = threading.Lock()
_COUNTER = count(1)

Effect = Processor | pedalboard.Plugin


@runtime_checkable
class Holder(Protocol):
    """An effect that is made of others: a board, a split."""

    def held(self) -> Iterable[Effect]:
        """The effects that it is made of."""


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


def natives(effect: object) -> list[pedalboard.Plugin]:
    """Pedalboard's own plugins in an effect, and in those that it is made of."""
    if isinstance(effect, pedalboard.Plugin):
        return [effect]
    return [found for part in effect.held() for found in natives(part)] if isinstance(effect, Holder) else []


def check_natives(effect: object) -> None:
    """Refuse one of Pedalboard's plugins that stands twice in an effect.

    Raises:
        BusyError: there is one.
    """
    found = natives(effect)
    for plugin in found:
        if found.count(plugin) > 1:
            name = type(plugin).__name__
            raise BusyError(
                f"the same {name} stands twice on the board, and it has one state; make a second one: "
                f"pedalboard.{name}(...)"
            )


def _lock_of(effect: pedalboard.Plugin) -> threading.RLock:
    with _MAKING_LOCKS:
        return _LOCKS.setdefault(effect, threading.RLock())


@contextmanager
def held_alone(effect: object) -> Iterator[None]:
    """Hold every plugin of Pedalboard's in an effect; other threads wait for them."""
    with ExitStack() as held:
        for plugin in sorted(set(natives(effect)), key=id):  # in one order: no two wait for each other
            held.enter_context(_lock_of(plugin))
        yield


def rate_of(effect: object) -> int | None:
    """Rate of the first latent plugin in an effect, in Hz; None where there is none."""
    if isinstance(effect, Holder):
        rates = (rate_of(part) for part in effect.held())
        return next((rate for rate in rates if rate is not None), None)
    return effect.sample_rate if isinstance(effect, Processor) else None


def first_plugin(effect: object) -> LatentPlugin | Automated | None:
    """The latent plugin that hears the input of an effect first."""
    if isinstance(effect, SideChained):
        effect = effect.plugin
    if isinstance(effect, Holder):
        found = (first_plugin(part) for part in effect.held())
        return next((plugin for plugin in found if plugin is not None), None)
    return effect if isinstance(effect, LatentPlugin | Automated) else None


def latency_of(effect: Effect, sample_rate: float) -> int:
    """Samples from input to output at a rate. Measuring one of Pedalboard's own plugins resets it."""
    if isinstance(effect, Processor):
        return effect.latency_at(sample_rate)
    return _measure(effect, sample_rate)


def open_effect(effect: Effect, channels: int, sample_rate: float) -> Stream:
    """Open a stream through an effect of either kind.

    Raises:
        ShapeError: a number of channels or a rate that it cannot take.
    """
    if isinstance(effect, Processor):
        return effect.open(channels, sample_rate)
    return NativeStream(effect, channels, sample_rate)


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
