"""One plugin, one board, one effect of Pedalboard, used by several threads: each call is as if alone."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251  # the test pickles by itself
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import pytest
import soundfile

import latentfx
from latentfx.errors import BusyError

RATE = 48_000
Write = Callable[[str], Path]


def pickled(effect: Any) -> Any:
    return pickle.loads(pickle.dumps(effect))  # noqa: S301  # written in this line


WAYS = [copy.copy, copy.deepcopy, pickled]


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def clips() -> list[np.ndarray]:
    noise = [np.random.default_rng(seed).uniform(-0.1, 0.1, 24_000).astype("f4") for seed in range(6)]
    return [noise[0], np.stack(noise[1:3]), np.stack(noise[3:5], 1), noise[5][:1500]]


def assert_each_as_if_alone(play: Callable[[np.ndarray], np.ndarray], clips: list[np.ndarray]) -> None:
    alone = [play(clip) for clip in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(play, clips * 10))
    for index, out in enumerate(together):
        np.testing.assert_array_equal(out, alone[index % len(clips)])


@pytest.mark.usefixtures("quick_switches")
def test_calls_of_one_plugin_from_several_threads_are_as_if_alone(
    plugin_file: Write, clips: list[np.ndarray]
) -> None:
    plugin = latentfx.load(plugin_file("delay"))
    assert_each_as_if_alone(lambda clip: plugin(clip, RATE), clips)


@pytest.mark.usefixtures("quick_switches")
@pytest.mark.parametrize("call", ["board", "apply", "two boards"])
def test_an_effect_of_pedalboard_is_heard_in_no_other_recording(
    plugin_file: Write, clips: list[np.ndarray], call: str
) -> None:
    reverb = pedalboard.Reverb(room_size=0.6)
    boards = [latentfx.Board([reverb, latentfx.load(plugin_file("delay"))]) for _ in range(2)]

    def play(clip: np.ndarray) -> np.ndarray:
        board = boards[threading.get_ident() % 2 if call == "two boards" else 0]
        return latentfx.apply(clip, None, board, sample_rate=RATE) if call == "apply" else board(clip, RATE)

    assert_each_as_if_alone(play, clips)


def test_a_board_from_file_to_file_in_threads_is_as_if_alone(clips: list[np.ndarray], tmp_path: Path) -> None:
    board = latentfx.Board([pedalboard.Reverb(room_size=0.6)])
    for index, clip in enumerate(clips):
        soundfile.write(tmp_path / f"{index}.wav", clip if clip.ndim == 1 or len(clip) > 2 else clip.T, RATE)

    def play(index: int) -> bytes:
        applied = latentfx.apply(
            tmp_path / f"{index}.wav", tmp_path / f"{threading.get_ident()}.wav", board, buffer_size=500
        )
        return applied.target.read_bytes()

    alone = [play(index) for index in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(play, range(4))) == alone


def test_a_stream_that_another_thread_began_is_refused_until_it_ends(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("delay"))
    audio = np.random.default_rng(0).uniform(-0.1, 0.1, 1000).astype("f4")
    first = plugin(audio, RATE, reset=False)

    def play_on() -> str:
        whole = plugin(audio, RATE)  # a whole recording disturbs no stream
        assert len(whole) == len(audio)
        with pytest.raises(BusyError, match=r"another thread began.*plugin\.copy\(\)"):
            plugin(audio, RATE, reset=False)
        return "refused"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(play_on).result() == "refused"
    out = np.concatenate([first, plugin(audio, RATE, reset=False), plugin.flush()])
    np.testing.assert_allclose(out, np.concatenate([audio, audio]), atol=1e-6)


def test_a_stream_whose_thread_has_ended_goes_on_in_another(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("delay"))
    audio = np.random.default_rng(0).uniform(-0.1, 0.1, 1000).astype("f4")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(plugin, audio, RATE, reset=False).result()
    out = np.concatenate([first, plugin(audio, RATE, reset=False), plugin.flush()])
    np.testing.assert_allclose(out, np.concatenate([audio, audio]), atol=1e-6)


def test_a_stream_through_an_effect_that_began_anew_elsewhere_is_refused() -> None:
    reverb = pedalboard.Reverb()
    board, other = latentfx.Board([reverb]), latentfx.Board([reverb])
    audio = np.full(10_000, 0.1, np.float32)
    board(audio, RATE, reset=False)
    other(audio, RATE)
    with pytest.raises(BusyError, match=r"Reverb was begun anew .* one of its own"):
        board(audio, RATE, reset=False)


def test_the_same_effect_of_pedalboard_twice_on_a_board_is_refused() -> None:
    reverb = pedalboard.Reverb()
    audio = np.full(10_000, 0.1, np.float32)
    for board in (latentfx.Board([reverb, reverb]), latentfx.Board([reverb, latentfx.Board([reverb])])):
        with pytest.raises(BusyError, match="the same Reverb stands twice"):
            board(audio, RATE)


def test_the_same_plugin_twice_on_a_board_plays_as_two(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("delay"), gain=2)
    audio = np.random.default_rng(0).uniform(-0.1, 0.1, 5000).astype("f4")
    np.testing.assert_allclose(latentfx.Board([plugin, plugin])(audio, RATE), 4 * audio, atol=1e-6)


@pytest.mark.parametrize("make", WAYS)
def test_a_copy_of_any_kind_is_independent_and_keeps_settings_and_what_was_learnt(
    plugin_file: Write, make: Callable[[latentfx.LatentPlugin], latentfx.LatentPlugin]
) -> None:
    audio = 0.1 * np.sin(np.arange(24_000, dtype=np.float32) / 20)
    plugin = latentfx.load(plugin_file("blend"))
    plugin.learn("tone", 3 * audio, RATE)
    expected = plugin(audio, RATE)
    twin = make(plugin)
    np.testing.assert_array_equal(twin(audio, RATE), expected)
    twin.set(tone="full")
    twin(audio[:100], RATE, reset=False)
    np.testing.assert_array_equal(plugin(audio, RATE), expected)
    assert plugin.tone_full == 0.0


def test_copies_of_a_side_chain_and_of_a_board_are_independent(plugin_file: Write) -> None:
    side = latentfx.SideChained(latentfx.load(plugin_file("side")), (np.full(500, 0.1, np.float32), RATE))
    for make in WAYS:
        make(side).plugin.set(gain=3)
        board = latentfx.Board([side.plugin])
        make(board).clear()
        assert len(board) == 1
    assert side.plugin.gain == 1.0
