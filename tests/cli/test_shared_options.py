"""What verbs share: the options that set controls, and completion."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from latentfx.cli import app
from latentfx.errors import LiveError
from latentfx.preset import load_preset

Write = Callable[[str], Path]
COMMAND = Path(sys.executable).with_name("latentfx")
GIVEN = [
    "--timbre",
    "Alto Sax",
    "--pitch-st",
    "-12",
    "--octave",
    "auto",
    "--mix",
    "0.5",
    "--output-db",
    "3",
    "--set",
    "input_db=1",
]
MEANT = {
    "timbre": "Alto Sax",
    "pitch_st": -12.0,
    "octave_auto": 1.0,
    "mix": 0.5,
    "output_db": 3.0,
    "input_db": 1.0,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for presets that is no user's."""
    folder = tmp_path / "presets"
    monkeypatch.setenv("LATENTFX_PRESETS", str(folder))
    return folder


def run(*words: object) -> Result:
    """Run a command line in this process."""
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("verb", [["apply"], ["live"], ["preset", "save"], ["preset", "apply"]])
def test_verbs_that_set_controls_have_the_same_options(verb: list[str]) -> None:
    helped = run(*verb, "--help").stdout
    for option in ("--timbre", "--pitch-st", "--octave", "--mix", "--input-db", "--output-db", "--set"):
        assert f" {option} " in helped


def test_preset_save_keeps_what_the_options_set() -> None:
    assert run("preset", "save", "sax", *GIVEN).exit_code == 0
    assert load_preset("sax").settings == MEANT
    assert load_preset("sax").load().timbre == {"altosax": 1.0}


def test_live_starts_with_what_the_options_set(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, Any]] = []

    def start(plugin: str, **given: Any) -> None:
        started.append({name: given[name] for name in MEANT})
        raise LiveError("no sound here")

    monkeypatch.setattr("latentfx.realtime.live", start)
    assert run("live", *GIVEN).exit_code == 1
    assert started == [MEANT]


def test_apply_and_preset_apply_do_what_the_options_say(plugin_file: Write, tmp_path: Path) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, np.full(1000, 0.1), 48_000, subtype="FLOAT")
    assert run("preset", "save", "loud", "-p", plugin_file("delay"), "--set", "gain=2").exit_code == 0
    for words, gain in (
        (["apply", source, target, "--preset", "loud", "--set", "gain=3"], 3),
        (["preset", "apply", "loud", source, target, "--set", "gain=4"], 4),
        (["preset", "apply", "loud", source, target], 2),
    ):
        result = run(*words)
        assert result.exit_code == 0, result.output
        np.testing.assert_allclose(soundfile.read(target)[0], 0.1 * gain, atol=1e-6)
    refused = run("preset", "apply", "loud", source, target, "--mix", "0.5")
    assert (refused.exit_code, "control 'mix' is unknown" in refused.stderr) == (1, True)


def test_a_control_that_is_set_twice_is_refused() -> None:
    refused = run("preset", "save", "odd", "--mix", "0.5", "--set", "mix=0.7")
    assert refused.exit_code == 1
    assert "control 'mix' is set twice: to 0.5 and 0.7; give one" in refused.stderr


def completed(line: str) -> list[str]:
    """What Tab offers at the end of a command line in bash."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_LATENTFX_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    ran = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    return ran.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("latentfx pl", ["plugins"]),
        ("latentfx preset ren", ["rename"]),
        ("latentfx info timbre", ["timbre-swap", "timbre-swap-live"]),
        ("latentfx train timbre-swap-", ["timbre-swap-held-out", "timbre-swap-tones"]),
        ("latentfx export timbre", ["timbre-swap", "timbre-swap-live"]),
        ("latentfx validate rin", ["ring"]),
        ("latentfx bench lat", ["latent-knobs", "latent-mix"]),
        ("latentfx apply a.wav b.wav -p ri", ["ring"]),
        ("latentfx apply a.wav b.wav --timbre tr", ["trumpet", "trombone"]),
        ("latentfx apply a.wav b.wav --timbre flute+ob", ["flute+oboe"]),
        ("latentfx apply a.wav b.wav -p ring --timbre ", []),
        ("latentfx live --preset ring-k", ["ring-keys"]),
        ("latentfx apply a.wav b.wav --preset ring-keys --timbre ", []),
        ("latentfx apply a.wav b.wav -p absent --timbre ", []),
        ("latentfx apply vio", []),
    ],
)
def test_tab_completes_verbs_plugins_presets_recipes_and_timbres(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


def test_tab_completes_presets_of_ones_own() -> None:
    assert run("preset", "save", "nightly").exit_code == 0
    assert completed("latentfx preset delete nig") == ["nightly"]


def test_completion_can_be_installed(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",  # the shell is named, not looked for
    }
    subprocess.run(
        [COMMAND, "--install-completion", "bash"], env=environment, capture_output=True, check=True
    )
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert "complete -o default -F _latentfx_completion latentfx" in script.read_text()
