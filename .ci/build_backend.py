"""The build backend: setuptools, and two things that it leaves out.

An editable installation finds latentfx through a hook, which Python asks last. In the folder above a clone
that is called `latentfx`, Python takes the clone itself for an empty package and never asks. So the hook is
put first.

A source archive holds this file, without which nobody could build it.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

HERE = Path(__file__)
# Files .pth run when Python starts, in the order of their names: this one after that of setuptools.
HOOK_FIRST = (
    "import sys; sys.meta_path.sort(key=lambda hook: 'latentfx' not in getattr(hook, '__module__', ''))\n"
)


def build_editable(
    wheel_directory: str,
    config_settings: dict[str, str | list[str]] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build what `pip install -e` installs, with the hook of latentfx before all others."""
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    with zipfile.ZipFile(Path(wheel_directory) / name, "a") as wheel:
        wheel.writestr("latentfx_first.pth", HOOK_FIRST)
    return name


def build_sdist(sdist_directory: str, config_settings: dict[str, str | list[str]] | None = None) -> str:
    """Build the source archive, with this file in it."""
    name = build_meta.build_sdist(sdist_directory, config_settings)
    path = Path(sdist_directory) / name
    with tarfile.open(path) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers()]
        contents = [(member, file.read() if file else b"") for member, file in members]
    own = tarfile.TarInfo(f"{name.removesuffix('.tar.gz')}/.ci/{HERE.name}")
    text = HERE.read_bytes()
    own.size = len(text)
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for member, content in [*contents, (own, text)]:
            archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return name
