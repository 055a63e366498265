"""What is known of a file for nn~: measured at first use, in a process of its own, and kept by its hash.

It lies in the user's cache folder, below `nn_tilde`. Delete it to measure again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from latentfx.errors import PluginFileError
from latentfx.files import write_text
from latentfx.host.first_contact import cache_folder, hash_of, try_apart
from latentfx.host.plugin_file import Metadata, load_metadata

UNNAMED: Final = "nn~"
TRIAL_S: Final = 300.0
_RULES: Final = 1  # counts up when other things are measured


def known_facts(data: bytes, name: str) -> Metadata | None:
    """What was found at an earlier use; None at the first.

    Args:
        data: content of the file.
        name: of a file that does not say its own.
    """
    try:
        text = _place(data).read_text(encoding="utf-8")
        return _named(load_metadata(text), name)
    except (OSError, UnicodeDecodeError, PluginFileError):
        return None


def meet_nn_tilde(data: bytes, name: str) -> Metadata:
    """What is known of a file. At first use, a process of its own opens it, plays it and may crash.

    Raises:
        PluginFileError: it cannot be opened, is not for nn~, crashes, or takes too long.
    """
    known = known_facts(data, name)
    if known is not None:
        return known
    text = try_apart("latentfx.host.nn_tilde.trial", [], data, TRIAL_S)
    found = load_metadata(text)
    with suppress(OSError):  # a folder that cannot be written to costs time alone
        _place(data).parent.mkdir(parents=True, exist_ok=True)
        write_text(_place(data), text)
    return _named(found, name)


def _place(data: bytes) -> Path:
    return cache_folder() / "nn_tilde" / f"{hash_of(data)}-{_RULES}.json"


def _named(found: Metadata, name: str) -> Metadata:
    """The same under the name of the file, where the file says none."""
    if found.spec.name != UNNAMED:
        return found
    return replace(found, spec=replace(found.spec, name=name))
