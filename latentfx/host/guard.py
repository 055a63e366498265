"""Checks on an ONNX file from a stranger, and the file that onnxruntime is given in its place.

A plugin file is straight-line data: one graph of standard operators on tensors that lie inside the file. It
is read strictly (`latentfx.host.model`), in the one spelling that every reader understands alike. onnxruntime
never sees the file: it is given a model that is written anew from what was read. So no reader
finds in a file what another overlooks.

Refused are:

- tensors kept in other files, sparse and string tensors, tensors whose data does not fill their shape;
- operators of other domains, functions, and training information;
- operators without a rule in `latentfx.host.sizes`: branches, open-ended loops, sizes that follow from the
  sound. A Scan is allowed: it turns once for each frame that it is given, at most once a sample;
- a step that takes more memory or work than `latentfx.host.sizes.plan` allows for its number of samples.

The last two are what `trust` leaves out, for a file whose author the user knows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from latentfx.errors import PluginFileError, PluginNotFoundError
from latentfx.host.model.model import ParsedModel, Port, read_model
from latentfx.host.plugin_file import MAX_METADATA_BYTES, METADATA_KEY

MAX_FILE_BYTES: Final = 256 << 20
_AGAIN = "Export it again with latentfx.export.export_onnx"


@dataclass(frozen=True)
class FileFacts:
    """What the guard finds in a file: the metadata's JSON, the graph's ports, and the model as read."""

    metadata: str
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    model: ParsedModel


def read_plugin_bytes(path: str | os.PathLike[str]) -> bytes:
    """Read a plugin file whole, after a look at its size.

    Raises:
        PluginNotFoundError: there is no such file.
        PluginFileError: it cannot be read, or is too large.
    """
    source = Path(path)
    if "\0" in str(source):
        raise PluginNotFoundError(f"no plugin file {str(source)!r}: no name of a file holds a NUL character")
    try:
        size = source.stat().st_size
        if not source.is_file():
            raise PluginFileError(f"{source} is not a file; give the path of a plugin's .onnx file")
        if size > MAX_FILE_BYTES:
            raise PluginFileError(f"{source} has {size >> 20} MB; allowed {MAX_FILE_BYTES >> 20} MB")
        return source.read_bytes()
    except FileNotFoundError:
        raise PluginNotFoundError(f"no plugin file {source}; see `latentfx plugins`") from None
    except OSError as error:
        raise PluginFileError(f"cannot read {source}: {error.strerror or error}") from None


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the path of a plugin file in front of what is wrong with it.

    Raises:
        PluginFileError: with the path.
    """
    try:
        yield
    except PluginFileError as error:
        link = " is" if str(error).startswith("not an .onnx file") else ":"
        raise PluginFileError(f"{os.fspath(path)}{link} {error}") from None


def inspect(data: bytes) -> FileFacts:
    """Read an ONNX file strictly and find what hosts need of it. Operators and sizes are not looked at yet.

    Raises:
        PluginFileError: it is damaged, is no latentfx plugin, or holds something that a plugin must not.
    """
    model = read_model(data)
    ours = [value for key, value in model.metadata if key == METADATA_KEY]
    if len(ours) != 1:
        raise PluginFileError(f"an ONNX file without latentfx metadata is not a plugin. {_AGAIN}")
    if len(ours[0]) > MAX_METADATA_BYTES:
        raise PluginFileError(f"plugin metadata has {len(ours[0])} bytes; allowed {MAX_METADATA_BYTES}")
    inputs, outputs = model.graph.inputs, model.graph.outputs
    return FileFacts(
        ours[0], {port.name: port for port in inputs}, {port.name: port for port in outputs}, model
    )
