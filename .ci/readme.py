"""Print the fenced code blocks of a Markdown file: `readme.py README.md sh 1` prints the first `sh` block."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^```\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        language: the word after the fence.
        text: what is inside.
        line: line number of the first line inside.
    """

    language: str
    text: str
    line: int


def blocks(markdown: str, language: str | None = None) -> list[Block]:
    """Find the fenced blocks of a text, all of them or those of one language."""
    found = [
        Block(match["language"], match["text"], markdown.count("\n", 0, match.start("text")) + 1)
        for match in FENCE.finditer(markdown)
    ]
    return [block for block in found if language in (None, block.language)]


def main() -> None:
    """Print the block that the command line names."""
    path, language, number = sys.argv[1:]
    print(blocks(Path(path).read_text(encoding="utf-8"), language)[int(number) - 1].text, end="")


if __name__ == "__main__":
    main()
