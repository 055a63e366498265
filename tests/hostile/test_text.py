"""Text of strangers is shown as text: it steers no terminal, is no markup and names no folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner

from latentfx.cli import app

Write = Callable[..., Path]
STEERS = "\x1b[2J\x1b]0;owned\a[red]red[/red][/] \r\n\u202eback\b" + "x" * 50_000


def steered(model: onnx.ModelProto) -> None:
    """Put it wherever a plugin file has text for people."""
    raw = json.loads(model.metadata_props[0].value)
    raw["spec"]["name"] = STEERS
    raw["spec"]["description"] = STEERS
    raw["spec"]["controls"][0] |= {"description": STEERS, "unit": STEERS}
    raw["provenance"] = {"method": STEERS, "licence": STEERS, STEERS: STEERS, "health": {STEERS: [STEERS]}}
    raw["report"] = {STEERS: {STEERS: STEERS}, "contract": {"passed": STEERS}}
    model.metadata_props[0].value = json.dumps(raw)


def said(*words: str) -> str:
    """What a command prints, after a look that it steers nothing and is no book."""
    done = CliRunner().invoke(app, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    text: str = done.output
    assert not set(text) & set("\x1b\a\b\r\u202e"), "codes that steer a terminal"
    assert "[red]red[/red][/]" in "".join(text.split()), "brackets are text"
    assert len(text) < 100_000
    return text


@pytest.fixture
def plugin(plugin_file: Write) -> str:
    return str(plugin_file("gain", steered))


@pytest.mark.parametrize("options", [(), ("--full",)])
def test_info_shows_it_as_text(plugin: str, options: tuple[str, ...]) -> None:
    assert "licence" in said("info", plugin, *options)


def test_plugins_shows_it_as_text(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("latentfx.library.plugins", lambda: [plugin])
    monkeypatch.setattr("latentfx.library._shipped", lambda name: Path(name).read_bytes())
    said("plugins")


def test_errors_show_it_as_text(plugin: str, tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(b"RIFF")
    text = said("apply", str(source), str(tmp_path / "out.wav"), "--plugin", plugin, "--set", "volume=1")
    assert len(text.strip().splitlines()) == 1


def test_validate_shows_it_as_text(plugin: str) -> None:
    said("validate", plugin, "--minutes", "0.01")


def test_preset_list_and_its_errors_show_it_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path))
    odd = tmp_path / "odd.toml"
    odd.write_text(f"plugin = 'ring'\ndescription = {json.dumps(STEERS)}\n", encoding="utf-8")
    assert "odd" in said("preset", "list")
    odd.write_text(f"plugin = 'ring'\n{json.dumps(STEERS)} = 1\n", encoding="utf-8")
    assert "cannot be read" in said("preset", "show", "odd")
