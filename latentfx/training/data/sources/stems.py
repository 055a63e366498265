"""`stems`: songs as folders of sound files that sum to a mix, MUSDB18 in both of its layouts among them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from latentfx.errors import DataError
from latentfx.sound.level import frame_levels_db, set_level
from latentfx.training.data.example import Audio, Example
from latentfx.training.data.folder import SUFFIXES, matches
from latentfx.training.data.recording import SILENT_BELOW_LOUD_DB, read_audio
from latentfx.training.data.side import Group, Side
from latentfx.training.data.source import DataSource, Job, Made

MIX = "mix"
"""The instrument of every example that is a mix."""
MIXTURES = frozenset({"mixture", "mix", "_mix"})
STEM_MP4 = ".stem.mp4"
MUSDB_STREAMS = ("mixture", "drums", "bass", "other", "vocals")


@dataclass(frozen=True)
class Stems(DataSource):
    """Songs as stems, cut into examples of the instrument `mix`.

    Args:
        root: folder of songs: a folder of stems for each, or MUSDB18.
        include, exclude: globs over the songs, by their paths below root.
        holdout: globs of songs that go to validation; without them songs are drawn at random.
        segment_seconds: length of an example.
        licence: of the songs.
    """

    limits: ClassVar = {"segment_seconds": (0.5, 60.0)}
    root: str = ""
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    holdout: tuple[str, ...] = ()
    segment_seconds: float = 5.0
    licence: str = "not stated"

    def make(self, job: Job) -> Made:
        """Cut every song; each example has its stems, which sum to its audio."""
        songs = [
            song
            for song in find_songs(job.path(self.root, "root"))
            if matches(song.name, self.include) and not matches(song.name, self.exclude)
        ]
        held = {song.name for song in songs if matches(song.name, self.holdout)}
        if not self.holdout:
            number = round(len(songs) * job.validation)
            held = {songs[i].name for i in job.shared_rng("holdout", MIX).permutation(len(songs))[:number]}
        sides: dict[bool, list[Group]] = {False: [], True: []}
        for done, song in enumerate(songs):
            job.progress("reading songs", done, len(songs))
            cut = functools.partial(cut_song, song, job.sample_rate, self.segment_seconds)
            sides[song.name in held].append(job.group(cut))
        job.progress("reading songs", len(songs), len(songs))
        facts = {"licence": {self.licence: len(songs)}, "songs": len(songs)}
        return Made(Side(sides[False]), Side(sides[True]), facts)


@dataclass(frozen=True)
class Song:
    """One song, of which every stem is a sound file, or all are streams of one file.

    Args:
        name: its path below the root, with forward slashes.
        files: stem -> where it is; the mixture is none of them.
        streams: stem -> audio stream of an mp4 file, for those that are streams.
    """

    name: str
    files: Mapping[str, Path]
    streams: Mapping[str, int]

    def read(self, sample_rate: int) -> dict[str, Audio]:
        """Read every stem as mono, all of one length: shorter ones are followed by silence.

        Shape:
            -> each [T], float32
        Raises:
            DataError: a file that cannot be read.
        """
        stems = {
            name: _read_stream(file, self.streams[name], sample_rate)
            if name in self.streams
            else read_audio(file, sample_rate)
            for name, file in self.files.items()
        }
        length = max(len(audio) for audio in stems.values())
        return {name: np.pad(audio, (0, length - len(audio))) for name, audio in stems.items()}


def find_songs(root: Path) -> list[Song]:
    """List the songs below a folder, in the order of their names.

    A song is a folder with two sound files or more, one for each stem; files called `mixture`, `mix` or
    `_mix` are left out, for the mix is the sum of the stems. So MUSDB18-HQ is read,
    `{train,test}/TITLE/{mixture,drums,bass,other,vocals}.wav`. A file `TITLE.stem.mp4` is a song too, with
    the streams of MUSDB18: mixture, drums, bass, other, vocals.

    Raises:
        DataError: no folder, or no song in it.
    """
    if not root.is_dir():
        raise DataError(f"no data folder {root}; name one with --data or with LATENTFX_DATA")
    songs = [_from_mp4(root, file) for file in root.rglob("*" + STEM_MP4)]
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        files = {file.stem: file for file in sorted(folder.iterdir()) if _is_stem(file)}
        if len(files) > 1:
            songs.append(Song(folder.relative_to(root).as_posix(), files, {}))
    if not songs:
        raise DataError(
            f"no song below {root}: a song is a folder with a sound file for each stem, or a file "
            f"TITLE{STEM_MP4} with the streams {', '.join(MUSDB_STREAMS)}"
        )
    return sorted(songs, key=lambda song: song.name)


def _is_stem(file: Path) -> bool:
    """Whether a path is the sound file of a stem: not hidden, no side file of macOS, not the mixture."""
    named_so = file.suffix.lower() in SUFFIXES and file.stem.lower() not in MIXTURES
    return named_so and not file.name.startswith(".") and file.is_file()


def _from_mp4(root: Path, file: Path) -> Song:
    name = file.relative_to(root).as_posix().removesuffix(STEM_MP4)
    streams = {stem: index for index, stem in enumerate(MUSDB_STREAMS) if stem not in MIXTURES}
    return Song(name, dict.fromkeys(streams, file), streams)


def _read_stream(file: Path, stream: int, sample_rate: int) -> Audio:
    """One audio stream of a file, as mono.

    Shape:
        -> [T], float32
    Raises:
        DataError: no ffmpeg, or a file without such a stream.
    """
    if shutil.which("ffmpeg") is None:
        raise DataError(
            f"{file.name} is read by ffmpeg, which is not installed: install it (Debian: apt install ffmpeg, "
            "macOS: brew install ffmpeg), or use the wav layout of MUSDB18-HQ"
        )
    command = ["ffmpeg", "-v", "error", "-i", str(file), "-map", f"0:a:{stream}", "-ac", "1"]
    command += ["-ar", str(sample_rate), "-f", "f32le", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    audio = np.frombuffer(done.stdout[: len(done.stdout) // 4 * 4], dtype="<f4").astype(np.float32)
    if done.returncode != 0 or len(audio) == 0:
        said = done.stderr.decode(errors="replace").strip()[-400:]
        raise DataError(
            f"{file} has no audio stream {stream} that ffmpeg can read; MUSDB18 has {len(MUSDB_STREAMS)} of "
            f"them, {', '.join(MUSDB_STREAMS)}: {said}"
        )
    return audio


def cut_song(song: Song, sample_rate: int, segment_seconds: float) -> list[Example]:
    """Cut a song into examples of one length, after its mix as a whole was set to one loudness.

    Pieces in which the mix stays 40 dB below its loud part are left out, and so is the rest at the end. Stems
    that are silent in an example are left out of it.
    """
    stems = np.stack(list(song.read(sample_rate).values()))
    whole = stems.sum(axis=0)
    peak = float(np.max(np.abs(whole), initial=0.0))
    gain = np.float32(np.max(np.abs(set_level(whole, sample_rate)), initial=0.0) / max(peak, 1e-9))
    frame = max(1, sample_rate // 100)
    threshold_db = np.percentile(frame_levels_db(gain * whole, frame), 95) + SILENT_BELOW_LOUD_DB
    length = round(segment_seconds * sample_rate)
    clips = []
    for start in range(0, stems.shape[1] - length + 1, length):
        pieces = gain * stems[:, start : start + length]
        if np.percentile(frame_levels_db(pieces.sum(axis=0), frame), 95) > threshold_db:
            clips.append(mixed([piece for piece in pieces if np.any(piece)], sample_rate, song.name))
    return clips


def mixed(stems: Sequence[Audio], sample_rate: int, source: str) -> Example:
    """An example that is the sum of stems."""
    audio: Audio = np.stack(stems).sum(axis=0).astype(np.float32)
    return Example.of_audio(audio, sample_rate, MIX, source, stems=tuple(stems))
