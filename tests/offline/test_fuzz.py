"""Sound files with broken bytes: read, or refused with an error of ours; no crash, no hang, little memory."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentfx.errors import AudioFileError
from latentfx.sound.mp3_frames import count_frames
from latentfx.sound.reader import AudioReader
from latentfx.sound.splice import Spliced

RATE = 44_100
MOST_SAMPLES = 3_000_000
Edit = tuple[int, bytes, int]


def sound(kind: str) -> bytes:
    file = io.BytesIO()
    subtype = "OPUS" if kind == "OPUS" else None
    audio = np.random.default_rng(0).uniform(-0.3, 0.3, (4000, 2))
    rate = 48_000 if kind == "OPUS" else RATE
    soundfile.write(file, audio, rate, format="OGG" if kind == "OPUS" else kind, subtype=subtype)
    return file.getvalue()


def bare(kind: str) -> bytes:
    """Files without a length."""
    content = bytearray(sound(kind))
    if kind == "MP3":
        frames = count_frames(io.BytesIO(content))
        assert frames is not None
        return bytes(content[frames.start :])
    if kind == "FLAC":
        content[21] &= 0xF0
        content[22:26] = bytes(4)
    else:
        content[4:8] = content[40:44] = bytes(4)
    return bytes(content)


KINDS = ("WAV", "FLAC", "MP3", "OGG", "OPUS", "AIFF", "AU", "CAF", "W64", "RF64")
SEEDS: dict[str, bytes] = {kind: sound(kind) for kind in KINDS}
SEEDS |= {f"bare {kind}": bare(kind) for kind in ("WAV", "FLAC", "MP3")}
HOSTILE = [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80"]
# Positions are mostly in the header, where a number rules what is read.
PLACES = st.one_of(st.integers(0, 127), st.integers(0, 1 << 14))
BYTES = st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(HOSTILE))
EDITS = st.lists(st.tuples(PLACES, BYTES, st.sampled_from([0, 0, 0, 1, 4])), max_size=6)


def broken(content: bytes, edits: list[Edit], length: float) -> bytes:
    """Bytes replaced, or put in between; and the end cut off."""
    for at, new, kept in edits:
        place = at % (len(content) + 1)
        content = content[:place] + new + content[place + (0 if kept else len(new)) :]
    return content[: int(length * len(content))]


def read_or_refuse(content: bytes) -> int:
    """Samples that were read of a file; 0 where it was refused."""
    samples = 0
    try:
        with AudioReader(io.BytesIO(content)) as reader:
            for block in reader.blocks(4096):
                samples += block.shape[1]
                assert block.dtype == np.float32
                if samples > MOST_SAMPLES:
                    break
    except AudioFileError as error:
        assert str(error)  # noqa: PT017  # any of ours will do, with its words
    return samples


@pytest.mark.parametrize("kind", SEEDS)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edits=EDITS, length=st.one_of(st.just(1.0), st.floats(0.0, 1.0)))
def test_a_broken_file_is_read_or_refused(
    kind: str, edits: list[Edit], length: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # what looks like a phone's file stays here
    read_or_refuse(broken(SEEDS[kind], edits, length))


@pytest.mark.parametrize("kind", SEEDS)
def test_a_file_that_is_not_broken_is_read(kind: str) -> None:
    assert read_or_refuse(SEEDS[kind]) >= 4000


@pytest.mark.parametrize("junk", [b"\xff" * 4, b"\xff\xfb\x90\0", b"ID3\x03\0\0\0\0\0\0", b"TAG\0"])
def test_what_is_like_frames_is_passed_over_in_bounded_time(junk: bytes) -> None:
    frames = count_frames(io.BytesIO(SEEDS["MP3"] + junk * 200_000))
    assert frames is not None
    assert frames.count < 20


def test_a_spliced_file_reads_like_its_bytes_joined() -> None:
    head, rest = b"head", b"0123456789"
    whole = io.BytesIO(head + rest[3:])
    spliced = Spliced(head, io.BytesIO(rest), 3)
    steps: list[Callable[[io.BytesIO | Spliced], object]] = [
        lambda file: file.read(3),
        lambda file: file.read(4),
        lambda file: (file.seek(2), file.tell()),
        lambda file: file.read(1),
        lambda file: file.read(-1),
        lambda file: file.read(5),
        lambda file: (file.seek(-2, 2), file.read(9)),
        lambda file: (file.seek(1), file.seek(2, 1), file.readinto(bytearray(5))),
    ]
    for step in steps:
        assert step(spliced) == step(whole)
