"""The main job: a recording through a plugin, from file to file or array to array."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import ceil, log10
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32
from latentfx.automation.driver import Automated
from latentfx.automation.files import Moves
from latentfx.board.native import first_plugin
from latentfx.errors import AudioWarning, ControlError, ShapeError
from latentfx.host.layout import as_samples, find_layout, from_channels, to_channels
from latentfx.host.processor import Processor, Stream, check_buffer_size, check_rate, odd_numbers
from latentfx.host.runtime import LatentPlugin
from latentfx.host.side_chain import Recording, SideChained, SideChainStream
from latentfx.keys.tune import TuneReader, is_tune
from latentfx.library import DEFAULT_PLUGIN
from latentfx.prepare import Reference, prepare
from latentfx.preset import Preset
from latentfx.sound.level import peak
from latentfx.sound.normal import normal_gain, normalized
from latentfx.sound.reader import AudioInfo, AudioReader
from latentfx.sound.source import SoundSource, is_file, is_open_file, name_of
from latentfx.sound.targets import choose_target, refuse_sources
from latentfx.sound.writer import AudioWriter
from latentfx.spec import Setting

_PIECE = 16384

PathLike = str | os.PathLike[str]
Audio = NDArray[Any]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Applied:
    """What `apply` wrote.

    Args:
        source: the file read, or None for an array.
        target: the file written.
        sample_rate: Hz.
        channels: of the target.
        frames: samples of one channel.
        subtype: sample format of the target.
        notes: what people should know: silence, samples that were not finite, a limiter at work. `apply`
            gives each as an `AudioWarning` too.
    """

    source: Path | None
    target: Path
    sample_rate: int
    channels: int
    frames: int
    subtype: str
    notes: tuple[str, ...] = ()


@overload
def apply(
    source: SoundSource,
    target: None = None,
    plugin: PathLike | Processor | Preset = ...,
    *,
    sample_rate: None = None,
    reference: Reference | None = ...,
    side: Recording | None = ...,
    automation: Moves | None = ...,
    normalize: bool = ...,
    progress: Progress | None = ...,
    buffer_size: int = ...,
    **controls: Setting,
) -> tuple[Float32, int]: ...
@overload
def apply(
    source: Audio,
    target: None = None,
    plugin: PathLike | Processor | Preset = ...,
    *,
    sample_rate: float | None = ...,
    reference: Reference | None = ...,
    side: Recording | None = ...,
    automation: Moves | None = ...,
    normalize: bool = ...,
    progress: Progress | None = ...,
    buffer_size: int = ...,
    **controls: Setting,
) -> Float32: ...
@overload
def apply(
    source: SoundSource | Audio,
    target: PathLike,
    plugin: PathLike | Processor | Preset = ...,
    *,
    sample_rate: float | None = ...,
    reference: Reference | None = ...,
    side: Recording | None = ...,
    automation: Moves | None = ...,
    normalize: bool = ...,
    progress: Progress | None = ...,
    buffer_size: int = ...,
    **controls: Setting,
) -> Applied: ...
def apply(
    source: SoundSource | Audio,
    target: PathLike | None = None,
    plugin: PathLike | Processor | Preset = DEFAULT_PLUGIN,
    *,
    sample_rate: float | None = None,
    reference: Reference | None = None,
    side: Recording | None = None,
    automation: Moves | None = None,
    normalize: bool = False,
    progress: Progress | None = None,
    buffer_size: int = _PIECE,
    **controls: Setting,
) -> Applied | Float32 | tuple[Float32, int]:
    """Run a recording through a plugin: the result is as long as the source and lies exactly over it.

    From file to file, memory does not grow with the length, and the target appears when it is whole.

    Args:
        source: a sound file, an open binary file (`io.BytesIO`), or an array; or a MIDI file, whose keys play
            a tone into the plugin.
        target: the sound file to write, or a folder for one of the same name; None returns the audio.
            It is never the source, the reference or the side.
        plugin: name or file of a plugin, a loaded one, a preset, or a `Board`. Its own settings stay as they
            are.
        sample_rate: of an array, in Hz. A file knows its own.
        reference: a recording to learn a choice from (the timbre of *my* horn): a file or (array, rate).
        side: what goes to the plugin's side-chain: a file or (array, rate). It begins with the source, is
            resampled where its rate is another, followed by silence where it is shorter, and left off where
            it is longer. Without it, the last channels of the source are the side-chain.
        automation: moves of the controls: a MIDI file, a CSV file of time, control and value, or an
            `Automation`. They begin with the source.
        normalize: scale the result, so that its peak is at -1 dBFS.
        progress: called with the samples done and the samples in all.
        buffer_size: samples taken at once.
        controls: controls and blends by name: `timbre="trumpet", mix=0.8`.

    Returns:
        `Applied` where there is a target; else the audio: an array for an array, and (audio [C, T], rate)
        for a file.

    Shape:
        an array [T], [C, T] or [T, C] -> the same

    Warns:
        AudioWarning: for each of the notes; see `Applied`.

    Raises:
        PluginNotFoundError: no plugin of that name.
        ControlError: a control that does not exist, or a value that is not allowed.
        MidiError: a MIDI file that cannot be read, or whose messages turn nothing.
        AudioFileError: the source or the side cannot be read, or the target cannot be written.
        ShapeError: an array or a rate that the plugin cannot take, or a side for one without a side-chain.
    """
    check_buffer_size(buffer_size)
    if target is not None:
        refuse_sources(choose_target(target, source), (source, reference, side))
    processor = prepare(plugin, reference, controls, side, automation)
    if is_file(source):
        if sample_rate is not None:
            raise ShapeError(
                f"sample_rate={sample_rate!r} belongs to an array; {name_of(source)} knows its own"
            )
        if target is None:
            return _read_through(source, processor, progress, buffer_size, normalize)
        applied = apply_file(source, target, processor, progress, buffer_size, normalize)
        _warn(applied.notes, 2)
        return applied
    given = as_samples(source)
    if sample_rate is None:
        raise ShapeError("an array does not know its rate; give sample_rate=, in Hz")
    check_rate(sample_rate)
    return _apply_array(given, target, processor, sample_rate, progress, buffer_size, normalize)


def apply_file(
    source: SoundSource,
    target: PathLike,
    processor: Processor,
    progress: Progress | None = None,
    buffer_size: int = _PIECE,
    normalize: bool = False,
) -> Applied:
    """Run a sound file through an effect as it is set, into another file, without warnings; see `apply`."""
    place = choose_target(target, source)
    refuse_sources(place, (source,))
    with _open(source, processor) as reader, processor.alone():
        info = reader.info
        stream = processor.open(info.channels, info.sample_rate)
        pieces = _Pieces(stream, reader.blocks(buffer_size), info.frames, progress, reader.notes)
        path = None if is_open_file(source) else Path(reader.name)
        applied = _write(pieces, path, place, replace(info, channels=stream.outputs), normalize)
    if (
        isinstance(processor, LatentPlugin | Automated)
        and processor.spec.side_channels
        and not is_tune(source)
    ):
        note = "the last channel of the source was taken as the side-chain; --side FILE (side=) names another"
        applied = replace(applied, notes=(*applied.notes, note))
    return applied


def _open(source: SoundSource, processor: Processor) -> AudioReader | TuneReader:
    """A sound file; or a MIDI file, which plays for the first plugin that hears it."""
    if not is_tune(source):
        return AudioReader(source)
    player = first_plugin(processor)
    if player is None:
        raise ControlError(
            f"{name_of(source)} is played for the plugin that hears it, and there is none on the board; put "
            "one there, such as latentfx.load('timbre-swap')"
        )
    plugin, bindings = (player, ()) if isinstance(player, LatentPlugin) else (player.plugin, player.bindings)
    spec = plugin.spec
    channels = spec.in_channels - (spec.side_channels if isinstance(processor, SideChained) else 0)
    return TuneReader(source, plugin, bindings, channels)


def _read_through(
    source: SoundSource, processor: Processor, progress: Progress | None, buffer_size: int, normalize: bool
) -> tuple[Float32, int]:
    with _open(source, processor) as reader, processor.alone():
        info = reader.info
        stream = processor.open(info.channels, info.sample_rate)
        pieces = _Pieces(stream, reader.blocks(buffer_size), info.frames, progress, reader.notes)
        return _gather(pieces, normalize), info.sample_rate


def _apply_array(
    array: Audio,
    target: PathLike | None,
    processor: Processor,
    rate: float,
    progress: Progress | None,
    size: int,
    normalize: bool,
) -> Applied | Float32:
    layout = find_layout(array.shape)
    rows = to_channels(array, layout)
    blocks = (rows[:, at : at + size] for at in range(0, rows.shape[1], size))
    if target is not None and rate != ceil(rate):
        raise ShapeError(f"sample_rate is {rate!r}; a sound file holds whole numbers of Hz")
    with processor.alone():
        stream = processor.open(rows.shape[0], rate)
        pieces = _Pieces(stream, blocks, rows.shape[1], progress)
        if target is None:
            return from_channels(_gather(pieces, normalize), layout)
        info = AudioInfo(int(rate), stream.outputs, rows.shape[1])
        applied = _write(pieces, None, choose_target(target, None), info, normalize)
    _warn(applied.notes, 3)
    return applied


class _Pieces:
    """The output of a stream, piece by piece, and what was noticed on the way."""

    def __init__(
        self,
        stream: Stream,
        blocks: Iterable[Float32],
        frames: int,
        progress: Progress | None,
        notes: Iterable[str] = (),
    ) -> None:
        self.stream = stream
        self.blocks = blocks
        self.frames = frames
        self.progress = progress
        self.of_source = tuple(notes)
        self.silent = True

    def __iter__(self) -> Iterator[Float32]:
        done = 0
        for block in self.blocks:
            self.silent = self.silent and not block.any()
            yield self.stream.push(block)
            done += block.shape[1]
            if self.progress is not None:
                self.progress(done, self.frames)
        yield self.stream.flush()

    def notes(self) -> list[str]:
        found = [*self.of_source, *odd_numbers(self.stream)]
        if self.silent and self.frames:
            found.append("the source is silent")
        if isinstance(self.stream, SideChainStream):
            found += self.stream.notes()
        return found


def _gather(pieces: _Pieces, normalize: bool) -> Float32:
    audio = np.concatenate(list(pieces), axis=1)
    if normalize:
        audio *= normal_gain(peak(audio))
    _warn(pieces.notes(), 4)
    return audio


def _warn(notes: Iterable[str], caller: int) -> None:
    """Give each note as a warning.

    Args:
        notes: in order.
        caller: how many calls up the user's own line stands, counted from the function that calls this one.
    """
    for note in notes:
        warnings.warn(note, AudioWarning, stacklevel=caller + 1)


def _write(pieces: _Pieces, source: Path | None, target: Path, info: AudioInfo, normalize: bool) -> Applied:
    with AudioWriter(target, info, limits=True) as writer:
        for piece in normalized(pieces, info.channels) if normalize else pieces:
            writer.write(piece)
    notes = [*pieces.notes(), *writer.notes()]
    if writer.limited:
        over = ceil(200 * log10(writer.peak)) / 10
        notes.append(
            f"the loudest of it was {over:g} dB above full scale and was turned down by a limiter: "
            f"--output-db {-over:g} (output_db=) makes all of it softer, and --normalize (normalize=True) "
            "fits the loudest to full scale"
        )
    form = writer.form
    return Applied(source, target, form.sample_rate, info.channels, writer.frames, form.subtype, tuple(notes))
