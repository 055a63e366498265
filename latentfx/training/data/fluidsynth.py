"""Tunes rendered by fluidsynth from a soundfont, many phrases of one instrument in a single run.

Rendered at 44.1 kHz without reverb and chorus and then resampled: at low rates fluidsynth aliases.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path

import mido
import numpy as np
import soundfile
import soxr

from latentfx.errors import DataError
from latentfx.files import whole_file
from latentfx.training.data.example import Audio, Note
from latentfx.training.data.recording import read_audio

RENDER_RATE = 44100
TICKS_PER_S = 2000
GAP_S = 1.5
BEND_PER_SEMITONE = 8192 / 2
DRUMS_CHANNEL = 9
LONGEST_INFO = 65536


@dataclass(frozen=True)
class SoundFont:
    """A soundfont file and the synthesizer that plays it.

    Args:
        path: an `.sf2` or `.sf3` file.
        cache: folder that keeps renderings, or None to render afresh each time.
        gain: fluidsynth's output gain.
        rate: that fluidsynth renders at, Hz.
        effects: let it add its reverb and chorus.
    Raises:
        DataError: no such file, or fluidsynth is not installed.
    """

    path: Path
    cache: Path | None = None
    gain: float = 0.5
    rate: int = RENDER_RATE
    effects: bool = False

    def __post_init__(self) -> None:
        if not self.path.is_file():
            raise DataError(
                f"no soundfont {self.path}; install one (Debian: apt install fluid-soundfont-gm gives "
                "/usr/share/sounds/sf2/FluidR3_GM.sf2) or name another file"
            )
        if shutil.which("fluidsynth") is None:
            raise DataError(
                "fluidsynth is not installed; install it (Debian: apt install fluidsynth, "
                "macOS: brew install fluid-synth) or take the soundfont part out of the recipe"
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file: which soundfont this is."""
        with self.path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    @cached_property
    def licence(self) -> str:
        """What the file says of its author and its licence; "not stated" when it does not."""
        told = _read_info(self.path)
        by = told.get("ICOP") or told.get("IENG", "")
        return ": ".join(text for text in (by, told.get("ICMT", "")) if text) or "not stated"

    @property
    def facts(self) -> dict[str, object]:
        """What a data card says of it."""
        return {"licence": {self.licence: 1}, "soundfont": self.path.name, "sha256": self.digest}

    def play(
        self,
        program: int,
        phrases: Sequence[Sequence[Note]],
        seconds: float,
        sample_rate: int,
        channel: int = 0,
    ) -> list[Audio]:
        """Render phrases of one instrument.

        Args:
            program: General MIDI program from 0.
            phrases: lines whose times count from each phrase's start.
            seconds: length of each phrase.
            sample_rate: of the result.
            channel: MIDI channel from 0; on `DRUMS_CHANNEL` programs are kits and keys are drums.
        Shape:
            -> one [T] a phrase, T = seconds * sample_rate
        Raises:
            DataError: fluidsynth failed, or made no sound.
        """
        midi = _write_midi(program, phrases, seconds, channel)
        audio = self._render(midi)
        if sample_rate != self.rate:
            audio = np.asarray(soxr.resample(audio, self.rate, sample_rate), dtype=np.float32)
        length, hop = round(seconds * sample_rate), (seconds + GAP_S) * sample_rate
        audio = np.pad(audio, (0, max(0, round(hop * len(phrases)) - len(audio))))
        starts = [round(index * hop) for index in range(len(phrases))]
        return [_close(audio[start : start + length], sample_rate) for start in starts]

    def _render(self, midi: bytes) -> Audio:
        if self.cache is None:
            return self._synthesize(midi)
        how = f"{self.digest} {self.gain}"
        if self.effects or self.rate != RENDER_RATE:
            how += f" {self.rate} {self.effects}"
        kept = self.cache / f"{hashlib.sha256(how.encode() + midi).hexdigest()[:32]}.flac"
        if kept.is_file():
            return read_audio(kept, self.rate)
        audio = self._synthesize(midi)
        self.cache.mkdir(parents=True, exist_ok=True)
        with whole_file(kept) as part:
            soundfile.write(part, audio, self.rate, format="FLAC", subtype="PCM_24")
        return audio

    def _synthesize(self, midi: bytes) -> Audio:
        """Run fluidsynth on a MIDI file.

        Shape:
            -> [T] at `rate`
        """
        switches = [] if self.effects else ["-R", "0", "-C", "0"]
        with tempfile.TemporaryDirectory(prefix="latentfx-") as folder:
            score, sound = Path(folder, "score.mid"), Path(folder, "sound.wav")
            score.write_bytes(midi)
            command = ["fluidsynth", "-ni", "-q", *switches, "-r", str(self.rate), "-g", str(self.gain)]
            command += ["-T", "wav", "-O", "s16", "-F", str(sound), str(self.path), str(score)]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            # With a damaged file fluidsynth plays the system's default soundfont instead, and returns 0.
            refused = any(words in done.stderr for words in ("Failed to load", "not a SoundFont"))
            if done.returncode != 0 or refused or not sound.is_file():
                raise DataError(
                    f"fluidsynth cannot play {self.path}; replace it: {done.stderr.strip()[-400:]}"
                )
            audio = read_audio(sound, self.rate)
        if not np.any(audio):
            raise DataError(f"fluidsynth plays only silence from {self.path}: {done.stderr.strip()[-400:]}")
        return audio


def default_cache() -> Path:
    """Where renderings are kept: `latentfx/soundfont` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "latentfx" / "soundfont"


def _read_info(path: Path) -> dict[str, str]:
    """Texts of the file's INFO list, the first chunk of its RIFF form; none where it has no such list.

    Source: SoundFont technical specification 2.04, section 5.
    """
    told: dict[str, str] = {}
    with path.open("rb") as content:
        riff, form, chunk, size, kind = struct.unpack("<4s4x4s4sI4s", content.read(24).ljust(24, b"\0"))
        if (riff, form, chunk, kind) != (b"RIFF", b"sfbk", b"LIST", b"INFO"):
            return told
        end = content.tell() + size - 4
        while content.tell() < end and len(head := content.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            text = content.read(min(length + length % 2, LONGEST_INFO))
            told[name.decode("latin-1")] = text.split(b"\0")[0].decode("utf-8", "replace").strip()
    return told


def _write_midi(program: int, phrases: Sequence[Sequence[Note]], seconds: float, channel: int) -> bytes:
    """One MIDI file with the phrases one after another; tuning is pitch bend before each note."""
    events: list[tuple[float, int, mido.Message]] = []
    for index, phrase in enumerate(phrases):
        offset_s = index * (seconds + GAP_S)
        for note in phrase:
            key = round(note.pitch_midi)
            bend = round((note.pitch_midi - key) * BEND_PER_SEMITONE)
            velocity = int(np.clip(round(20 + 107 * note.velocity), 1, 127))
            start_s, end_s = offset_s + note.start_s, offset_s + note.end_s
            events.append((start_s, 1, mido.Message("pitchwheel", pitch=bend, channel=channel)))
            events.append((start_s, 2, mido.Message("note_on", note=key, velocity=velocity, channel=channel)))
            events.append((end_s, 0, mido.Message("note_off", note=key, channel=channel)))
    events.sort(key=lambda event: event[:2])
    track = mido.MidiTrack([mido.Message("program_change", program=program, channel=channel)])
    now = 0
    for time_s, _, message in events:
        tick = round(time_s * TICKS_PER_S)
        track.append(message.copy(time=tick - now))
        now = tick
    last = round(len(phrases) * (seconds + GAP_S) * TICKS_PER_S)
    track.append(mido.MetaMessage("end_of_track", time=max(0, last - now)))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_S // 2)
    file.tracks.append(track)
    content = BytesIO()
    file.save(file=content)
    return content.getvalue()


def _close(audio: Audio, sample_rate: int) -> Audio:
    """Fade the last 10 ms, where a release may be cut."""
    fade = min(sample_rate // 100, len(audio))
    closed = audio.copy()
    closed[len(closed) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return closed
