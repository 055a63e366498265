"""A recording at a side-chain: in its place, at any rate, shorter or longer, for one channel or many."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pedalboard
import pytest
import soundfile
from numpy.typing import NDArray

import latentfx
from latentfx.batch import apply_many
from latentfx.errors import AudioFileError, ShapeError
from latentfx.offline import AudioWarning

Audio = NDArray[np.float32]
Write = Callable[[str], Path]
RATE = 48_000
LENGTH = 20_000


@pytest.fixture(scope="module")
def minus(plugin_file: Write) -> Path:
    """Main input minus the side-chain times `gain`."""
    return plugin_file("side")


def noise(seed: int, *shape: int) -> Audio:
    return np.random.default_rng(seed).uniform(-0.4, 0.4, shape or (LENGTH,)).astype(np.float32)


def written(path: Path, audio: Audio, rate: int = RATE) -> Path:
    soundfile.write(path, audio.T, rate, subtype="FLOAT")
    return path


def tone(samples: int, rate: float, f0_hz: float = 300.0) -> Audio:
    return (0.3 * np.sin(2 * np.pi * f0_hz * np.arange(samples) / rate)).astype(np.float32)


@pytest.mark.parametrize("buffer_size", [77, 5000, 1 << 20])
def test_the_side_file_lies_exactly_over_the_source(minus: Path, tmp_path: Path, buffer_size: int) -> None:
    main, side = noise(0), noise(1)
    source, beside = written(tmp_path / "main.wav", main), written(tmp_path / "side.wav", side)
    applied = latentfx.apply(source, tmp_path / "out.wav", minus, side=beside, buffer_size=buffer_size)
    assert (applied.channels, applied.frames, applied.notes) == (1, LENGTH, ())
    np.testing.assert_array_equal(soundfile.read(applied.target, dtype="float32")[0], main - side)


def test_files_arrays_and_pieces_agree(minus: Path, tmp_path: Path) -> None:
    main, side = noise(0), noise(1)
    beside = written(tmp_path / "side.wav", side)
    expected = main - np.float32(0.5) * side
    plugin = latentfx.SideChained(latentfx.load(minus).set(gain=0.5), (side, RATE))
    pieces = [plugin(part, RATE, reset=False) for part in np.split(main, [5, 300, 15_000])]
    pieces.append(plugin.flush())
    for out in (
        latentfx.apply(main, plugin=minus, sample_rate=RATE, side=beside, gain=0.5),
        latentfx.apply(main, plugin=minus, sample_rate=RATE, side=(side, RATE), gain=0.5),
        plugin(main, RATE),
        plugin(main, RATE),
        np.concatenate(pieces),
    ):
        np.testing.assert_allclose(out, expected, atol=1e-6)


@pytest.mark.parametrize(("rate", "side_rate"), [(RATE, 44_100), (44_100, RATE), (22_050, 96_000)])
def test_a_side_of_another_rate_is_resampled_and_keeps_time(minus: Path, rate: int, side_rate: int) -> None:
    main = tone(rate, rate)
    out = latentfx.apply(main, plugin=minus, sample_rate=rate, side=(tone(side_rate, side_rate), side_rate))
    assert np.abs(out[500:-500]).max() < 1e-3, "the same tone at both inputs leaves nothing"


@pytest.mark.parametrize("rate", [RATE, 16_000])
def test_a_shorter_side_is_followed_by_silence_and_a_longer_one_left_off(minus: Path, rate: int) -> None:
    main = tone(RATE, RATE)
    half = (tone(rate // 2, rate), rate)
    with pytest.warns(AudioWarning, match=r"the side-chain is 0.50 s shorter than the source; silence"):
        out = latentfx.apply(main, plugin=minus, sample_rate=RATE, side=half)
    assert np.abs(out[500 : RATE // 2 - 500]).max() < 2e-3
    np.testing.assert_allclose(out[RATE // 2 + 500 :], main[RATE // 2 + 500 :], atol=1e-3)
    with pytest.warns(AudioWarning, match=r"the side-chain is 1.00 s longer than the source; its end was"):
        out = latentfx.apply(main, plugin=minus, sample_rate=RATE, side=(tone(2 * rate, rate), rate))
    assert out.shape == main.shape
    assert np.abs(out[500:-500]).max() < 2e-3


def test_each_channel_meets_its_own_side_or_the_mean_of_all(minus: Path) -> None:
    main, side = noise(0, 2, LENGTH), noise(1, 2, LENGTH)
    out = latentfx.apply(main, plugin=minus, sample_rate=RATE, side=(side, RATE))
    np.testing.assert_allclose(out, main - side, atol=1e-6)
    out = latentfx.apply(main, plugin=minus, sample_rate=RATE, side=(side[0], RATE))
    np.testing.assert_allclose(out, main - side[:1], atol=1e-6)
    with pytest.warns(AudioWarning, match="the mean of the 2 channels of the side-chain was taken"):
        out = latentfx.apply(main[0], plugin=minus, sample_rate=RATE, side=(side, RATE))
    np.testing.assert_allclose(out, main[0] - side.mean(0), atol=1e-6)


def test_without_a_side_file_the_last_channel_is_the_side_chain(minus: Path, tmp_path: Path) -> None:
    both = noise(0, 2, LENGTH)
    with pytest.warns(AudioWarning, match="the last channel of the source was taken as the side-chain"):
        applied = latentfx.apply(written(tmp_path / "both.wav", both), tmp_path / "out.wav", minus)
    np.testing.assert_array_equal(soundfile.read(applied.target, dtype="float32")[0], both[0] - both[1])
    assert applied.notes[0].startswith("the last channel of the source was taken as the side-chain; --side")
    four = noise(1, 4, LENGTH)
    out = latentfx.load(minus)(four, RATE)
    np.testing.assert_array_equal(out, np.stack([four[0] - four[1], four[2] - four[3]]))


def test_bad_samples_and_silence_at_the_side_are_noted(minus: Path, tmp_path: Path) -> None:
    main, side = noise(0), np.zeros(LENGTH, np.float32)
    source = written(tmp_path / "main.wav", main)
    with pytest.warns(AudioWarning, match="the side-chain is silent"):
        applied = latentfx.apply(source, tmp_path / "out.wav", minus, side=(side, RATE))
    assert applied.notes == ("the side-chain is silent",)
    side[100] = np.nan
    with pytest.warns(AudioWarning, match="1 sample was NaN or infinite"):
        applied = latentfx.apply(source, tmp_path / "out.wav", minus, side=(side, RATE))
    assert applied.notes[0] == "1 sample was NaN or infinite and was taken as 0"
    np.testing.assert_array_equal(soundfile.read(applied.target, dtype="float32")[0], main)


def test_many_recordings_share_one_side(minus: Path, tmp_path: Path) -> None:
    (tmp_path / "takes").mkdir()
    takes = {name: noise(seed) for seed, name in enumerate(["a.wav", "b.wav"])}
    for name, audio in takes.items():
        written(tmp_path / "takes" / name, audio)
    side = noise(9)
    beside = written(tmp_path / "side.wav", side)
    list(apply_many(tmp_path / "takes", tmp_path / "out", minus, side=beside))
    for name, audio in takes.items():
        out, _ = soundfile.read(tmp_path / "out" / name, dtype="float32")
        np.testing.assert_array_equal(out, audio - side)


def test_a_board_takes_the_side_as_a_channel_or_as_a_recording(minus: Path, tmp_path: Path) -> None:
    main, side = noise(0), noise(1)
    double = pedalboard.Gain(20 * np.log10(2))
    plugin = latentfx.load(minus)
    both = latentfx.Board([plugin, double])(np.stack([main, side]), RATE)
    np.testing.assert_allclose(both, 2 * (main - side)[None], atol=1e-5)
    late = latentfx.load(minus).set(gain=0)  # its latency is removed before the recording is met
    chained = latentfx.SideChained(plugin, written(tmp_path / "side.wav", side))
    board = latentfx.Board([latentfx.SideChained(late, (side, RATE)), double, chained])
    assert (board.latency, board.sample_rate) == (200, RATE)
    np.testing.assert_allclose(board(main, RATE), 2 * main - side, atol=1e-5)
    np.testing.assert_allclose(
        latentfx.apply(main, plugin=board, sample_rate=RATE, buffer_size=999), 2 * main - side, atol=1e-5
    )
    with pytest.raises(ShapeError, match="a board has no side-chain of its own; put latentfx"):
        latentfx.apply(main, plugin=board, sample_rate=RATE, side=(side, RATE))


def test_a_side_that_does_not_fit_the_plugin_is_refused(
    minus: Path, plugin_file: Write, tmp_path: Path
) -> None:
    main = noise(0)
    with pytest.raises(ShapeError, match="plugin 'delay' has no side-chain, only 1 channel in; leave the"):
        latentfx.apply(main, plugin=plugin_file("delay"), sample_rate=RATE, side=(main, RATE))
    with pytest.raises(ShapeError, match="plugin 'stereo' has no side-chain"):
        latentfx.SideChained(latentfx.load(plugin_file("stereo")), (main, RATE))
    with pytest.raises(ShapeError, match=r"audio has 1 channels; plugin 'side' takes 2, .* --side FILE"):
        latentfx.apply(main, plugin=minus, sample_rate=RATE)
    with pytest.raises(AudioFileError, match="no sound file"):
        latentfx.apply(main, plugin=minus, sample_rate=RATE, side=tmp_path / "absent.wav")
    with pytest.raises(ShapeError, match="the rate of the side-chain is 0; allowed 1000 to 768000 Hz"):
        latentfx.apply(main, plugin=minus, sample_rate=RATE, side=(main, 0))


# The peak that getrusage knows begins with that of the process which forked; VmHWM begins anew.
PEAK = """
import pathlib, resource, sys
import latentfx
latentfx.apply(sys.argv[1], sys.argv[2], sys.argv[3], side=sys.argv[1])
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(next(int(line.split()[1]) * 1024 for line in status.open() if line.startswith("VmHWM")))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length_of_the_side(minus: Path, tmp_path: Path) -> None:
    peaks = []
    for seconds in (20, 200):
        path = tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
            file.write(np.full(seconds * 8000, 0.1))
        command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / "out.wav"), str(minus)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(ran.stdout))
    assert peaks[1] - peaks[0] < 10_000_000
