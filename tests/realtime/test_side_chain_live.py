"""A plugin with a side-chain, live: main input and side-chain are two channels of the input device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jack_rig import Rig
from playing import RATE, Audio, in_callback, noise, play

import latentfx
from latentfx.errors import ShapeError

Write = Callable[..., Path]
Start = Callable[..., Any]


@pytest.mark.parametrize("sizes", [(64,), (441, 7), (4096,)])
def test_the_second_channel_is_the_side_chain(plugin_file: Write, sizes: tuple[int, ...]) -> None:
    audio = noise(3 * 4096, channels=2)
    with in_callback(latentfx.load(plugin_file("side")), channels=2) as host:
        heard = play(host, audio, *sizes)
        assert (host.outputs, heard.shape[0]) == (1, 1)
        expected = (audio[:1] - audio[1:])[:, : -host.latency]
        np.testing.assert_array_equal(heard[:, host.latency :], expected)


def test_one_channel_in_is_refused_with_what_is_missing(plugin_file: Write) -> None:
    with pytest.raises(ShapeError, match="audio has 1 channels; plugin 'side' takes 2, the last of them its"):
        in_callback(latentfx.load(plugin_file("side")), channels=1)


def test_the_shipped_mixer_plays_what_apply_makes() -> None:
    """A tone and a beat at the main input, the beat at the side-chain, taken out while it plays."""
    length = 180 * 256
    times_s = np.arange(length) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 330 * times_s)
    beat = 0.3 * np.exp(-30 * (times_s % 0.25)) * np.random.default_rng(3).standard_normal(length)
    audio = np.stack([tone + beat, beat]).astype(np.float32)
    mixer = latentfx.load("latent-mix").set(side_gain=-1, output_db=-6)
    with in_callback(mixer, channels=2, block=256) as host:
        host.output.limiter = None
        heard = play(host, audio, 256)
        late = host.latency
    applied = latentfx.apply(audio[0], plugin=mixer, sample_rate=RATE, side=(audio[1], RATE))
    middle = heard[0, late:][RATE // 4 :]
    assert np.linalg.norm(middle - applied[RATE // 4 : -late]) < 1e-3 * np.linalg.norm(middle)
    left, taken = middle - 0.5 * tone[RATE // 4 : -late], 0.5 * beat[RATE // 4 : -late]
    assert np.linalg.norm(left) < 0.5 * np.linalg.norm(taken)


@pytest.mark.parametrize("rig", [2], indirect=True)
@pytest.mark.parametrize("swapped", [False, True])
def test_two_channels_of_a_device_are_main_and_side(
    rig: Rig, player: Start, plugin_file: Write, swapped: bool
) -> None:
    chosen = ("--input-channels", "2,1") if swapped else ()
    running = player("-p", plugin_file("side"), *chosen, "--set", "gain=0.5", "--place", "callback")
    main, side = noise(RATE // 2), noise(RATE // 2)[:, ::-1]
    heard = rig.play(np.concatenate([side, main] if swapped else [main, side]))
    running.finish()
    wanted: Audio = (main - np.float32(0.5) * side)[0]
    lag = next(k for k in range(16_000) if np.array_equal(heard[0, k : k + 64], wanted[:64]))
    for row in heard:
        np.testing.assert_array_equal(row[lag : lag + RATE // 2], wanted)
