"""`latentfx live`, as far as it goes without a sound card."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from latentfx.cli import app


@pytest.mark.parametrize("there", [["take.flac"], ["take-dry.flac"], ["take.flac", "take-dry.flac"]])
def test_a_take_is_not_recorded_over_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in there:
        Path(name).write_bytes(b"a take")
    words = ["live", "--record", "take.flac", "--input", "no such device"]
    refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert f"{' and '.join(there)} would be recorded over" in refused.stderr
    assert "choose another name to record to, or add --overwrite" in refused.stderr
    allowed = CliRunner().invoke(app, [*words, "--overwrite"])
    assert "recorded over" not in allowed.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(there, b"a take")


STOPPED_AT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell runs us behind
class Finder:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            {stop}
sys.meta_path.insert(0, Finder())
from latentfx.cli import main
sys.argv = ["latentfx", "live", "--input", "no such device"]
main()
"""
CTRL_C = "os.kill(os.getpid(), signal.SIGINT)"
WRAPPED = "raise ImportError('initialization failed') from KeyboardInterrupt()"  # as onnxruntime does


@pytest.mark.parametrize(
    ("module", "stop"),
    [
        ("latentfx.cli.verbs", CTRL_C),
        ("typer", CTRL_C),
        ("latentfx.cli.show", CTRL_C),
        ("latentfx.realtime", CTRL_C),
        ("onnxruntime", CTRL_C),
        ("onnxruntime", WRAPPED),
    ],
)
def test_ctrl_c_while_modules_are_loaded_is_a_line(module: str, stop: str) -> None:
    program = STOPPED_AT.format(module=module, stop=stop)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "latentfx: stopped; nothing half-written is left\n"


def test_bindings_without_a_port_are_named() -> None:
    words = ["live", "--bind", "cc:1=mix", "--input", "no such device"]
    told = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert "note: --bind says what MIDI turns, and no MIDI port is open; add --midi PORT" in told.stderr
    quiet = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, "--midi", "virtual"])
    assert "no MIDI port is open" not in quiet.stderr
