"""`latentfx validate` and `latentfx bench`, as they are typed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from latentfx.cli import app

Write = Callable[[str], Path]


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def shown(plugin_file: Write) -> Result:
    """What is said of a plugin that lets NaN through."""
    return run("validate", plugin_file("delay"), "--minutes", "0.02")


def test_a_verdict_fits_on_one_screen_and_sets_the_exit_code(shown: Result) -> None:
    lines = shown.stdout.splitlines()
    assert shown.exit_code == 1
    assert len(lines) <= 40
    assert re.match(r"delay +\S+delay\.onnx, onnx", lines[0])
    assert any(re.match(r"pass +latency +measured against stated +0 ", line) for line in lines)
    assert any(re.match(r"FAIL +finite +NaN and Inf in, finite out +[1-9]", line) for line in lines)
    assert re.search(r"p99 of a call .*: 64: \d+ %, 128: \d+ %", shown.stdout)
    assert re.fullmatch(r"\d of \d\d checks failed", lines[-1])


def test_json_holds_every_number(plugin_file: Write) -> None:
    result = run("validate", plugin_file("delay"), "--minutes", "0.02", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["plugin"], found["kind"], found["passed"]) == ("delay", "onnx", False)
    assert found["checks"]["latency"] == {
        "measured": 0,
        "allowed": 240,
        "unit": "samples off",
        "passed": True,
    }
    assert {timing["buffer"] for timing in found["timings"]} == {64, 128, 256, 512, 1024, 2048}


def test_a_narrow_terminal_shows_it_without_the_explanations(plugin_file: Write) -> None:
    words = ["validate", str(plugin_file("delay")), "--minutes", "0.02"]
    lines = CliRunner(env={"COLUMNS": "80"}).invoke(app, words).stdout.splitlines()
    assert any(re.match(r"FAIL +finite +[1-9]\S* +0 +bad samples and state values$", line) for line in lines)
    assert len(lines) <= 40


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which one call in 100 takes 164 % of a buffer of 64."""
    from latentfx.export.checks import timing

    def slow(runner: timing.Runner, buffer: int, times: list[float]) -> timing.Timing:
        duration_ms = 1000 * buffer / runner.sample_rate
        p99 = (1.64 if buffer == 64 else 0.2) * duration_ms
        return timing.Timing(buffer, 0.1 * duration_ms, p99, p99, duration_ms, 10.0, len(times))

    monkeypatch.setattr(timing, "summarise", slow)
    monkeypatch.setattr(timing, "sample", lambda *_: [0.001])


WARNING = r"at buffers of 64, one call in 100 took longer than the buffer lasts \(p99 164 % at 64\)"


@pytest.mark.usefixtures("late")
def test_a_late_p99_beside_checks_that_pass_is_a_warning_and_the_judged_figure_is_named() -> None:
    result = run("validate", "timbre-swap", "--minutes", "0.01")
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[-1]) == (0, "every check passed, with a warning")
    assert any(re.match(r"pass +cost +median of a call, on this machine +0\.1 +0\.5", line) for line in lines)
    assert "The check cost judges the median of a call" in result.stdout
    assert re.search(WARNING, result.stderr)
    found = json.loads(run("validate", "timbre-swap", "--minutes", "0.01", "--json").stdout)
    assert found["passed"]
    assert [re.match(WARNING, text) is not None for text in found["warnings"]] == [True]


@pytest.mark.usefixtures("late")
def test_bench_warns_in_the_same_words(plugin_file: Write) -> None:
    told = run("bench", plugin_file("delay"), "--threads", 1, "--buffer", 64, "--buffer", 256)
    assert re.search(f"note: with 1 thread.*{WARNING}", told.stderr)
    quiet = run("bench", plugin_file("delay"), "--buffer", 256)
    assert "note" not in quiet.stderr


@pytest.mark.parametrize("words", [["validate", "delay"], ["export", "timbre-swap"]])
def test_what_is_done_is_said_from_the_start(plugin_file: Write, tmp_path: Path, words: list[str]) -> None:
    """The first line comes before PyTorch is loaded, which takes seconds."""
    plugin = str(plugin_file("delay")) if words[1] == "delay" else words[1]
    seen = (
        "import sys, typer, latentfx.cli.verbs as verbs, rich.console\n"
        "show = rich.console.Console.print\n"
        "def told(self, text='', *rest, **more):\n"
        "    sys.stderr.write(f'{text} | {\"torch\" in sys.modules}\\n'); sys.exit(0)\n"
        "rich.console.Console.print = told\n"
        f"sys.argv = ['latentfx', {words[0]!r}, {plugin!r}]\n"
        "verbs.app()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert ran.stderr.strip().endswith("loading PyTorch | False"), ran.stderr


@pytest.mark.parametrize("verb", ["validate", "bench"])
def test_torchscript_is_opened_with_trust_only(tmp_path: Path, verb: str) -> None:
    path = tmp_path / "model.ts"
    path.write_bytes(b"PK")
    result = run(verb, path)
    assert result.exit_code == 1
    assert "is TorchScript: a program that runs when it is opened. Add --trust" in " ".join(
        result.stderr.split()
    )


@pytest.mark.parametrize("verb", ["validate", "bench"])
def test_an_absent_file_and_an_absent_extra_are_named(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(verb, tmp_path / "absent.onnx")
    assert (result.exit_code, "no plugin file" in result.stderr) == (1, True)
    monkeypatch.setitem(sys.modules, "latentfx.export.checks", None)
    result = run(verb, tmp_path / "absent.onnx")
    assert (result.exit_code, "pip install 'latentfx[lab]'" in result.stderr) == (1, True)


def test_bench_prints_a_line_for_every_buffer_and_draws_it(plugin_file: Write, tmp_path: Path) -> None:
    picture = tmp_path / "times.png"
    result = run(
        "bench", plugin_file("delay"), "--seconds", 0.02, "--buffer", 64, "--buffer", 1024, "--plot", picture
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"onnxruntime, steps of 64 samples", result.stdout)
    rows = re.findall(
        r"^1 +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +\d+ % +[\d.]+ +\d+", result.stdout, re.MULTILINE
    )
    assert [row[0] for row in rows] == ["64", "1024"]
    assert all(0 < float(p50) <= float(p99) <= float(p999) for _, p50, p99, p999 in rows)
    assert re.search(r"cold start: \d+ ms to load, \d+ ms for the first call, \d+ MB", result.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_bench_of_two_files_prints_their_ratio() -> None:
    """The same file against itself is as fast as itself; a thousand blocks take longer than one."""
    files = ("timbre-swap", "--against", "timbre-swap")
    words = ("bench", *files, "--seconds", 0.1, "--buffer", 64, "--buffer", 65_536)
    table = run(*words).stdout
    ratios = [float(line.split()[-1]) for line in table.splitlines() if line[:1].isdigit()]
    assert len(ratios) == 2
    assert all(0.4 < ratio < 2.5 for ratio in ratios)
    duels = json.loads(run(*words, "--json").stdout)["buffers"]
    assert duels[1]["first"]["p50_ms"] > 2 * duels[0]["first"]["p50_ms"]


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (
            "validate",
            ["FILE", "--trust", "--checkpoint", "--json", "Exit code", "latentfx validate mine.onnx"],
        ),
        ("bench", ["FILE", "--against", "--threads", "--plot", "latentfx bench timbre.onnx"]),
        ("export", ["--to", "nn~", "mine.maxpat", "set timbre trumpet"]),
    ],
)
def test_help_of_the_lab_verbs_names_their_options_and_gives_an_example(verb: str, words: list[str]) -> None:
    assert verb in run("--help").stdout
    text = " ".join(run(verb, "--help").stdout.split())
    assert [word for word in words if word.lower() not in text.lower()] == []
