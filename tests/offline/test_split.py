"""Branches side by side: aligned, blended, soloed, one at the side-chain of another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pedalboard
import pytest

import latentfx
from latentfx import Board, Branch, Split
from latentfx.errors import BusyError, ControlError, ShapeError

RATE = 48_000
Write = Callable[[str], Path]
HALF_DB = 20 * np.log10(0.5)


@pytest.fixture
def delay(plugin_file: Write) -> latentfx.LatentPlugin:
    """Audio times `gain`, 100 samples later, in hops of 64."""
    return latentfx.load(plugin_file("delay"))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.2, 0.2, (2, 20_000)).astype(np.float32)


def test_branches_of_other_latencies_are_summed_in_step(
    delay: latentfx.LatentPlugin, noise: np.ndarray
) -> None:
    split = Split([Branch("dry"), Branch("late", delay), Branch("later", [delay, delay.copy()])])
    np.testing.assert_allclose(split(noise, RATE), 3 * noise, atol=1e-6)
    assert split.latency == 2 * delay.latency


def test_gain_mute_and_solo_say_what_is_heard(delay: latentfx.LatentPlugin, noise: np.ndarray) -> None:
    split = Split([Branch("dry"), Branch("late", delay, gain_db=HALF_DB)])
    np.testing.assert_allclose(split(noise, RATE), 1.5 * noise, atol=1e-6)
    split["dry"].mute = True
    np.testing.assert_allclose(split(noise, RATE), 0.5 * noise, atol=1e-6)
    split["dry"].mute = False
    split["dry"].solo = True
    np.testing.assert_allclose(split(noise, RATE), noise, atol=1e-6)


def test_a_split_stands_in_a_chain_and_boards_stand_in_it(
    delay: latentfx.LatentPlugin, noise: np.ndarray
) -> None:
    inner = Split([Branch("dry"), Branch("board", Board([delay]))])
    board = Board([pedalboard.Gain(HALF_DB), Split([Branch("twice", inner), Branch("once", delay)]), delay])
    np.testing.assert_allclose(board(noise, RATE), 1.5 * noise, atol=1e-6)
    assert board.latency == 2 * delay.latency
    assert board.sample_rate == delay.sample_rate


@pytest.mark.parametrize("rate", [RATE, 44_100])
@pytest.mark.parametrize("cuts", [[3, 4, 6], [5000], [64, 10_000, 10_001, 19_999]])
def test_pieces_through_a_split_join_to_the_whole(
    delay: latentfx.LatentPlugin, noise: np.ndarray, cuts: list[int], rate: int
) -> None:
    split = Split([Branch("dry"), Branch("late", delay), Branch("native", pedalboard.HighpassFilter(200))])
    whole = split(noise, rate)
    parts = [split(part, rate, reset=False) for part in np.split(noise, cuts, axis=1)]
    joined = np.concatenate([*parts, split.flush()], axis=1)
    assert joined.shape == noise.shape
    np.testing.assert_allclose(joined, whole, atol=1e-5)


def test_two_shipped_plugins_are_blended_over_a_file(tmp_path: Path) -> None:
    violin = Path(__file__).parents[2] / "examples" / "audio" / "violin.flac"
    swap, ring = latentfx.load("timbre-swap", timbre="trumpet"), latentfx.load("ring", steps=7)
    split = Split([Branch("trumpet", swap, gain_db=HALF_DB), Branch("ring", ring, gain_db=HALF_DB)])
    sound, _ = latentfx.apply(violin, plugin=Board([split]))
    alone = [latentfx.apply(violin, plugin=plugin)[0] for plugin in (swap, ring)]
    np.testing.assert_allclose(sound, (alone[0] + alone[1]) / 2, atol=1e-5)


def test_a_gain_that_is_turned_while_a_stream_is_open_makes_no_click(delay: latentfx.LatentPlugin) -> None:
    split = Split([Branch("dry"), Branch("late", delay)])
    ones = np.full((1, 9600), 0.1, np.float32)
    split(ones, RATE, reset=False)
    split["dry"].mute = True
    after = split(ones, RATE, reset=False)[0]
    assert after[0] == pytest.approx(0.2, abs=1e-3)
    assert after[480:] == pytest.approx(0.1, abs=1e-6)
    assert np.abs(np.diff(after)).max() < 0.1 / 470


@pytest.mark.parametrize("channels", [1, 2])
def test_a_branch_is_at_the_side_chain_of_another(
    plugin_file: Write, delay: latentfx.LatentPlugin, noise: np.ndarray, channels: int
) -> None:
    """The plugin takes its side away; the branch at the side comes 100 samples later, and is waited for."""
    audio = noise[:channels]
    split = Split(
        [
            Branch("half", [delay, pedalboard.Gain(HALF_DB)], mute=True),
            Branch("rest", latentfx.load(plugin_file("side")), side="half"),
        ]
    )
    np.testing.assert_allclose(split(audio, RATE), audio - 0.5 * audio, atol=1e-5)
    parts = [split(part, RATE, reset=False) for part in np.split(audio, [70, 5000], axis=1)]
    np.testing.assert_allclose(np.concatenate([*parts, split.flush()], axis=1), 0.5 * audio, atol=1e-5)


def test_the_input_is_at_a_side_chain(plugin_file: Write, noise: np.ndarray) -> None:
    split = Split([Branch("nothing", latentfx.load(plugin_file("side")), side="input")])
    np.testing.assert_allclose(split(noise, RATE), 0 * noise, atol=1e-6)


def test_an_automation_moves_one_branch(delay: latentfx.LatentPlugin, noise: np.ndarray) -> None:
    moves = latentfx.Automation((latentfx.automation.Move(0.0, latentfx.automation.Turn("gain", 0.5)),))
    split = Split([Branch("moved", latentfx.Automated(delay, moves)), Branch("still", delay)])
    np.testing.assert_allclose(split(noise, RATE), 1.5 * noise, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda delay: Split([]), "give at least one"),
        (lambda delay: Split([delay]), r"write latentfx.Branch\(NAME, effect\)"),
        (lambda delay: Split([Branch("a"), Branch("a")]), "two branches are called 'a'"),
        (lambda delay: Branch("input"), "give it any name but 'input'"),
        (lambda delay: Branch("a", 3), "int cannot stand on a board"),
        (lambda delay: Branch("a", gain_db=99), "99; allowed -120 to 24 dB"),
        (lambda delay: Branch("a", gain_db=float("nan")), "nan; allowed -120 to 24 dB"),
        (lambda delay: Branch("a", delay, side="input"), "has no side-chain"),
        (lambda delay: Split([Branch("horn")])["hron"], "did you mean 'horn'|There are horn"),
    ],
)
def test_what_cannot_be_is_refused(
    delay: latentfx.LatentPlugin, make: Callable[[latentfx.LatentPlugin], object], problem: str
) -> None:
    with pytest.raises(ControlError, match=problem):
        make(delay)


def test_a_side_must_come_before(plugin_file: Write) -> None:
    side = latentfx.load(plugin_file("side"))
    with pytest.raises(ControlError, match="allowed are the branches before it and the input: input"):
        Split([Branch("a", side, side="b"), Branch("b")])


def test_a_native_plugin_in_two_branches_is_refused(noise: np.ndarray) -> None:
    reverb = pedalboard.Reverb()
    with pytest.raises(BusyError, match="stands twice"):
        Split([Branch("a", reverb), Branch("b", reverb)])(noise, RATE)


def test_branches_with_other_channels_are_refused(plugin_file: Write, noise: np.ndarray) -> None:
    split = Split([Branch("two"), Branch("one", latentfx.load(plugin_file("side")))])
    with pytest.raises(ShapeError, match="'two' gives 2 channels, and 'one' gives 1"):
        split(noise, RATE)
