"""Files made to do harm are refused with the reason, before onnxruntime sees them, or play without harm."""

from __future__ import annotations

import platform
import sys
from importlib import resources
from pathlib import Path

import crafted
import numpy as np
import onnxruntime
import pytest
import soundfile

from latentfx.errors import PluginFileError
from latentfx.host.blocks import BlockStream
from latentfx.host.first_contact import meet, try_apart
from latentfx.host.graph import Graph, check_file
from latentfx.host.sizes.plan import Plan
from latentfx.library import load, plugins
from latentfx.offline import AudioWarning, apply
from latentfx.realtime import LiveHost

FILES = crafted.every()
HARMFUL = [one for one in FILES if one.message]
HARMLESS = [one for one in FILES if not one.message]


@pytest.mark.parametrize("file", HARMFUL, ids=lambda one: f"{one.kind}: {one.name}")
def test_harmful_file_is_refused_before_the_runtime_sees_it(file: crafted.Crafted) -> None:
    with pytest.raises(PluginFileError, match=file.message):
        check_file(file.data)


@pytest.mark.parametrize("file", HARMLESS, ids=lambda one: f"{one.kind}: {one.name}")
def test_file_with_odd_numbers_or_a_bounded_loop_passes_its_first_contact(file: crafted.Crafted) -> None:
    meet(file.data)


@pytest.fixture
def bad_numbers(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "bad.onnx"
    path.write_bytes(request.param.data)
    return path


NUMBERS = [one for one in FILES if one.kind == "numbers"]


@pytest.mark.parametrize("bad_numbers", NUMBERS, ids=lambda one: one.name, indirect=True)
def test_block_with_bad_numbers_is_silence_and_every_other_block_plays(bad_numbers: Path) -> None:
    """However the audio is cut into calls: the state begins anew after the bad block."""
    plugin = load(bad_numbers, checked=True)
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 40 * crafted.BLOCK)).astype(np.float32)
    audio[0, 21 * crafted.BLOCK + 5] = 0.95
    out = plugin(audio, plugin.sample_rate)
    blocks = slice(21 * crafted.BLOCK, 22 * crafted.BLOCK)
    expected = audio.copy()
    expected[:, blocks] = 0
    np.testing.assert_array_equal(out, expected)
    stream = plugin.open(1, plugin.sample_rate)
    parts = [stream.push(audio[:, at : at + 100]) for at in range(0, audio.shape[1], 100)]
    np.testing.assert_array_equal(np.concatenate([*parts, stream.flush()], axis=1), expected)
    assert stream.silenced == 1


@pytest.mark.parametrize("bad_numbers", NUMBERS[:2], ids=lambda one: one.name, indirect=True)
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_apply_writes_silence_for_a_bad_block_and_says_so(
    bad_numbers: Path, tmp_path: Path, subtype: str
) -> None:
    audio = np.full(40 * crafted.BLOCK, 0.25, np.float32)
    audio[21 * crafted.BLOCK + 5] = 0.95
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, audio, 48_000, subtype=subtype)
    with pytest.warns(AudioWarning, match="1 block came out of the plugin as NaN"):
        apply(source, target, bad_numbers)
    out, _ = soundfile.read(target, dtype="float32")
    assert not out[21 * crafted.BLOCK : 22 * crafted.BLOCK].any()
    np.testing.assert_allclose(
        np.delete(out, np.s_[21 * crafted.BLOCK : 22 * crafted.BLOCK]), 0.25, atol=1e-4
    )


def test_trusted_file_may_use_any_operator(tmp_path: Path) -> None:
    path = tmp_path / "own.onnx"
    shaken = crafted.node("RandomUniformLike", "audio", "noise", low=0.0, high=0.0)
    path.write_bytes(crafted.build([shaken, crafted.node("Add", "audio noise", "audio_out")]))
    with pytest.raises(PluginFileError, match=r"RandomUniformLike is not allowed .* --trust"):
        load(path)
    audio = np.full((1, 640), 0.5, np.float32)
    np.testing.assert_array_equal(load(path, trust=True)(audio, 48_000), audio)


# Division of the lowest whole number by -1 is a fault of the processor on these.
FAULTING = platform.machine() in ("x86_64", "AMD64")
CRASHES = ["integer division by 0", *(["lowest number by -1"] if FAULTING else [])]


@pytest.mark.parametrize("name", CRASHES)
def test_crash_of_a_file_is_a_message(tmp_path: Path, name: str) -> None:
    """The one way left is a fault in the runtime, which `trust` lets a file reach."""
    (crash,) = [one for one in FILES if one.name == name]
    path = tmp_path / "crash.onnx"
    path.write_bytes(crash.data)
    with pytest.raises(PluginFileError, match=r"ended the process that tried it|cannot run the graph"):
        load(path, trust=True)


def test_step_that_does_not_end_is_ended_and_the_next_one_plays() -> None:
    graph = Graph(crafted.endless(), trust=True)
    stream = BlockStream(graph, 1, graph.metadata.state, np.ones(1, np.float32), limit_s=0.3)
    quiet = np.full((1, 1, crafted.BLOCK), 0.5, np.float32)
    with pytest.raises(PluginFileError, match=r"step of plugin 'crafted' failed: it was ended after 0\.3 s"):
        stream.step(quiet + 2)
    np.testing.assert_array_equal(stream.step(quiet), quiet)


def test_plugins_that_come_with_latentfx_are_not_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by name nor by path, as `validate` opens them."""
    monkeypatch.setenv("LATENTFX_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    shipped = Path(str(resources.files("latentfx.presets") / "plugins"))
    for name in plugins():
        assert load(name).name == load(shipped / f"{name}.onnx").name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", plugins())
def test_plugins_that_come_with_latentfx_keep_the_rules_for_all_files(name: str) -> None:
    shipped = resources.files("latentfx.presets") / "plugins" / f"{name}.onnx"
    check_file(shipped.read_bytes())


def test_file_that_passed_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTFX_CACHE", str(tmp_path))
    data = crafted.build(crafted.GAIN)
    meet(data)
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    meet(data)
    with pytest.raises(PluginFileError, match="cannot be tried in a process of its own"):
        meet(data, trust=True)


def test_file_that_passed_is_tried_again_by_another_onnxruntime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTFX_CACHE", str(tmp_path))
    data = crafted.build(crafted.GAIN)
    meet(data)
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    monkeypatch.setattr(onnxruntime, "__version__", "99.0.0")
    with pytest.raises(PluginFileError, match="cannot be tried in a process of its own"):
        meet(data)


def test_cache_folder_that_the_system_refuses_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is too long is refused as a folder without rights is, to the superuser too."""
    monkeypatch.setenv("LATENTFX_CACHE", str(tmp_path / ("n" * 300)))
    meet(crafted.build(crafted.GAIN))


@pytest.mark.parametrize(
    "program", ["import sys; sys.exit('end\\x1b[2J\\x07')", "print('end\\x1b[2J'); raise SystemExit(1)"]
)
def test_last_words_of_a_trial_are_plain_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "last_words.py").write_text(program)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginFileError, match=r"end\[2J") as caught:
        try_apart("last_words", [], b"", 30.0)
    assert str(caught.value).isprintable()


def test_live_plans_the_sizes_of_every_block_before_it_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan takes some milliseconds, which the thread of the sound does not have."""
    path = tmp_path / "plugin.onnx"
    path.write_bytes(crafted.build(crafted.GAIN))
    audio = np.full((1, 5000), 0.1, np.float32)
    with LiveHost(load(path, checked=True), place="callback") as host:
        monkeypatch.setattr(Plan, "measure", pytest.fail)
        for size in (1, 64, 100, 1024, 4096, 5000):
            host.process(audio[:, :size])
