"""What the README shows, runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# These take hours, data or devices: their verb and options are looked up instead.
TOO_LONG = ("train", "evaluate", "export", "validate", "bench", "live")


def number_of(language: str) -> int:
    """How many blocks of a language the README has."""
    return len(re.findall(rf"^```{language}$", README, re.MULTILINE))


def commands(readme: ModuleType) -> list[list[str]]:
    """Every `latentfx ...` command of the README, as words."""
    lines = [line for block in readme.blocks(README, "sh") for line in block.text.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part) for part in parts if part.startswith("latentfx ")]


def run(words: list[str], folder: Path) -> str:
    """Run a program in a folder and return what it printed; it must succeed."""
    own = {"XDG_CONFIG_HOME": str(folder / "config"), "HOME": str(folder)}
    done = subprocess.run(
        words, cwd=folder, env=os.environ | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def latentfx(words: list[str]) -> list[str]:
    """The command line, as the interpreter of the tests runs it."""
    return [sys.executable, "-c", "from latentfx.cli import main; main()", *words]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder that has the recordings where a clone has them."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.mark.parametrize("number", range(number_of("python")))
def test_a_python_block_runs(number: int, folder: Path, readme: ModuleType) -> None:
    block = readme.blocks(README, "python")[number]
    run([sys.executable, "-W", "error", "-c", block.text], folder)


def test_every_command_runs(folder: Path, readme: ModuleType) -> None:
    found = commands(readme)
    assert len(found) > 4
    for _, *words in found:
        if words[0] not in TOO_LONG:
            run(latentfx(words), folder)


def test_long_commands_have_these_verbs_and_options(folder: Path, readme: ModuleType) -> None:
    for _, verb, *words in commands(readme):
        if verb in TOO_LONG:
            helped = run(latentfx([verb, "--help"]), folder)
            assert [word for word in words if word.startswith("--") and word not in helped] == []


def test_every_recipe_named_is_shipped(readme: ModuleType) -> None:
    named = {words[2] for words in commands(readme) if words[1] == "train" and len(words) > 2}
    assert {"timbre-swap", "timbre-swap-tones"} == named
    assert [name for name in named if not (ROOT / "presets" / "recipes" / f"{name}.toml").is_file()] == []


def test_the_first_two_blocks_are_the_two_commands(readme: ModuleType) -> None:
    first, second = (block.text for block in readme.blocks(README, "sh")[:2])
    assert re.fullmatch(r"pip install -c constraints\.txt -e \. && latentfx apply \S+ \S+ .*\n", first)
    assert second == "pip install -c constraints.txt -e '.[test]' && pytest\n"


def test_every_linked_file_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert "LICENSE" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("program", [path.name for path in sorted((ROOT / "examples").glob("*.py"))])
def test_an_example_program_runs(program: str, folder: Path) -> None:
    run([sys.executable, "-W", "error", str(ROOT / "examples" / program)], folder)
