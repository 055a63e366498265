"""What was played, as two sound files: dry and wet, one over the other."""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePath
from types import TracebackType
from typing import Final, Self

import numpy as np

from latentfx.arrays import Float32
from latentfx.automation.midi_file import write_midi
from latentfx.automation.moves import Move, Rebind, Turn
from latentfx.errors import AudioFileError, ControlError
from latentfx.files import expanded
from latentfx.sound.reader import AudioInfo
from latentfx.sound.writer import AudioWriter

from .host import LiveHost
from .rescue import written_down
from .rings import RingBuffer

_RING_S: Final = 10
_PIECE: Final = 16384
_ROUND_S: Final = 0.05


def take_files(path: str | os.PathLike[str], overwrite: bool) -> tuple[Path, Path, Path]:
    """The wet and the dry file of a recording, and that of the moves.

    Raises:
        AudioFileError: a path without a file name, or one of them is there and is not to be overwritten.
    """
    wet = expanded(path)
    if wet.name in ("", ".."):
        raise AudioFileError(f"cannot record to {str(path)!r}: it names no file; write one, like take.flac")
    files = wet, wet.with_stem(f"{wet.stem}-dry"), wet.with_suffix(".mid")
    there = " and ".join(str(file) for file in files if file.is_file())
    if there and not overwrite:
        raise AudioFileError(
            f"{there} would be recorded over, and a take cannot be played again; choose another name to "
            "record to, or add --overwrite (overwrite=True in Python)"
        )
    return files


def plain_name(name: str) -> str:
    """A name that stays in the folder of the program.

    Raises:
        ControlError: a path.
    """
    if PurePath(name).name != name or "\\" in name or name.startswith("."):
        raise ControlError(f"{name!r} is no plain file name; write one, like take.flac")
    return name


class Recorder:
    """Records a host into three files; use it in a `with` block, at whose end they are whole.

    `take.flac` gets what was heard, without the host's latency; `take-dry.flac` what came in; `take.mid`
    where the controls were and how they were moved, by MIDI, by hand and by presets: with that automation,
    `apply` makes the wet file of the dry one again. Panic, bypass, controllers that are learnt meanwhile, and
    presets of other plugins cannot be repeated so. The audio
    thread only copies into memory, a thread of the recorder's own writes. Started before the first block, the
    wet file is what `apply` makes of the dry one, sample over sample, to its end. A block that was late is
    the short fade that was heard; where a worker keeps more in hand from then on, that gap is left out, and
    the sound rises again where it broke off. A device that comes back leaves silence for the sound that was
    on its way. A preset of another plugin fades in as it was heard: from there on, the wet file is later by
    what the plugin's latency is more. When the disk is full, what was written until then is kept.

    Args:
        path: of the wet file; its suffix chooses the format.
        host: what is recorded, at a whole rate.
        overwrite: record over a take of this name, which is gone then.

    Raises:
        AudioFileError: a path without a file name, a take that is there, a format or a folder that cannot be
            written.
    """

    def __init__(self, path: str | os.PathLike[str], host: LiveHost, overwrite: bool = False) -> None:
        self._path, self._overwrite = path, overwrite
        self.wet, self.dry, self.moves = take_files(path, overwrite)
        self.frames = 0
        self.error: AudioFileError | None = None
        self._host = host
        capacity = int(_RING_S * host.sample_rate)
        self._rings = (RingBuffer(host.channels, capacity), RingBuffer(host.outputs, capacity))
        self._skip: int | None = None
        self._piece = tuple(np.zeros((n, _PIECE), np.float32) for n in (host.channels, host.outputs))
        self._stop = threading.Event()
        self._files = ExitStack()
        self._began_s = 0.0
        self._start: list[Move] = []
        self._moves: deque[Move] = deque()

    @property
    def heard(self) -> bool:
        """Whether anything came in."""
        return self._skip is not None

    def __enter__(self) -> Self:
        take_files(self._path, self._overwrite)  # somebody else's, since it was asked
        rate = round(self._host.sample_rate)
        with ExitStack() as files:
            write_down = files.enter_context(written_down())
            self._writers = tuple(
                files.enter_context(AudioWriter(path, AudioInfo(rate, channels), keeps=True))
                for path, channels in ((self.dry, self._host.channels), (self.wet, self._host.outputs))
            )
            write_down({writer.part: writer.path for writer in self._writers})
            self._files = files.pop_all()
        self._thread = threading.Thread(target=self._work, name="latentfx-recorder", daemon=True)
        self._thread.start()
        midi = self._host.midi
        self._start = [Move(0.0, Rebind(midi.bindings, midi.own))]
        self._start += [Move(0.0, Turn(name, value)) for name, value in self._host.controls.items()]
        self._host.desk.write_down(self._moves)
        self._host.tap = self._hear
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what there is, whatever ended the stream."""
        self._host.tap = None
        self._host.desk.write_down(None)
        self._stop.set()
        self._thread.join()
        if self.error is None:
            self._drain()
            if self.frames:
                self._files.close()
                self._write_moves()
            else:  # nothing was played: the files that were there stay
                self._files.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        if self.error is not None:
            self._files.__exit__(type(self.error), self.error, None)
            if error is None:
                raise self.error

    def _hear(self, audio: Float32, out: Float32, later: int) -> None:
        """Copy a block, so that wet lies over dry; in the audio thread."""
        size = audio.shape[1]
        if self._skip is None:
            self._skip, later = self._host.latency, 0
            self._began_s = max(self._host.meters.seconds - size / self._host.sample_rate, 0.0)
        skip = self._skip + later
        left_out, silence = min(max(skip, 0), size), max(-skip, 0)
        dry, wet = self._rings
        if dry.free < size or wet.free < size + silence:
            self._host.dropped += 1
            self._skip = skip
            return
        dry.write(audio)
        wet.pad(silence)
        wet.write(out[:, left_out:])
        self._skip = skip - left_out + silence

    def _write_moves(self) -> None:
        moves = [replace(move, time_s=max(move.time_s - self._began_s, 0.0)) for move in self._moves]
        write_midi(self.moves, [*self._start, *moves], self._host.plugin.sample_rate)

    def _work(self) -> None:
        while not self._stop.wait(_ROUND_S):
            self._drain()

    def _drain(self) -> None:
        try:
            for ring, writer, piece in zip(self._rings, self._writers, self._piece, strict=True):
                while self.error is None and (size := min(ring.available, _PIECE)):
                    ring.read(piece[:, :size])
                    writer.write(piece[:, :size])
        except AudioFileError as error:
            self.error = error
            self._host.tap = None
        self.frames = self._writers[0].frames
