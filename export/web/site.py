"""Writes the page: the plugin's own file, the runtime, and the JavaScript between them and the visitor."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Final

from latentfx.errors import ExportError
from latentfx.export.bundle import write_file
from latentfx.host.graph import read_metadata
from latentfx.host.guard import read_plugin_bytes
from latentfx.host.plugin_file import Metadata
from latentfx.host.runtime import LatentPlugin
from latentfx.page import FILES as PARTS
from latentfx.page import page_file

from .runtime import PACKAGE, VERSION, WebRuntime, integrity_of

# What only a page with a host needs.
_NOT_HERE: Final = ("index.html", "main.js", "panel.js")
_PLUGIN: Final = "plugin.onnx"
_PREFIX: Final = "latentfx-"


def write_site(plugin: Path, folder: Path, runtime: WebRuntime, trust: bool = False) -> int:
    """Write a page that runs a plugin, into a folder that any web server of static files can serve.

    Args:
        plugin: an `.onnx` file.
        folder: made where it is absent; a page that was written there before is replaced.
        runtime: of onnxruntime-web.
        trust: whether the plugin's operators and sizes may be any.

    Returns:
        Bytes of all files.

    Raises:
        PluginFileError: a damaged or hostile plugin file.
        ExportError: a folder that holds anything else, or cannot be written.
    """
    data = read_plugin_bytes(plugin)
    loaded = LatentPlugin.load(plugin, trust=trust)  # a file that cannot run here is not given to visitors
    metadata = read_metadata(data)
    _check_folder(folder)
    places = {name: loaded.places(name) for name in loaded.blends}
    maps = {name: {"points": points} for name, points in places.items() if points}
    facts = _facts(metadata, data, runtime) | {"maps": maps}
    files = {
        **_static(),
        **{f"page/{name}": page_file(name) for name in PARTS if name not in _NOT_HERE},
        **runtime.files,
        _PLUGIN: data,
        "plugin.json": json.dumps(facts, allow_nan=False).encode(),
        "NOTICES.txt": _notices(metadata).encode(),
    }
    files["index.html"] = _index(files["index.html"].decode(), metadata, runtime).encode()
    files["service.js"] = _service(files, runtime).encode()
    for name, content in files.items():
        target = folder / name
        _make(target.parent)
        write_file(target, content)
    return sum(map(len, files.values()))


def _static() -> dict[str, bytes]:
    place = resources.files("latentfx.export.web") / "static"
    return {entry.name: entry.read_bytes() for entry in place.iterdir() if entry.is_file()}


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file; a page is a folder: give the name of one")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "plugin.json").is_file():
        raise ExportError(f"{folder} holds other files; give an empty folder, or one that is not there")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"cannot make the folder {folder}: {error.strerror}") from None


def _facts(metadata: Metadata, data: bytes, runtime: WebRuntime) -> dict[str, Any]:
    """What the page must know of the plugin; its parts read it as `surface.js` says."""
    spec = metadata.spec
    return {
        "name": spec.name,
        "description": spec.description,
        "sample_rate": spec.sample_rate,
        "block_size": spec.block_size,
        "latency": spec.latency,
        "in_channels": spec.in_channels,
        "out_channels": spec.out_channels,
        "controls": [asdict(control) for control in spec.controls],
        "blends": [
            {"name": blend.name, "description": blend.description, "labels": dict(blend.choices)}
            for blend in spec.blends
        ],
        "state": {
            name: {"shape": list(value.shape), "values": value.ravel().tolist()}
            for name, value in metadata.state.items()
        },
        "file": {"url": _PLUGIN, "integrity": integrity_of(data)},
        "runtime": runtime.links,
    }


def _index(page: str, metadata: Metadata, runtime: WebRuntime) -> str:
    spec, beside = metadata.spec, f" {runtime.origin}" if runtime.origin else ""
    policy = (
        "default-src 'self'; script-src 'self' blob: 'wasm-unsafe-eval'; worker-src 'self'; "
        f"connect-src 'self'{beside}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'"
    )
    about = html.escape(spec.description)
    return Template(page).substitute(NAME=html.escape(spec.name), ABOUT=about, POLICY=html.escape(policy))


def _service(files: Mapping[str, bytes], runtime: WebRuntime) -> str:
    """The service worker: the names of all files, and a version that changes with any of them."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {integrity_of(files[name])}\n".encode())
    names = ["./", *sorted(set(files) - {"service.js"})]
    if runtime.origin:
        names += [link["url"] for link in runtime.links.values()]
    site = {"prefix": _PREFIX, "version": f"{_PREFIX}{digest.hexdigest()[:16]}", "files": names}
    return files["service.js"].decode().replace("$SITE", json.dumps(site))


def _notices(metadata: Metadata) -> str:
    licence = metadata.provenance.get("licence", "not stated")
    return (
        f"{metadata.spec.name}: {licence}\n"
        f"{PACKAGE} {VERSION}: MIT, copyright Microsoft Corporation\n"
        "the page, by latentfx: MIT\n"
    )
