"""Chains of latent and native plugins: every latency is removed, streamed or at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pedalboard
import pytest

import latentfx
from latentfx.errors import ControlError

RATE = 48_000
Write = Callable[[str], Path]
DOUBLE = 20 * np.log10(2)


@pytest.fixture
def delay(plugin_file: Write) -> latentfx.LatentPlugin:
    return latentfx.load(plugin_file("delay"))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.2, 0.2, (2, 20_000)).astype(np.float32)


def late() -> pedalboard.Plugin:
    """A native plugin with latency that hardly changes a low tone."""
    return pedalboard.Resample(32_000, quality=pedalboard.Resample.Quality.WindowedSinc32)


def test_a_board_runs_latent_and_native_plugins_in_any_order(
    delay: latentfx.LatentPlugin, noise: np.ndarray
) -> None:
    for effects in (
        [pedalboard.Gain(DOUBLE), delay],
        [delay, pedalboard.Gain(DOUBLE)],
        [pedalboard.Pedalboard([pedalboard.Gain(DOUBLE)]), latentfx.Board([delay])],
    ):
        np.testing.assert_allclose(latentfx.Board(effects)(noise, RATE), 2 * noise, atol=1e-6)


def test_the_latency_of_native_plugins_is_removed(delay: latentfx.LatentPlugin) -> None:
    time = np.arange(15_000) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 300 * time) * np.sin(np.pi * time / time[-1]) ** 2).astype(np.float32)
    board = latentfx.Board([delay, late(), delay, late()])
    assert board.latency > 2 * delay.latency
    assert np.abs(board(tone, RATE) - tone).max() < 5e-3
    assert np.abs(board(tone, 44_100) - tone).max() < 0.02  # natives count latency in whole samples


def test_a_chain_of_natives_is_what_pedalboard_makes_of_it(noise: np.ndarray) -> None:
    effects = [pedalboard.Chorus(), late(), pedalboard.Reverb(), pedalboard.Compressor(-30)]
    ours = latentfx.Board(effects)(noise, RATE)
    theirs = pedalboard.Pedalboard(effects)(noise, RATE)
    np.testing.assert_allclose(ours[:, :-1500], theirs[:, :-1500], atol=1e-5)


@pytest.mark.parametrize("cuts", [[3, 4, 6], [5000], [64, 10_000, 10_001, 19_999]])
def test_pieces_through_a_board_join_to_the_whole(
    delay: latentfx.LatentPlugin, noise: np.ndarray, cuts: list[int]
) -> None:
    board = latentfx.Board([late(), delay, pedalboard.HighpassFilter(200)])
    whole = board(noise, 44_100)
    parts = [board(part, 44_100, reset=False) for part in np.split(noise, cuts, axis=1)]
    joined = np.concatenate([*parts, board.flush()], axis=1)
    assert joined.shape == noise.shape
    np.testing.assert_allclose(joined, whole, atol=1e-5)


def test_a_board_runs_over_files(delay: latentfx.LatentPlugin, noise: np.ndarray) -> None:
    board = latentfx.Board([delay, pedalboard.Gain(DOUBLE)])
    np.testing.assert_allclose(latentfx.apply(noise, plugin=board, sample_rate=RATE), 2 * noise, atol=1e-6)


def test_nan_does_not_stay_in_a_native_plugin() -> None:
    """A reverb that has met a NaN is silent for ever; on a board it never meets one."""
    audio = np.full((1, 9000), 0.1, np.float32)
    audio[0, 100] = np.nan
    assert np.isfinite(latentfx.Board([pedalboard.Reverb()])(audio, RATE)).all()


def test_a_board_is_a_list(delay: latentfx.LatentPlugin) -> None:
    gain = pedalboard.Gain(0)
    board = latentfx.Board([delay])
    board.append(gain)
    board.insert(0, gain)
    assert list(board) == [gain, delay, gain]
    assert list(board[1:]) == [delay, gain]
    del board[0]
    board[1] = delay
    assert (len(board), board.latency, board.latency_at(96_000)) == (2, 200, 400)
    with pytest.raises(ControlError, match="str cannot stand on a board"):
        board.append("reverb")  # type: ignore[arg-type]


def test_an_empty_board_passes_audio_on(noise: np.ndarray) -> None:
    board = latentfx.Board()
    np.testing.assert_array_equal(board(noise.T, RATE), noise.T)
    assert (board.latency, board.sample_rate) == (0, RATE)


def _append(board: latentfx.Board) -> None:
    board.append(board)


def _assign(board: latentfx.Board) -> None:
    board[:] = [board]


def _append_boards(board: latentfx.Board) -> None:
    board.append(latentfx.Board([latentfx.Board([board])]))


def _append_to_a_branch(board: latentfx.Board) -> None:
    split = latentfx.Split([latentfx.Branch("one")])
    board.append(split)
    split["one"].board.append(board)


@pytest.mark.parametrize("put", [_append, _assign, _append_boards, _append_to_a_branch])
def test_board_refuses_itself_however_deep_it_lies(
    delay: latentfx.LatentPlugin, put: Callable[[latentfx.Board], None]
) -> None:
    board = latentfx.Board([delay])
    with pytest.raises(ControlError, match="a board cannot stand on itself"):
        put(board)
    board.append(latentfx.Board([delay]))
    assert board(np.zeros(100, np.float32), RATE).shape == (100,)


def test_board_of_nothing_is_refused_in_words() -> None:
    with pytest.raises(ControlError, match="a board is made of None; give a list"):
        latentfx.Board(None)  # type: ignore[arg-type]  # the board refuses it
