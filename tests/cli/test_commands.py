"""The command line: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from typer.testing import CliRunner, Result

from latentfx.cli import app
from latentfx.sound.level import LEVEL_DB

RATE = 48_000
Write = Callable[..., Path]


def run(*words: object) -> Result:
    """Run a command line in this process."""
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


@pytest.fixture
def sine(tmp_path: Path) -> Path:
    path = tmp_path / "sine.wav"
    soundfile.write(path, 0.25 * np.sin(np.arange(RATE) / 10), RATE)
    return path


def test_apply_writes_the_effect_and_a_picture(plugin_file: Write, sine: Path, tmp_path: Path) -> None:
    result = run(
        "apply", sine, tmp_path / "out.flac", "-p", plugin_file("delay"), "--set", "gain=2", "--plot"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{tmp_path}/out.flac: 1.00 s, 48000 Hz, 1 channel, PCM_16",
        f"{tmp_path}/out.png",
    ]
    out, before = (soundfile.read(path)[0] for path in (tmp_path / "out.flac", sine))
    np.testing.assert_allclose(out, 2 * before, atol=1e-4)


def test_a_blend_and_a_reference_are_set_by_name(plugin_file: Write, tmp_path: Path) -> None:
    source, reference = tmp_path / "source.wav", tmp_path / "reference.wav"
    soundfile.write(source, np.full(1000, 0.25), RATE, subtype="FLOAT")
    soundfile.write(reference, 0.5 * np.sin(np.arange(RATE) / 10), RATE, subtype="FLOAT")
    learnt = 10 ** (LEVEL_DB / 20) * np.sqrt(2)  # the peak of a sine, however loud the recording is
    for options, factor in ((["--set", "tone=half:0.5+full:0.5"], 3.0), (["--reference", reference], learnt)):
        result = run("apply", source, tmp_path / "out.wav", "-p", plugin_file("blend"), *options)
        assert result.exit_code == 0, result.output
        np.testing.assert_allclose(soundfile.read(tmp_path / "out.wav")[0], np.tanh(factor * 0.25), atol=1e-3)


def test_a_side_file_goes_to_the_side_chain(plugin_file: Write, sine: Path, tmp_path: Path) -> None:
    side, preset = tmp_path / "side.wav", tmp_path / "minus.toml"
    soundfile.write(side, np.full(RATE // 2, 0.25), RATE)
    preset.write_text(f'plugin = "{plugin_file("side")}"\n[controls]\ngain = 0.5\n')
    half = ["-p", plugin_file("side"), "--set", "gain=0.5"]
    results = tmp_path / "results"
    results.mkdir()
    for words in (["apply", sine, tmp_path / "out.wav", *half], ["preset", "apply", preset, sine, results]):
        result = run(*words, "--side", side)
        assert (result.exit_code, result.stderr.count("note:")) == (0, 1), result.output
        assert "the side-chain is 0.50 s shorter than the source; silence follows it" in result.stderr
    out, before = soundfile.read(tmp_path / "out.wav")[0], 0.25 * np.sin(np.arange(RATE) / 10)
    np.testing.assert_allclose(out - before, np.repeat([-0.125, 0.0], RATE // 2), atol=1e-4)
    np.testing.assert_array_equal(soundfile.read(results / sine.name)[0], out)
    assert "side-chain: a channel of the source, or --side FILE" in run("info", plugin_file("side")).stdout


def test_a_folder_goes_on_after_a_bad_file_and_says_so(
    plugin_file: Write, sine: Path, tmp_path: Path
) -> None:
    takes = tmp_path / "takes"
    takes.mkdir()
    sine.rename(takes / "good.wav")
    (takes / "bad.wav").write_text("not a sound")
    result = run("apply", takes, tmp_path / "out", "-p", plugin_file("delay"), "--format", "flac")
    assert result.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.flac", "latentfx-batch.jsonl"]
    assert "bad.wav cannot be read as audio" in result.stderr
    assert "1 of 2 files failed" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["apply", "absent.wav", "out.wav", "-p", "{plugin}"], 1, "no sound file absent.wav"),
        (["apply", "{sine}", "out.wav", "-p", "nope"], 1, "no plugin 'nope'"),
        (["apply", "{sine}", "out.wav", "-p", "{plugin}", "--mix", "0.5"], 1, "control 'mix' is unknown"),
        (
            ["apply", "{sine}", "out.wav", "-p", "{plugin}", "--set", "gain=9"],
            1,
            "gain' is 9; allowed 0 to 4",
        ),
        (["apply", "{sine}", "out.wav", "-p", "{plugin}", "--set", "gain"], 1, "is not NAME=VALUE"),
        (["apply", "{sine}", "/no/such/out.wav", "-p", "{plugin}"], 1, "there is no folder"),
        (["apply", "{sine}", "out.xyz", "-p", "{plugin}"], 1, "ends in no format"),
        (["apply", "{sine}"], 2, "Missing argument"),
        (["apply", "{sine}", "out.wav", "--mix", "much"], 2, "--mix"),
        (["apply", "{sine}", "out.wav", "-p", "{plugin}", "--side", "{sine}"], 1, "has no side-chain"),
        (["info", "nope"], 1, "no plugin 'nope'"),
        (["aply"], 2, "aply"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code_and_writes_nothing(
    plugin_file: Write,
    sine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*(word.format(plugin=plugin_file("delay"), sine=sine) for word in words))
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["sine.wav"]


def test_a_picture_that_cannot_be_drawn_is_refused_before_any_work(
    plugin_file: Write, sine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("apply", sine, tmp_path / "out.wav", "-p", plugin_file("delay"), "--plot")
    assert (result.exit_code, "pip install 'latentfx[plot]'" in result.stderr) == (1, True)
    assert not (tmp_path / "out.wav").exists()


def test_info_shows_rate_latency_controls_blends_and_licence(plugin_file: Write) -> None:
    delay, blend = (run("info", plugin_file(kind)).stdout for kind in ("delay", "blend"))
    for part in ("48000 Hz", "100 samples (2.1 ms)", "0 to 4", "how loud", "MIT", "method"):
        assert part in delay
    for part in ("which tone", "half, full", "--reference FILE"):
        assert part in blend


def test_info_is_short_and_tells_health_and_checks_in_a_line() -> None:
    said = run("info", "timbre-swap").stdout
    assert len(said.splitlines()) < 30
    assert "v uses 8 of 16 dimensions, tells the instrument 96 %; z uses 22 of 32" in " ".join(said.split())
    assert "all passed when it was exported" in said
    assert "effective rank" not in said


@pytest.mark.parametrize("name", ["timbre-swap", "timbre-swap-live"])
def test_info_tells_what_of_the_shipped_swapper_is_the_papers_and_what_is_ours(name: str) -> None:
    said = " ".join(run("info", name).stdout.split())
    assert "method swapper paper Unsupervised pitch-timbre disentanglement" in said
    assert "from the paper training in stages with a teacher, and the Jacobian term" in said
    assert "ours fixed comb filters compute the pitch code; labels name the timbres" in said


def test_info_says_of_a_file_alone_that_its_operators_are_not_checked(plugin_file: Write) -> None:
    assert "latentfx validate FILE says whether" in run("info", plugin_file("delay")).stdout
    assert "not checked" not in run("info", "timbre-swap").stdout


def test_info_as_json_holds_controls_origin_and_report() -> None:
    told = json.loads(run("info", "timbre-swap", "--json").stdout)
    assert (told["name"], told["latency_ms"]) == ("timbre-swap", 1000 * told["latency"] / 48_000)
    assert {"mix", "pitch_st", "timbre_flute"} <= {control["name"] for control in told["controls"]}
    assert told["provenance"]["health"]["v"]["dimensions"] == 16
    assert "rebuild" not in told["provenance"]
    assert told["report"]["contract"]["passed"] is True


def test_info_prints_the_brackets_of_a_file_as_they_stand(plugin_file: Write) -> None:
    def marked(model: onnx.ModelProto) -> None:
        (entry,) = model.metadata_props
        entry.value = entry.value.replace("comes late", "[red]comes[/blue] late")

    assert "[red]comes[/blue] late" in run("info", plugin_file("delay", marked)).stdout


@pytest.mark.parametrize(
    "health",
    [3, "good", {"v": "good"}, {"v": {"effective_rank": "x", "dimensions": None}}, {"v": {"dead": 2}}],
)
def test_info_shows_a_strangers_health_whatever_it_holds(plugin_file: Write, health: object) -> None:
    def changed(model: onnx.ModelProto) -> None:
        (entry,) = model.metadata_props
        told = json.loads(entry.value)
        told["provenance"]["health"] = health
        entry.value = json.dumps(told)

    path = plugin_file("delay", changed)
    for option in ([], ["--full"], ["--json"]):
        assert run("info", path, *option).exit_code == 0


def test_info_in_full_says_how_healthy_the_latent_space_is() -> None:
    said = run("info", "timbre-swap", "--full").stdout
    table = said[said.index("latent health") : said.index("origin")]
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines() if line[:2] in ("v ", "z ")}
    assert (rows["v"][0], rows["z"][0]) == ("16", "32")
    assert 1.0 < float(rows["v"][1]) <= 16.0
    assert float(rows["v"][-1]) > 0.8 > 0.3 > float(rows["z"][-1]), "the instrument is in v, and not in z"


def test_plugins_lists_each_with_its_description(plugin_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plugin_file("delay")
    monkeypatch.setattr("latentfx.library.plugins", lambda: [str(path)])
    monkeypatch.setattr("latentfx.library._shipped", lambda name: path.read_bytes())
    assert "comes late" in run("plugins").stdout


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], ["numpy", "onnxruntime", "torch"]),
        (["apply", "--help"], ["numpy", "onnxruntime", "torch"]),
        (["plugins"], ["onnxruntime", "torch"]),
        (["info", "timbre-swap"], ["onnxruntime", "torch"]),
        (["preset", "list"], ["onnxruntime", "torch"]),
    ],
)
def test_help_and_lists_import_neither_onnxruntime_nor_torch(words: list[str], absent: list[str]) -> None:
    program = (
        "import sys\nfrom latentfx.cli import main\nsys.argv[0] = 'latentfx'\n"
        "try: main()\nfinally: print(sorted({'numpy', 'onnxruntime', 'torch'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    assert [name for name in absent if name in ran.stdout.splitlines()[-1]] == []


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("apply", ["SOURCE", "TARGET", "--timbre", "--reference", "latentfx apply violin.flac trumpet.wav"]),
        ("plugins", ["List the plugins"]),
        ("info", ["PLUGIN", "licence"]),
        ("train", ["RECIPE", "latentfx train timbre-swap"]),
    ],
)
def test_help_of_a_verb_names_its_arguments_and_gives_an_example(verb: str, words: list[str]) -> None:
    assert verb in run("--help").stdout
    text = run(verb, "--help").stdout
    assert [word for word in words if word.lower() not in text.lower()] == []


STUCK = """
import signal, sys, time
from latentfx import cli
from latentfx.host import stream
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell runs us behind
push, pushes = stream.PluginStream.push, []
def stuck(self, audio):
    pushes.append(audio)
    if len(pushes) == 4:
        print("half way", flush=True)
        time.sleep(600)
    return push(self, audio)
stream.PluginStream.push = stuck
sys.argv[0] = "latentfx"
cli.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_half_way_keeps_the_old_target_and_leaves_no_part_file(
    plugin_file: Write, tmp_path: Path, number: int, code: int
) -> None:
    target = tmp_path / "out.wav"
    target.write_bytes(b"old")
    soundfile.write(tmp_path / "in.wav", np.zeros(4 * 65_536), RATE)
    words = ["apply", str(tmp_path / "in.wav"), str(target), "-p", str(plugin_file("delay"))]
    command = [sys.executable, "-c", STUCK, *words]
    environment = {**os.environ, "COLUMNS": "120"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half way\n"
        (part,) = tmp_path.glob(".out.wav.*.part")
        assert part.stat().st_size > 65_536
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in error
    assert target.read_bytes() == b"old"
    assert not list(tmp_path.glob(".*"))


def test_the_installed_command_says_its_version() -> None:
    command = Path(sys.executable).with_name("latentfx")
    ran = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == "latentfx 0.1.0\n"


@pytest.mark.parametrize("name", ["self", "jobs", "plugin", "sources"])
def test_a_name_of_the_programs_own_is_no_control(name: str, tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, np.full(4800, 0.1), 48_000)
    for sources in ([source], [source, source]):
        ran = CliRunner().invoke(
            app, ["apply", *map(str, sources), str(tmp_path / "out"), "--set", f"{name}=1"]
        )
        assert ran.exit_code == 1
        assert f"control {name!r}" in ran.output


def test_a_forgotten_target_is_called_target(tmp_path: Path) -> None:
    for words in (["apply"], ["preset", "apply", "bowed-double"]):
        ran = CliRunner().invoke(app, [*words, str(tmp_path / "in.wav")])
        assert ran.exit_code == 2
        assert "Missing argument 'TARGET'" in ran.output
