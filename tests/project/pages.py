"""The Markdown pages of the project: their commands, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
# In the order in which a reader meets them.
PAGES = [README, *sorted((ROOT / "examples").rglob("*.md")), *sorted((ROOT / "presets").rglob("*.md"))]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PROGRAM = re.compile(r"python (examples/\S+?\.py)((?: [\w./-]+)*)")


def text_of(page: Path) -> str:
    """What a page says."""
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    """Path of a page below the top folder."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [text for found, text in FENCED.findall(text_of(page)) if found == language]


def commands(page: Path) -> list[list[str]]:
    """Every `latentfx ...` command of the `sh` blocks, as words."""
    return [words for block in blocks(page, "sh") for words in commands_in(block)]


def commands_in(text: str) -> list[list[str]]:
    """Every `latentfx ...` command of a text, as words; a backslash joins two lines."""
    lines = text.replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part) for part in parts if part.startswith("latentfx ")]


def programs(page: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every `python examples/...` command, in blocks or in a line: the file and the words after it."""
    for file, rest in PROGRAM.findall(text_of(page)):
        yield ROOT / file, rest.split()


def links(page: Path) -> list[str]:
    """Targets of links and pictures that are no web address."""
    return [link for link in LINK.findall(text_of(page)) if not re.match(r"https?:", link)]


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in a link."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
