"""A chain of latent plugins and Pedalboard's own, in any order, with every latency removed."""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence
from contextlib import AbstractContextManager
from typing import Any, Final, overload

import numpy as np
import pedalboard

from latentfx.arrays import Float32
from latentfx.board.native import Effect, Holder, check_natives, held_alone, latency_of, open_effect, rate_of
from latentfx.errors import ControlError
from latentfx.host.processor import Processor, Stream
from latentfx.preset import Preset

DEFAULT_RATE: Final = 48_000


class Board(Processor, MutableSequence["Effect"]):
    """A list of effects that is called like one.

    A plugin with a side-chain takes the last channels of its input as the side-chain: of two channels, the
    first is the main input, the second the side-chain, and one comes out. `SideChained(plugin, recording)`
    takes the main input alone, in any number of channels.

    Args:
        effects: latent plugins, `SideChained` and `Automated` ones, presets, Pedalboard's plugins, `Split`s,
            and other boards.

    Raises:
        ControlError: something else, or the board itself.
    """

    def __init__(self, effects: Iterable[Effect | Preset] = ()) -> None:
        super().__init__()
        if not isinstance(effects, Iterable):
            raise ControlError(
                f"a board is made of {effects!r}; give a list of effects, such as "
                "latentfx.Board([latentfx.load('timbre-swap')])"
            )
        self._effects = [_checked(effect) for effect in effects]

    @property
    def sample_rate(self) -> int:
        """Rate of the first latent plugin, in Hz; 48000 where there is none."""
        return rate_of(self) or DEFAULT_RATE

    @property
    def latency(self) -> int:
        """Samples from input to output at `sample_rate`. Calls remove it."""
        return self.latency_at(self.sample_rate)

    def latency_at(self, sample_rate: float) -> int:
        """Samples from input to output at a rate. Measuring Pedalboard's own plugins resets them."""
        return sum(latency_of(effect, sample_rate) for effect in self._effects)

    def held(self) -> list[Effect]:
        """The effects, in order."""
        return list(self._effects)

    def reset(self) -> None:
        """Forget what was heard, in every effect."""
        super().reset()
        for effect in self._effects:
            effect.reset()

    def alone(self) -> AbstractContextManager[None]:
        return held_alone(self)

    def open(self, channels: int, sample_rate: float) -> BoardStream:
        """Open a stream through every effect, which resets Pedalboard's own plugins: they have one state.

        An older stream through the same plugins of Pedalboard ends by it: its next piece is refused.

        Raises:
            ShapeError: a number of channels or a rate that an effect cannot take.
            BusyError: one of Pedalboard's plugins stands twice on the board.
        """
        check_natives(self)
        return BoardStream(self._effects, channels, sample_rate)

    def insert(self, index: int, value: Effect | Preset) -> None:
        self._effects.insert(index, self._admitted(value))
        self._stream = None

    @overload
    def __getitem__(self, index: int) -> Effect: ...
    @overload
    def __getitem__(self, index: slice) -> Board: ...
    def __getitem__(self, index: int | slice) -> Effect | Board:
        return Board(self._effects[index]) if isinstance(index, slice) else self._effects[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        admitted = self._admitted
        self._effects[index] = [admitted(v) for v in value] if isinstance(index, slice) else admitted(value)
        self._stream = None

    def _admitted(self, value: object) -> Effect:
        """An effect that may stand on this board: not the board itself, nor one that it stands on."""
        effect = _checked(value)
        if _holds(effect, self):
            raise ControlError(
                "a board cannot stand on itself: what is put on it holds this very board; put a copy there, "
                "copy.copy(board)"
            )
        return effect

    def __delitem__(self, index: int | slice) -> None:
        del self._effects[index]
        self._stream = None

    def __len__(self) -> int:
        return len(self._effects)

    def __copy__(self) -> Board:
        return Board(self._effects)

    def __repr__(self) -> str:
        return f"Board({self._effects!r})"


class BoardStream:
    """A board as a `Stream`: what each effect has ready goes on to the next."""

    def __init__(self, effects: Iterable[Effect], channels: int, sample_rate: float) -> None:
        self.channels = self.outputs = channels
        self.sample_rate = sample_rate
        self._streams: list[Stream] = []
        for effect in effects:
            stream = open_effect(effect, self.outputs, sample_rate)
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


def _holds(effect: object, board: Board) -> bool:
    """Whether a board stands somewhere in an effect, or is it."""
    if effect is board:
        return True
    return isinstance(effect, Holder) and any(_holds(part, board) for part in effect.held())


def _checked(effect: object) -> Effect:
    if isinstance(effect, Preset):
        return effect.load()
    if isinstance(effect, Processor | pedalboard.Plugin):
        return effect
    raise ControlError(
        f"{type(effect).__name__} cannot stand on a board; allowed are latentfx.load(NAME), plugins of "
        "pedalboard, presets, latentfx.SideChained(plugin, side), latentfx.Automated(plugin, automation), "
        "latentfx.Split([...]), and other boards"
    )
