"""The first load of a file that is new here happens in a process of its own, which may crash.

What passed is remembered in the user's cache folder, by the hash of its bytes and the version of onnxruntime
that played it: later loads cost nothing.
`LATENTFX_CACHE` names another folder.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from latentfx.errors import PluginFileError
from latentfx.files import expanded, write_text
from latentfx.host.graph import check_file
from latentfx.host.trial import TRUSTED
from latentfx.names import shown

TRIAL_S: Final = 60.0
_RULES: Final = 1  # counts up when the checks change, so that files are tried again
_TRUST: Final = "LATENTFX_TRUST"  # hashes of files that the user trusts, for this process and its children


def cache_folder() -> Path:
    """Where verdicts are kept."""
    named = os.environ.get("LATENTFX_CACHE")
    return expanded(named) if named else platformdirs.user_cache_path("latentfx")


def trust_bytes(data: bytes) -> None:
    """Trust this very file, in this process and those that it starts."""
    os.environ[_TRUST] = f"{os.environ.get(_TRUST, '')} {hash_of(data)}".strip()


def is_trusted(data: bytes) -> bool:
    """Whether `trust_bytes` was said of this file."""
    return _TRUST in os.environ and hash_of(data) in os.environ[_TRUST].split()


def meet(data: bytes, trust: bool = False) -> None:
    """Try a file in a process of its own, unless it has passed before.

    Args:
        data: content of a plugin file.
        trust: whether its operators and sizes may be any.

    Raises:
        PluginFileError: it is refused, it crashes, or takes too much time or memory.
    """
    passed = _place(data, trust)
    if os.path.exists(passed):  # noqa: PTH110  # Path.exists raises where the folder may not be entered
        return
    if not trust:
        check_file(data)
    try_apart("latentfx.host.trial", [TRUSTED] if trust else [], data, TRIAL_S)
    with suppress(OSError):  # a folder that cannot be entered or written to costs time alone
        passed.parent.mkdir(parents=True, exist_ok=True)
        write_text(passed, "")


def _place(data: bytes, trust: bool) -> Path:
    """Where the verdict on a file lies: another onnxruntime tries it again."""
    import onnxruntime

    how = f"{_RULES}-{onnxruntime.__version__}{'-trusted' if trust else ''}"
    return cache_folder() / "checked" / f"{hash_of(data)}-{how}"


def hash_of(data: bytes) -> str:
    """The name of a file in the cache folder."""
    return hashlib.sha256(data).hexdigest()


def try_apart(program: str, arguments: list[str], data: bytes, limit_s: float) -> str:
    """Run a module of ours on a file, in a process of its own, which may crash.

    Args:
        program: the module. It reads the file from its standard input, and writes its answer.
        arguments: of the module.
        data: content of the file.
        limit_s: a process that takes longer is ended.

    Returns:
        The answer.

    Raises:
        PluginFileError: the program refuses the file, crashes or takes too long.
    """
    command = [sys.executable, "-P", "-m", program, *arguments]
    paths = os.pathsep.join(filter(None, sys.path))
    try:
        ended = subprocess.run(
            command,
            input=data,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": paths},
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PluginFileError(
            f"the plugin file did not load and play in {limit_s:g} s; it is not opened"
        ) from None
    except OSError as error:
        raise PluginFileError(
            f"the plugin file cannot be tried in a process of its own: {error.strerror or error}. If it was "
            "checked elsewhere, load it with checked=True"
        ) from None
    if ended.returncode == 0:
        return ended.stdout.decode("utf-8", "replace")
    told = shown(ended.stdout.decode("utf-8", "replace").strip())
    if ended.returncode == 1 and told:
        raise PluginFileError(told)
    raise PluginFileError(
        f"the plugin file ended the process that tried it ({_how(ended.returncode, ended.stderr)}); "
        "it is not opened"
    )


def _how(code: int, said: bytes) -> str:
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
    return shown(last[0], 200) if last else f"exit code {code}"
