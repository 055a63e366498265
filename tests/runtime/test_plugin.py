"""A loaded plugin is an effect: controls, streams, rates, channels, latency."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latentfx.errors import ControlError, PluginNotFoundError, ShapeError
from latentfx.host.runs import in_runs
from latentfx.host.runtime import LatentPlugin
from latentfx.library import describe, load, plugins

RATE = 48_000
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3000)).astype(np.float32)


@pytest.fixture
def delay(plugin_file: Write) -> LatentPlugin:
    return load(plugin_file("delay"))


@pytest.fixture
def blend(plugin_file: Write) -> LatentPlugin:
    return load(plugin_file("blend"))


def tone(seconds: float, rate: float, hz: float = 440.0) -> np.ndarray:
    """A sine that fades in and out, so that it has no edges."""
    time = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * hz * time) * np.sin(np.pi * time / seconds) ** 2 / 2


def test_a_recording_comes_out_as_long_and_in_its_place(delay: LatentPlugin, noise: np.ndarray) -> None:
    assert delay.latency == 100
    np.testing.assert_array_equal(delay(noise, RATE), noise)
    np.testing.assert_array_equal(delay.process(noise.T, RATE), noise.T)
    np.testing.assert_array_equal(delay(noise[0].astype(np.float64), RATE), noise[0])


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 48_000, 96_000, 192_000, 44_099.5])
def test_every_rate_keeps_time(delay: LatentPlugin, rate: float) -> None:
    """A latency of 100 samples at 48 kHz is 91.875 at 44.1 kHz; it is removed to a fraction of a sample."""
    audio = tone(0.5, rate)
    out = delay(audio, rate)
    assert out.shape == audio.shape
    assert np.abs(out - audio).max() < 1e-3


@pytest.mark.parametrize("rate", [8000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65])
def test_the_shortest_recordings_keep_their_length(delay: LatentPlugin, rate: int, length: int) -> None:
    assert delay(np.full(length, 0.1), rate).shape == (length,)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(3, 2000), max_size=6), rate=st.sampled_from([RATE, 44_100, 32_000]))
def test_pieces_of_any_length_join_to_the_whole(
    delay: LatentPlugin, noise: np.ndarray, cuts: list[int], rate: int
) -> None:
    whole = delay(noise, rate)
    edges = [0, *sorted(cuts), noise.shape[1]]
    parts = [delay(noise[:, a:b], rate, reset=False) for a, b in pairwise(edges) if b > a]
    joined = np.concatenate([*parts, delay.flush()], axis=1)
    np.testing.assert_allclose(joined, whole, atol=1e-6)


def test_a_stream_holds_back_its_latency_and_gives_it_at_the_end(delay: LatentPlugin) -> None:
    audio = np.linspace(0.1, 1, 640, dtype=np.float32)
    first = delay(audio, RATE, reset=False)
    assert len(first) == 540
    np.testing.assert_array_equal(np.concatenate([first, delay.flush()]), audio)
    assert delay.flush().size == 0


def test_reset_forgets_what_was_heard(delay: LatentPlugin, noise: np.ndarray) -> None:
    delay(noise[0], RATE, reset=False)
    delay.reset()
    np.testing.assert_array_equal(delay(noise[0, :640], RATE, reset=False), noise[0, :540])


def test_the_size_of_the_buffer_changes_nothing(delay: LatentPlugin, noise: np.ndarray) -> None:
    for size in (1, 100, 8192):
        np.testing.assert_array_equal(delay(noise, RATE, buffer_size=size), noise)


def test_each_channel_is_a_row_of_its_own(blend: LatentPlugin) -> None:
    audio = np.random.default_rng(1).uniform(-1, 1, (32, 500)).astype(np.float32)
    np.testing.assert_allclose(blend(audio, RATE), np.stack([blend(row, RATE) for row in audio]), atol=1e-6)


def test_a_stereo_plugin_takes_two_channels(plugin_file: Write, noise: np.ndarray) -> None:
    stereo = load(plugin_file("stereo"))
    np.testing.assert_array_equal(stereo(noise, RATE), noise[::-1])
    with pytest.raises(ShapeError, match="3 channels; plugin 'stereo' takes 2"):
        stereo(np.zeros((3, 100)), RATE)


def test_nan_and_infinity_are_silence_at_any_rate(delay: LatentPlugin) -> None:
    for rate in (RATE, 44_100):
        clean = tone(0.2, rate)
        clean[[50, 51, 4000]] = 0
        dirty = clean.copy()
        dirty[[50, 51, 4000]] = np.nan, np.inf, -np.inf
        np.testing.assert_array_equal(delay(dirty, rate), delay(clean, rate))


@pytest.mark.parametrize("rate", [0, -1, 10, float("nan"), float("inf"), 1e9])
def test_a_rate_that_makes_no_sense_is_refused(delay: LatentPlugin, rate: float) -> None:
    with pytest.raises(ShapeError, match="allowed 1000 to 768000 Hz"):
        delay(np.zeros(100), rate)


def test_controls_are_attributes_and_a_mapping(delay: LatentPlugin) -> None:
    delay.gain = 2
    assert delay.gain == delay.controls["gain"] == dict(delay.controls)["gain"] == 2.0
    np.testing.assert_allclose(delay(np.full(200, 0.25), RATE), 0.5)
    delay.controls["gain"] = 0
    assert not delay(np.ones(200), RATE).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": 5}, "control 'gain' is 5; allowed 0 to 4"),
        ({"gain": "loud"}, "control 'gain' is 'loud'; allowed 0 to 4"),
        ({"gain": float("nan")}, "control 'gain' is nan; allowed 0 to 4"),
        ({"mix": 1}, r"control 'mix' is unknown\. Plugin 'delay' has gain"),
        ({"gain": 3, "gian": 1}, r"control 'gian' is unknown\. Did you mean 'gain'\?"),
    ],
)
def test_a_wrong_setting_says_what_is_allowed_and_changes_nothing(
    delay: LatentPlugin, change: dict[str, float], message: str
) -> None:
    with pytest.raises(ControlError, match=message):
        delay.set(**change)
    assert delay.gain == 1
    with pytest.raises(ControlError):
        setattr(delay, *list(change.items())[-1])


def test_dir_lists_the_controls_and_blends_beside_the_methods(blend: LatentPlugin) -> None:
    assert {"tone", "tone_half", "tone_full", "process", "set"} <= set(dir(blend))


def test_load_sets_the_controls_it_is_given(plugin_file: Write) -> None:
    assert load(plugin_file("delay"), gain=2.5).gain == 2.5
    assert load(plugin_file("blend"), threads=2, tone="full").tone == {"full": 1.0}
    with pytest.raises(ControlError, match="control 'gain' is 9; allowed 0 to 4"):
        load(plugin_file("delay"), gain=9)


def test_an_attribute_that_is_no_control_is_missing(delay: LatentPlugin) -> None:
    assert not hasattr(delay, "gian")
    with pytest.raises(AttributeError, match=r"'gian'\. Did you mean 'gain'\? Its controls: gain"):
        _ = delay.gian


def test_turning_a_knob_is_heard_in_the_next_block(delay: LatentPlugin) -> None:
    delay(np.ones(640), RATE, reset=False)
    delay.gain = 3
    out = delay(np.ones(640), RATE, reset=False)
    np.testing.assert_array_equal(out, np.repeat([1, 3], [100, 540]))


def test_a_copy_has_the_settings_and_its_own_stream(blend: LatentPlugin) -> None:
    recording = tone(0.5, RATE)
    learnt = blend.listen("tone", recording, RATE).item()
    blend.learn("tone", recording, RATE)
    twin = blend.copy()
    blend.tone = "full"
    np.testing.assert_allclose(twin(np.full(64, 0.5), RATE), np.tanh(0.5 * learnt), atol=1e-6)
    np.testing.assert_allclose(blend(np.full(64, 0.5), RATE), np.tanh(2.0), atol=1e-6)


def test_a_stream_of_blocks_keeps_the_latency(delay: LatentPlugin, noise: np.ndarray) -> None:
    stream = delay.blocks(batch=2)
    delay.gain = 2
    blocks = noise[:, np.newaxis, :640]
    out = np.concatenate([stream.step(blocks[..., at : at + 64]).copy() for at in range(0, 640, 64)], axis=2)
    np.testing.assert_array_equal(out[:, 0, 100:], 2 * noise[:, :540])
    assert not out[..., :100].any()
    np.testing.assert_array_equal(stream.state("line")[:, 0], 2 * noise[:, 540:640])
    stream.reset()
    assert not stream.state("line").any()
    with pytest.raises(ShapeError, match=r"block has the shape \(1, 1, 64\); allowed \(2, 1, 64\)"):
        stream.step(np.zeros((1, 1, 64), np.float32))


def test_a_plugin_tells_its_name_rate_latency_and_origin(delay: LatentPlugin) -> None:
    assert (delay.name, delay.sample_rate, delay.latency_at(44_100)) == ("delay", RATE, 92)
    assert delay.provenance["licence"] == "MIT"
    assert delay.report == {"latency": 100}
    assert repr(delay) == "<LatentPlugin delay 48000 Hz, latency 100, Controls(gain=1)>"


def test_an_unknown_plugin_is_named_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentfx.library.plugins", lambda: ["timbre-swap"])
    with pytest.raises(PluginNotFoundError, match=r"Did you mean 'timbre-swap'\?"):
        load("timbre-swop")
    with pytest.raises(PluginNotFoundError, match=r"no plugin file .*absent\.onnx"):
        load(tmp_path / "absent.onnx")
    with pytest.raises(PluginNotFoundError, match=r"no plugin file .*model\.ts"):
        load(tmp_path / "model.ts")


def test_a_plugin_name_is_found_whatever_its_case_and_spaces() -> None:
    assert describe("Timbre Swap").spec.name == "timbre-swap"
    assert load("timbre-swap", timbre="Alto Sax").timbre == {"altosax": 1.0}


def test_a_description_is_what_the_loaded_plugin_says(plugin_file: Write) -> None:
    for path in (plugin_file("blend"), plugin_file("delay")):
        described, loaded = describe(path), load(path)
        assert described.spec == loaded.spec
        assert described.provenance == loaded.provenance
        assert described.report == loaded.report


def test_describing_plugins_does_not_import_onnxruntime() -> None:
    program = (
        "import sys; from latentfx.library import describe, plugins; "
        "print([describe(name).spec.name for name in plugins()], 'onnxruntime' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{plugins()} False\n"


@pytest.mark.parametrize(
    ("blocks", "runs"), [(0, []), (1, [1]), (7, [4, 2, 1]), (35, [16, 16, 2, 1]), (48, [16, 16, 16])]
)
def test_blocks_run_together_as_powers_of_2(blocks: int, runs: list[int]) -> None:
    assert list(in_runs(blocks, 16)) == runs
