"""The files of onnxruntime-web that a page needs: from its npm package, or from an address."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from latentfx.errors import ExportError

PACKAGE: Final = "onnxruntime-web"
VERSION: Final = "1.30.0"
# Of that version: what runs in one thread, on the processor. Name of the file -> what it must hash to.
FILES: Final = {
    "module": (
        "ort.wasm.bundle.min.mjs",
        "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
    ),
    "wasm": (
        "ort-wasm-simd-threaded.wasm",
        "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
    ),
}
FOLDER: Final = "runtime"
_MOST_BYTES: Final = 64 << 20
_HOW: Final = (
    f"Fetch the package with `npm pack {PACKAGE}@{VERSION}`, and give the file that it writes: "
    f"--runtime {PACKAGE}-{VERSION}.tgz"
)


@dataclass(frozen=True)
class WebRuntime:
    """Where a page finds onnxruntime-web.

    Args:
        files: those to write beside the page, by name; none where the page fetches them elsewhere.
        links: `module` and `wasm`, each with its `url`, as the page sees it, and its `integrity`.
        origin: where the page fetches them, such as `https://example.org`; empty for the page's own.
    """

    files: dict[str, bytes]
    links: dict[str, dict[str, str]]
    origin: str = ""


def find_runtime(wanted: str | None) -> WebRuntime:
    """Find the files of onnxruntime-web.

    Args:
        wanted: the npm package, as the file of `npm pack` or as a folder (`node_modules/onnxruntime-web`); or
            the address of its folder `dist` on a server that keeps versions apart.

    Raises:
        ExportError: none given, none there, another version, or an address that cannot be.
    """
    if wanted is None:
        raise ExportError(f"a page needs {PACKAGE} {VERSION}. {_HOW}")
    if "://" in wanted:
        return _at_address(wanted)
    path = Path(wanted).expanduser()
    files = _from_folder(path) if path.is_dir() else _from_archive(path)
    for kind, (name, integrity) in FILES.items():
        found = integrity_of(files[kind])
        if found != integrity:
            raise ExportError(
                f"{name} in {path} is not that of {PACKAGE} {VERSION} ({found}; wanted {integrity}). {_HOW}"
            )
    links = {
        kind: {"url": f"{FOLDER}/{name}", "integrity": integrity} for kind, (name, integrity) in FILES.items()
    }
    return WebRuntime({f"{FOLDER}/{FILES[kind][0]}": data for kind, data in files.items()}, links)


def integrity_of(data: bytes) -> str:
    """What a browser compares a file with.

    >>> integrity_of(b"")[:20]
    'sha384-OLBgp1GsljhM2'
    """
    return "sha384-" + base64.b64encode(hashlib.sha384(data).digest()).decode()


def _from_folder(path: Path) -> dict[str, bytes]:
    try:
        version = str(json.loads((path / "package.json").read_text(encoding="utf-8"))["version"])
        _check_version(path, version)
        return {kind: (path / "dist" / name).read_bytes() for kind, (name, _) in FILES.items()}
    except (OSError, ValueError, KeyError, TypeError):
        raise ExportError(f"{path} is not the npm package {PACKAGE}. {_HOW}") from None


def _from_archive(path: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(path, "r:gz") as archive:
            version = json.loads(_member(archive, "package/package.json"))["version"]
            _check_version(path, str(version))
            return {kind: _member(archive, f"package/dist/{name}") for kind, (name, _) in FILES.items()}
    except (OSError, EOFError, ValueError, KeyError, TypeError, tarfile.TarError):
        raise ExportError(f"{path} is not the npm package {PACKAGE}. {_HOW}") from None


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.getmember(name)
    file = archive.extractfile(member) if member.size <= _MOST_BYTES else None
    if file is None:
        raise KeyError(name)
    return file.read()


def _check_version(path: Path, version: str) -> None:
    if version != VERSION:
        raise ExportError(f"{path} is {PACKAGE} {version}; this latentfx writes pages for {VERSION}. {_HOW}")


def _at_address(address: str) -> WebRuntime:
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    pinned = re.search(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])", parts.path)
    strange = parts.username or parts.query or parts.fragment or re.search(r"[\s;'\"<>]", address)
    if not (parts.scheme == "https" or local) or not parts.hostname or not pinned or strange:
        raise ExportError(
            f"the runtime's address is {address!r}; allowed is https and a path with the version "
            f"{VERSION} in it, to the folder dist of {PACKAGE}"
        )
    base = address.rstrip("/")
    links = {
        kind: {"url": f"{base}/{name}", "integrity": integrity} for kind, (name, integrity) in FILES.items()
    }
    return WebRuntime({}, links, f"{parts.scheme}://{parts.netloc}")
