"""The build backend: setuptools, and two things that it leaves out.

An editable installation finds latentfx through a hook, which Python asks last. In the folder above a clone
that is called `latentfx`, Python takes the clone itself for a namespace package and never asks. But Python
prefers any module on its path to a namespace. So the installation has one, `latentfx.py`, which loads the
package of the clone and leaves it in its own place. Earlier places on the path still win.

A source archive holds this file, without which nobody could build it.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
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
MODULE = """import sys
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("latentfx", {path!r})
sys.modules["latentfx"] = package = module_from_spec(spec)
spec.loader.exec_module(package)
"""


def build_editable(
    wheel_directory: str,
    config_settings: dict[str, str | list[str]] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build what `pip install -e` installs, with the module that loads the package of the clone."""
    name = build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
    package = HERE.resolve().parents[1] / "latentfx" / "__init__.py"
    _add(Path(wheel_directory) / name, "latentfx.py", MODULE.format(path=str(package)).encode())
    return name


def _add(wheel: Path, name: str, data: bytes) -> None:
    """Write a wheel again, with one file more."""
    with zipfile.ZipFile(wheel) as before:
        files = {info: before.read(info) for info in before.infolist()}
    digest = urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel, "w") as after:
        after.writestr(name, data)
        for info, content in files.items():
            is_record = info.filename.endswith(".dist-info/RECORD")
            line = f"{name},sha256={digest},{len(data)}\n" if is_record else ""
            after.writestr(info, content + line.encode())


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
