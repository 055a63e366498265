"""The main job: alignment, arrays, notes, references, memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.errors import ControlError, PluginNotFoundError, ShapeError
from latentfx.offline import AudioWarning

RATE = 44_100
Write = Callable[[str], Path]


@pytest.fixture(scope="module")
def delay(plugin_file: Write) -> Path:
    return plugin_file("delay")


@pytest.fixture(scope="module")
def blend(plugin_file: Write) -> Path:
    return plugin_file("blend")


@pytest.fixture
def sine(tmp_path: Path) -> Path:
    path = tmp_path / "sine.wav"
    time = np.arange(RATE // 4) / RATE
    soundfile.write(path, 0.25 * np.sin(2 * np.pi * 440 * time), RATE, subtype="FLOAT")
    return path


def test_an_impulse_stays_in_its_place(delay: Path, tmp_path: Path) -> None:
    audio = np.zeros(30_000)
    audio[[0, 12_345, 29_999]] = 0.5, 0.9, 0.5
    soundfile.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    latentfx.apply(tmp_path / "in.wav", tmp_path / "out.wav", delay)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav")[0], audio.astype(np.float32))


def test_files_arrays_and_streams_agree(blend: Path, sine: Path, tmp_path: Path) -> None:
    audio, _ = soundfile.read(sine, dtype="float32")
    plugin = latentfx.load(blend).set(tone="full")
    latentfx.apply(sine, tmp_path / "out.wav", blend, tone="full", buffer_size=1000)
    written, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    returned, rate = latentfx.apply(sine, plugin=blend, tone="full")
    cuts = np.random.default_rng(0).integers(1, len(audio), 20)
    streamed = [plugin(part, RATE, reset=False) for part in np.split(audio, np.sort(cuts))]
    streamed.append(plugin.flush())
    assert rate == RATE
    for other in (
        returned[0],
        latentfx.apply(audio, plugin=blend, sample_rate=RATE, tone="full"),
        plugin(audio, RATE),
        np.concatenate(streamed),
    ):
        np.testing.assert_allclose(other, written, atol=1e-6)


@pytest.mark.parametrize("shape", [(500,), (2, 500), (500, 2), (0,), (1,)], ids=str)
def test_arrays_come_back_in_their_shape(delay: Path, shape: tuple[int, ...]) -> None:
    audio = np.random.default_rng(0).uniform(-1, 1, shape)
    np.testing.assert_allclose(latentfx.apply(audio, plugin=delay, sample_rate=48_000), audio, atol=1e-6)


def test_an_array_is_written_to_a_file(delay: Path, tmp_path: Path) -> None:
    audio = np.random.default_rng(0).uniform(-2, 2, (2, 500))
    applied = latentfx.apply(audio, tmp_path / "out.wav", delay, sample_rate=48_000)
    np.testing.assert_allclose(soundfile.read(applied.target)[0], audio.T, atol=1e-6)
    assert (applied.source, applied.subtype, applied.notes) == (None, "FLOAT", ())


def test_a_folder_as_target_takes_the_name_of_the_source(delay: Path, sine: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert latentfx.apply(sine, tmp_path / "out", delay).target == tmp_path / "out" / "sine.wav"


def test_a_loaded_plugin_keeps_its_own_settings(delay: Path) -> None:
    plugin = latentfx.load(delay).set(gain=2)
    assert latentfx.apply(np.ones(100), plugin=plugin, sample_rate=48_000, gain=3)[0] == 3
    assert latentfx.apply(np.ones(100), plugin=plugin, sample_rate=48_000)[0] == plugin.gain == 2


@pytest.mark.parametrize("as_file", [True, False])
def test_a_reference_is_a_file_or_an_array(blend: Path, tmp_path: Path, as_file: bool) -> None:
    recording = np.tile(5e-3 * np.sin(np.arange(24_000) / 20), (2, 1)).T
    recording[500] = 0.5
    reference: Path | tuple[np.ndarray, int] = (recording, 48_000)
    if as_file:
        reference = tmp_path / "reference.wav"
        soundfile.write(reference, recording, 48_000, subtype="FLOAT")
    out = latentfx.apply(np.full(200, 0.5), plugin=blend, sample_rate=48_000, reference=reference)
    np.testing.assert_allclose(out, np.tanh(0.49), atol=1e-6)  # brought to 0.98


def test_progress_counts_every_sample(delay: Path, sine: Path) -> None:
    seen: list[tuple[int, int]] = []
    latentfx.apply(sine, plugin=delay, buffer_size=4000, progress=lambda *step: seen.append(step))
    assert seen == [(done, 11_025) for done in (4000, 8000, 11_025)]


def test_samples_that_are_not_finite_are_counted_and_made_silent(delay: Path, tmp_path: Path) -> None:
    audio = np.full(1000, 0.5)
    audio[[3, 500, 501]] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "in.wav", audio, 48_000, subtype="FLOAT")
    with pytest.warns(AudioWarning, match="3 samples were NaN or infinite"):
        applied = latentfx.apply(tmp_path / "in.wav", tmp_path / "out.wav", delay)
    expected = np.where(np.isfinite(audio), audio, 0)
    np.testing.assert_array_equal(soundfile.read(applied.target)[0], expected)
    assert applied.notes == ("3 samples were NaN or infinite and were taken as 0",)
    with pytest.warns(AudioWarning, match="3 samples were NaN or infinite"):
        np.testing.assert_array_equal(latentfx.apply(audio, plugin=delay, sample_rate=48_000), expected)


def test_silence_stays_silence_and_is_noted(delay: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros((1000, 2)), RATE)
    with pytest.warns(AudioWarning, match="the source is silent"):
        applied = latentfx.apply(tmp_path / "in.wav", tmp_path / "out.wav", delay)
    assert not soundfile.read(applied.target)[0].any()
    assert applied.notes == ("the source is silent",)


def test_what_is_too_loud_is_turned_down_and_noted_with_the_gain_that_avoids_it(
    delay: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "in.wav", np.linspace(0, 0.9, 1000), 48_000, subtype="PCM_16")
    with pytest.warns(AudioWarning, match=r"5\.2 dB above full scale .* limiter: --output-db -5\.2"):
        applied = latentfx.apply(tmp_path / "in.wav", tmp_path / "out.wav", delay, gain=2)
    assert 32_700 < soundfile.read(applied.target, dtype="int16")[0].max() <= 32_767
    assert (
        latentfx.apply(tmp_path / "in.wav", tmp_path / "out.wav", delay, gain=2 / 10 ** (5.2 / 20)).notes
        == ()
    )


@pytest.mark.parametrize("target", [None, "out.wav"])
@pytest.mark.parametrize("from_file", [True, False])
def test_a_note_is_a_warning_at_the_line_that_called_apply(
    delay: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_file: bool, target: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    silence, source = np.zeros(1000), Path("in.wav")
    soundfile.write(source, silence, 48_000)
    given: tuple[Any, Any] = (source, None) if from_file else (silence, 48_000)
    with pytest.warns(AudioWarning) as warned:
        latentfx.apply(given[0], target, delay, sample_rate=given[1])
    assert [str(warning.message) for warning in warned] == ["the source is silent"]
    assert warned[0].filename == __file__


def test_apply_refuses_unknown_plugins_and_controls_and_arrays_without_a_rate(
    delay: Path, sine: Path, tmp_path: Path
) -> None:
    with pytest.raises(PluginNotFoundError, match="no plugin 'nope'"):
        latentfx.apply(sine, tmp_path / "out.wav", "nope")
    with pytest.raises(ControlError, match=r"control 'mixx' is unknown\. Plugin 'delay' has gain"):
        latentfx.apply(sine, tmp_path / "out.wav", delay, mixx=1)
    with pytest.raises(ControlError, match="control 'gain' is 9; allowed 0 to 4"):
        latentfx.apply(sine, tmp_path / "out.wav", delay, gain=9)
    with pytest.raises(ControlError, match="learns nothing from recordings"):
        latentfx.apply(sine, tmp_path / "out.wav", delay, reference=sine)
    with pytest.raises(ControlError, match="a board has no controls"):
        latentfx.apply(sine, tmp_path / "out.wav", latentfx.Board(), mix=1)
    with pytest.raises(ShapeError, match="give sample_rate="):
        latentfx.apply(np.zeros(10), plugin=delay)
    with pytest.raises(ShapeError, match="belongs to an array"):
        latentfx.apply(sine, plugin=delay, sample_rate=48_000)  # type: ignore[call-overload]
    with pytest.raises(ShapeError, match="whole numbers of Hz"):
        latentfx.apply(np.zeros(10), tmp_path / "out.wav", delay, sample_rate=44_100.5)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["sine.wav"]


# The peak that getrusage knows begins with that of the process which forked; VmHWM begins anew.
PEAK = """
import pathlib, resource, sys
import latentfx
latentfx.apply(sys.argv[1], sys.argv[2], sys.argv[3], gain=0.5)
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(next(int(line.split()[1]) * 1024 for line in status.open() if line.startswith("VmHWM")))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(delay: Path, tmp_path: Path) -> None:
    """Three minutes more are 35 MB at the plugin's rate; what 20 seconds need is enough for them."""
    peaks = []
    for seconds in (20, 200):
        path = tmp_path / f"{seconds}.wav"
        with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
            file.write(np.full(seconds * 8000, 0.1))
        command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / "out.wav"), str(delay)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(ran.stdout))
        assert soundfile.info(tmp_path / "out.wav").frames == seconds * 8000
    assert peaks[1] - peaks[0] < 10_000_000


def test_a_reference_that_nothing_was_learnt_for_is_refused(plugin_file: Callable[[str], Path]) -> None:
    plugin = latentfx.load(plugin_file("blend"), tone="full")
    for value in ("reference", "half:0.5+reference:0.5"):
        with pytest.raises(ControlError, match="nothing was learnt from a recording yet"):
            plugin.set(tone=value)
    assert plugin.tone_full == 1.0
    with pytest.raises(ControlError, match="nothing was learnt from a recording yet"):
        plugin.tone_reference = 0.5
    plugin.learn("tone", np.sin(np.arange(24_000) / 20), RATE)
    assert plugin.set(tone="half:0.5+reference:0.5").tone_reference == 0.5


def test_a_reference_beside_a_choice_without_it_is_refused(plugin_file: Callable[[str], Path]) -> None:
    audio = 0.1 * np.sin(np.arange(24_000, dtype=np.float32) / 20)
    given = {"sample_rate": RATE, "reference": (audio, RATE)}
    with pytest.raises(ControlError, match="a reference is given, and tone is 'full'"):
        latentfx.apply(audio, None, plugin_file("blend"), **given, tone="full")
    latentfx.apply(audio, None, plugin_file("blend"), **given, tone="half:0.5+reference:0.5")
