"""A MIDI file as a source of sound: its keys play a tone into a plugin, read in pieces like a sound file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Self, TypeGuard

import numpy as np
from mido import Message

from latentfx.arrays import Float32
from latentfx.automation.files import MIDI_SUFFIXES
from latentfx.automation.midi_file import read_midi
from latentfx.binding import Binding
from latentfx.files import expanded
from latentfx.host.runtime import LatentPlugin
from latentfx.keys.keyboard import Keyboard
from latentfx.sound.reader import AudioInfo

_AFTER_S: Final = 0.25


def is_tune(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is the path of a MIDI file."""
    return isinstance(source, (str, os.PathLike)) and Path(source).suffix.lower() in MIDI_SUFFIXES


class TuneReader:
    """The tone of a MIDI file, at the plugin's rate, read like an `AudioReader`; use it in a `with` block.

    Args:
        path: of the MIDI file.
        plugin: for which it is played.
        bindings: what MIDI turns: it is not played.
        channels: of the sound; those of a side-chain are silent.

    Raises:
        MidiError: a file that cannot be read, or bindings that leave no key to play.
    """

    def __init__(
        self, path: str | os.PathLike[str], plugin: LatentPlugin, bindings: Iterable[Binding], channels: int
    ) -> None:
        file = expanded(path)
        self.name = str(file)
        self.notes: tuple[str, ...] = ()
        bound = tuple(bindings)
        self._keyboard = Keyboard(plugin, plugin.sample_rate, lambda: bound)
        self._keyboard.check()
        self._moves = [(move.time_s, move.what) for move in read_midi(file) if isinstance(move.what, Message)]
        frames = self._keyboard.length(self._moves, _AFTER_S)
        self._channels = channels
        self.info = AudioInfo(plugin.sample_rate, self._channels, frames)

    def blocks(self, size: int) -> Iterator[Float32]:
        """Play the file in pieces of so many samples, the last one shorter.

        Shape:
            each [C, size] or less
        """
        waiting = np.zeros((self._channels, 0), np.float32)
        for piece in self._keyboard.play(self._moves, _AFTER_S, self._channels):
            waiting = np.concatenate([waiting, piece], axis=1)
            while waiting.shape[1] >= size:
                yield waiting[:, :size]
                waiting = waiting[:, size:]
        if waiting.shape[1]:
            yield waiting

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is open."""
