"""Songs as stems: folders of sound files that sum to a mix, MUSDB18 in both of its layouts among them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentfx.errors import DataError
from latentfx.training.data.example import Audio
from latentfx.training.data.sources.recordings import SUFFIXES, read_audio

MIXTURES = frozenset({"mixture", "mix", "_mix"})
STEM_MP4 = ".stem.mp4"
MUSDB_STREAMS = ("mixture", "drums", "bass", "other", "vocals")


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
        files = {
            file.stem: file
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in SUFFIXES and file.stem.lower() not in MIXTURES
        }
        if len(files) > 1:
            songs.append(Song(folder.relative_to(root).as_posix(), files, {}))
    if not songs:
        raise DataError(
            f"no song below {root}: a song is a folder with a sound file for each stem, or a file "
            f"TITLE{STEM_MP4} with the streams {', '.join(MUSDB_STREAMS)}"
        )
    return sorted(songs, key=lambda song: song.name)


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
