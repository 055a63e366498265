"""Presets as files: those that come with latentfx, and those in the user's folder."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import platformdirs

from latentfx.errors import PresetError
from latentfx.files import expanded, write_text
from latentfx.library import plugins
from latentfx.names import shown, suggest
from latentfx.preset.preset import Preset, whole_name
from latentfx.preset.text import dump_preset, parse_preset

MAX_BYTES: Final = 1 << 16
_NAME = re.compile(r"[\w][\w .-]{0,63}")
_DELETED: Final = "deleted"


class PresetWarning(UserWarning):
    """A preset file that cannot be read, and is left out."""


def user_folder() -> Path:
    """Where presets are saved; `LATENTFX_PRESETS` names another folder."""
    named = os.environ.get("LATENTFX_PRESETS")
    return expanded(named) if named else platformdirs.user_config_path("latentfx") / "presets"


def preset_names() -> list[str]:
    """Names of all presets; no file is read."""
    return sorted(_files())


def list_presets(plugin: str | None = None) -> list[Preset]:
    """Every preset by name: those that come with latentfx, and the user's, which go first.

    A file that is damaged is left out, with a `PresetWarning`.

    Args:
        plugin: only those of this plugin: its name, or the path of its file however it is written.
    """
    found = []
    _warn_of_folder(user_folder())
    for name, path in sorted(_files().items()):
        try:
            found.append(_read(name, path))
        except PresetError as error:
            warnings.warn(f"{error}; it is left out", PresetWarning, stacklevel=2)
    if plugin is None:
        return found
    shipped = plugins()
    wanted = whole_name(plugin, shipped)
    return [preset for preset in found if whole_name(preset.plugin, shipped) == wanted]


def programs(presets: Iterable[Preset]) -> dict[int, Preset]:
    """Which preset of one plugin each MIDI program calls: the first that asks for it.

    Those that ask for none have the numbers that are left, in order.
    """
    called: dict[int, Preset] = {}
    rest = []
    for preset in presets:
        if preset.program is None:
            rest.append(preset)
        else:
            called.setdefault(preset.program, preset)
    left = (number for number in range(128) if number not in called)
    return called | dict(zip(left, rest, strict=False))


def hidden() -> list[str]:
    """Names of the presets that come with latentfx and are hidden by the user's own."""
    return sorted(_in(_shipped()).keys() & _in(user_folder()).keys())


def load_preset(preset: str | os.PathLike[str]) -> Preset:
    """Load a preset by name, or a preset file by path.

    Raises:
        PresetError: neither; or the file is damaged.
    """
    name = os.fspath(preset)
    files = _files()
    if name in files:
        return _read(name, files[name])
    path = expanded(name)
    if path.suffix == ".toml" and path.is_file():
        return _read(path.stem, path)
    raise PresetError(
        f"no preset {name!r}.{suggest(name, files)} There are {', '.join(sorted(files)) or 'none'}; "
        "a preset of your own may be given by the path of its .toml file"
    )


def save_preset(preset: Preset, overwrite: bool = False) -> Path:
    """Write a preset into the user's folder and return the file.

    Raises:
        PresetError: a name that makes no file, a preset of this name, or a folder that cannot be written.
    """
    _check_name(preset.name)
    folder = user_folder()
    path = folder / f"{preset.name}.toml"
    if path.exists() and not overwrite:
        raise PresetError(
            f"there is a preset {preset.name!r} in {folder}; replace it with --overwrite "
            "(overwrite=True in Python), or choose another name"
        )
    preset = replace(preset, plugin=whole_name(preset.plugin, plugins()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, dump_preset(preset))
    except OSError as error:
        raise PresetError(f"cannot write {path} ({error.strerror or error})") from None
    return path


def delete_preset(name: str) -> Path:
    """Take a preset of the user's out of the list.

    Nothing is lost: its file is kept in the folder `deleted` beside the presets.

    Returns:
        The file, where it lies now.

    Raises:
        PresetError: no preset of this name, one that comes with latentfx, or a folder that cannot be written.
    """
    path = _own(name, "deleted", f"hide it by one of yours: latentfx preset save {name} --from {name}")
    folder = path.parent / _DELETED
    number = 1
    try:
        folder.mkdir(exist_ok=True)
        while True:
            kept = folder / (f"{name}.toml" if number == 1 else f"{name}-{number}.toml")
            try:
                return _move(path, kept)
            except FileExistsError:
                number += 1
    except OSError as error:
        raise PresetError(f"cannot move {path} to {folder} ({error.strerror or error})") from None


def rename_preset(old: str, new: str) -> Path:
    """Give a preset of the user's another name; no other preset is replaced.

    Returns:
        The file, where it lies now.

    Raises:
        PresetError: no preset `old`, one that comes with latentfx, a name that makes no file, a preset `new`
            that is there already, or a folder that cannot be written.
    """
    path = _own(old, "renamed", f"copy it under another name: latentfx preset save {new} --from {old}")
    _check_name(new)
    try:
        return _move(path, path.with_name(f"{new}.toml"))
    except FileExistsError:
        raise PresetError(
            f"there is a preset {new!r} in {path.parent}; choose another name, or delete that one first"
        ) from None
    except OSError as error:
        raise PresetError(f"cannot rename {path} ({error.strerror or error})") from None


def _own(name: str, done: str, cure: str) -> Path:
    """The file of one of the user's presets.

    Raises:
        PresetError: there is none of this name; it says what to do with one that comes with latentfx.
    """
    folder = user_folder()
    own = _in(folder)
    if name in own:
        return folder / f"{name}.toml"
    if name in _in(_shipped()):
        raise PresetError(f"preset {name!r} comes with latentfx and cannot be {done}; {cure}")
    raise PresetError(
        f"no preset {name!r} in {folder}.{suggest(name, own)} There are {', '.join(sorted(own)) or 'none'}"
    )


def _move(source: Path, target: Path) -> Path:
    """Move a file to a place where there is none.

    Raises:
        FileExistsError: there is one.
    """
    target.open("x").close()
    try:
        return source.replace(target)
    except OSError:
        target.unlink()
        raise


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PresetError(f"a preset cannot be called {name!r}; use letters, digits, - and _")


def _files() -> dict[str, Traversable]:
    """Name -> file; the user's hide shipped ones of the same name."""
    return _in(_shipped()) | _in(user_folder())


def _shipped() -> Traversable:
    return resources.files("latentfx.presets") / "settings"


def _in(folder: Traversable) -> dict[str, Traversable]:
    """Name -> file of one folder; empty where it is not there, or may not be read."""
    try:
        files = list(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return {}
    return {file.name.removesuffix(".toml"): file for file in files if file.name.endswith(".toml")}


def _read(name: str, path: Traversable) -> Preset:
    try:
        if not path.is_file():  # a device or a FIFO would never end
            raise PresetError("it is no regular file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise PresetError(f"it has more than {MAX_BYTES} bytes")
        return parse_preset(name, data.decode("utf-8-sig"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise PresetError(f"preset {name!r} cannot be read: {_why(error)} ({path})") from None


def _why(error: Exception) -> str:
    """What is wrong with a file, for the one who wrote it."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8; save it as such in a text editor"
    if isinstance(error, PermissionError):
        return "its permissions forbid it; allow it with chmod u+r"
    return shown(error.strerror or error if isinstance(error, OSError) else error, 500)


def _warn_of_folder(folder: Path) -> None:
    try:
        locked = folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK)
    except OSError:
        locked = True
    if locked:
        text = (
            f"your presets in {folder} are left out: the folder may not be entered; allow it with chmod u+rx"
        )
        warnings.warn(text, PresetWarning, stacklevel=3)
