"""What a player asks for, checked and read before a device is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, Final, get_args

from mido import Message

from latentfx.binding import Binding
from latentfx.errors import LiveError, MidiError, PresetError, ShapeError
from latentfx.host.stream import HIGHEST_RATE, LOWEST_RATE
from latentfx.preset import Preset, load_preset

from .mixing import MAX_BLOCK
from .stats import Place

SMALLEST_BLOCK: Final = 16  # of those that a player asks for: less leaves no time between two
_RESERVE_S: Final = (0.001, 0.5)  # a worker's rings hold twice as much


def check_block(block: int | None, least: int = SMALLEST_BLOCK) -> int | None:
    """A number of samples at once; where 0 is the least, it lets the sound system choose.

    Raises:
        ShapeError: no whole number that is allowed.
    """
    fewest = least or SMALLEST_BLOCK
    if block is None or (isinstance(block, Integral) and (block == least or fewest <= block <= MAX_BLOCK)):
        return block
    none = "None for any number" if least else "0 to let the sound system choose"
    raise ShapeError(f"block is {block!r}; allowed {fewest} to {MAX_BLOCK} samples, or {none}")


def check_rate(sample_rate: float) -> float:
    """A rate in Hz.

    Raises:
        ShapeError: no number, or one that no sound has.
    """
    if isinstance(sample_rate, Real) and LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        return float(sample_rate)
    raise ShapeError(f"sample_rate is {sample_rate!r}; allowed {LOWEST_RATE} to {HIGHEST_RATE} Hz")


def check_count(name: str, channels: int) -> int:
    """A number of channels.

    Raises:
        ShapeError: no whole number from 1.
    """
    if isinstance(channels, Integral) and channels >= 1:
        return channels
    raise ShapeError(f"{name} is {channels!r}; allowed are whole numbers from 1")


def check_shapes(audio: tuple[int, ...], out: tuple[int, ...], channels: tuple[int, int]) -> None:
    """Two blocks of one length, with the channels in and out of a host.

    Raises:
        ShapeError: others.
    """
    if (audio[0], out[0]) != channels or audio[1] != out[1]:
        raise ShapeError(
            f"a block of {audio} into one of {out}; this host takes {channels[0]} and gives {channels[1]} "
            "channels"
        )


def check_channels(name: str, channels: Sequence[int] | None, once: bool = False) -> list[int] | None:
    """Numbers of channels of a device, each once where only that makes sense.

    Raises:
        ShapeError: no list of whole numbers from 1, or one of them twice.
    """
    if channels is None:
        return None
    found = list(channels) if isinstance(channels, Iterable) else []
    if not found or not all(isinstance(channel, Integral) and channel >= 1 for channel in found):
        raise ShapeError(f"{name} is {channels!r}; give a list of whole numbers from 1, such as [1, 2]")
    if once and len(set(found)) < len(found):
        raise ShapeError(f"{name} is {found}; a channel can play one thing: give each number once")
    return found


def check_place(place: Place | None, reserve_s: float | None) -> None:
    """Where inference runs, and what is kept in reserve there.

    Raises:
        LiveError: no such place, or a reserve that cannot be kept.
    """
    if place is not None and place not in get_args(Place):
        allowed = " or ".join(map(repr, get_args(Place)))
        raise LiveError(f"place is {place!r}; allowed {allowed}, or None to choose by measurement")
    if reserve_s is None:
        return
    low, high = _RESERVE_S
    if not isinstance(reserve_s, Real):
        raise LiveError(f"reserve_s is {reserve_s!r}; allowed are seconds, {low:g} to {high:g}")
    if not low <= reserve_s <= high:
        raise LiveError(f"reserve is {1000 * reserve_s:g} ms; allowed {1000 * low:g} to {1000 * high:g} ms")
    if place == "callback":
        raise LiveError(
            "the audio callback makes each block when it is wanted and keeps none in reserve; "
            "give the place or the reserve"
        )


def check_message(message: Message) -> Message:
    """A MIDI message.

    Raises:
        MidiError: something else.
    """
    if isinstance(message, Message):
        return message
    raise MidiError(f"MIDI message {message!r}; give a mido.Message, such as Message('note_on', note=60)")


def read_bindings(bindings: Binding | str | Iterable[Binding | str]) -> list[Binding]:
    """Bindings, of which each may be a text such as `"cc:21=mix"`.

    Raises:
        MidiError: something else, or a text that cannot be read.
    """
    read = []
    for binding in _several(bindings):
        if not isinstance(binding, Binding | str):
            raise MidiError(f"binding {binding!r}; give a Binding, or a text such as 'cc:21=mix'")
        read.append(Binding.parse(binding) if isinstance(binding, str) else binding)
    return read


def read_presets(presets: Preset | str | Iterable[Preset | str]) -> list[Preset]:
    """Presets, of which each may be a name, or the path of a file.

    Raises:
        PresetError: something else, no such preset, or a damaged file.
    """
    read = []
    for preset in _several(presets):
        if not isinstance(preset, Preset | str | os.PathLike):
            raise PresetError(f"preset {preset!r}; give a Preset, or a name")
        read.append(preset if isinstance(preset, Preset) else load_preset(preset))
    return read


def _several(things: Any) -> Iterable[Any]:
    """A list; of one, where one stands alone."""
    return things if isinstance(things, Iterable) and not isinstance(things, str) else [things]
