"""Names as people type them, and text of others as people may see it.

Other case, spaces and hyphens are forgiven, and a typo gets a suggestion.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches


def find_name(text: str, known: Iterable[str]) -> str | None:
    """The known name that a text means, whatever its case, spaces, hyphens and underscores.

    Returns:
        The name; None where the text means none of them, or more than one.

    >>> find_name("Alto Sax", ["flute", "altosax"])
    'altosax'
    """
    names = list(known)
    if text in names:
        return text
    meant = [name for name in names if _bare(name) == _bare(text) != ""]
    return meant[0] if len(meant) == 1 else None


def suggest(text: str, known: Iterable[str]) -> str:
    """The sentence ` Did you mean 'NAME'?`, to be put into an error; empty where no name is near.

    >>> suggest("Trmpet", ["flute", "trumpet"])
    " Did you mean 'trumpet'?"
    """
    names = {_bare(name): name for name in known}
    near = get_close_matches(_bare(text), names, 1)
    return f" Did you mean {names[near[0]]!r}?" if near else ""


def counted(number: int, noun: str) -> str:
    """A number with what it counts.

    Args:
        number: of them.
        noun: for one; its plural takes an s.

    >>> counted(1, "channel"), counted(0, "error"), counted(2, "file")
    ('1 channel', '0 errors', '2 files')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(text: object, longest: int = 2000) -> str:
    r"""Text that others wrote, for a terminal: one line, without codes that steer it, of bounded length.

    >>> shown("a\x1b[2Jb\nc"), shown("abcdef", 4)
    ('a[2Jb c', 'abc…')
    """
    line = " ".join(str(text)[: 4 * longest].split())
    kept = "".join(letter for letter in line if unicodedata.category(letter)[0] != "C")
    return kept if len(kept) <= longest else f"{kept[: longest - 1]}…"


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
