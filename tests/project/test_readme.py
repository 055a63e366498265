"""What the README and the pages beside it show, runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pages
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from toy_rave import toy_file

# These take hours, data or devices: test_pages.py reads their command lines instead.
TOO_LONG = ("train", "evaluate", "export", "validate", "bench", "live", "ui")
# test_drawings.py and tests/cli/test_own_method.py run these.
TESTED_ELSEWHERE = ("house.py", "api_page.py", "own_method.py")
# Their commands need other machines: tests/batch/test_story.py runs them.
STORIES = ("examples/scale.md",)
SNIPPETS = [
    pytest.param(text, id=f"{pages.name_of(page)}-{number}")
    for page in pages.PAGES
    for number, text in enumerate(pages.blocks(page, "python"))
]


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
    """An empty folder that has the recordings where a clone has them, and a model called rave.ts."""
    (tmp_path / "examples").symlink_to(pages.ROOT / "examples")
    toy_file(tmp_path / "rave.ts")
    return tmp_path


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_python_block_runs(snippet: str, folder: Path) -> None:
    run([sys.executable, "-W", "error", "-c", snippet], folder)


def test_every_short_command_runs_in_the_order_of_the_pages(folder: Path) -> None:
    short_pages = [page for page in pages.PAGES if pages.name_of(page) not in STORIES]
    found = [tuple(words) for page in short_pages for words in pages.commands(page)]
    short = [words for _, *words in dict.fromkeys(found) if words[0] not in TOO_LONG]
    assert len(short) > 8
    for words in short:
        run(latentfx(words), folder)


def test_the_first_two_blocks_are_the_two_commands() -> None:
    first, second = pages.blocks(pages.README, "sh")[:2]
    assert re.fullmatch(r"pip install -c constraints\.txt -e \. && latentfx apply \S+ \S+ .*\n", first)
    assert second == ".ci/system-packages && pip install -c constraints.txt -e '.[test]' && pytest\n"


@pytest.mark.parametrize(
    "program",
    [
        path.name
        for path in sorted((pages.ROOT / "examples").glob("*.py"))
        if path.name not in TESTED_ELSEWHERE
    ],
)
def test_an_example_program_runs(program: str, folder: Path) -> None:
    run([sys.executable, "-W", "error", str(pages.ROOT / "examples" / program)], folder)
