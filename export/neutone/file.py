"""A torch plugin as a file for Neutone FX, which loads it in every DAW; through Neutone's own SDK."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from latentfx.errors import ExportError, MissingExtraError
from latentfx.export.bundle import require_provenance, write_file
from latentfx.export.nn_tilde.file import without_traces
from latentfx.export.nn_tilde.module import NnTilde
from latentfx.host.nn_tilde.model import deprecations_allowed
from latentfx.plugin import Plugin
from latentfx.testing.drive import evaluating

from .knobs import choose_knobs, words_of

BUFFERS = (256, 512, 1024, 2048, 4096)


def export_neutone(
    plugin: Plugin,
    path: str | os.PathLike[str],
    provenance: Mapping[str, Any],
    *,
    verify: bool = True,
) -> Path:
    """Write a plugin as a file for Neutone FX.

    It has four knobs at most. Each blend has one, which goes from one choice to the next; the other controls
    follow.

    Args:
        plugin: any plugin that keeps the contract and that TorchScript can compile, of one or two channels.
        path: the file to write; ends in `.nm`.
        provenance: where the plugin comes from; needs method, licence, date and versions.
        verify: run the checks of the SDK that Neutone asks of a submission.
    Raises:
        MissingExtraError: the SDK is not installed.
        ExportError: Neutone FX cannot run the plugin, or its SDK refuses it; the message has the reason.
    """
    target, spec = Path(path), plugin.spec
    if target.suffix != ".nm":
        raise ExportError(f"a file for Neutone FX ends in .nm, not {target.suffix!r}; rename {target.name!r}")
    if max(spec.in_channels, spec.out_channels) > 2:
        raise ExportError(f"{spec.name!r} has more than two channels; Neutone FX takes one or two")
    facts = require_provenance(provenance)
    buffers = [size for size in BUFFERS if size % spec.block_size == 0] or [spec.block_size]
    import_sdk()
    from .model import NeutonePlugin

    with evaluating(plugin), _quiet(), tempfile.TemporaryDirectory() as folder:
        try:
            wrapped = NeutonePlugin(NnTilde(plugin), choose_knobs(spec), words_of(spec, facts), buffers)
            _save(wrapped, Path(folder), verify)
        except Exception as error:  # the SDK asserts, and torch's compiler has no common base
            raise ExportError(f"Neutone's SDK refuses {spec.name!r}: {error}") from error
        write_file(target, without_traces((Path(folder) / "model.nm").read_bytes()))
    return target


def import_sdk() -> None:
    """Import Neutone's SDK, without torchaudio's compiled part if that cannot be loaded.

    torchaudio's wheel links CUDA and does not load beside a CPU-only torch. The SDK uses it only to resample,
    in Python.

    Raises:
        MissingExtraError: the SDK is not installed.
    """
    try:
        _import_torchaudio()
        import neutone_sdk  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("an export for Neutone FX", "neutone", error.name or "neutone_sdk") from None


def _import_torchaudio() -> None:
    try:
        import torchaudio  # noqa: F401
    except OSError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        absent: Any = ModuleType("torchaudio._extension")
        absent._IS_TORCHAUDIO_EXT_AVAILABLE = absent._IS_ALIGN_AVAILABLE = False
        absent.fail_if_no_align = lambda function: function
        sys.modules[absent.__name__] = absent


def _save(wrapped: torch.nn.Module, folder: Path, verify: bool) -> None:
    from neutone_sdk.utils import save_neutone_model

    save_neutone_model(wrapped, folder, dump_samples=verify, submission=verify, speed_benchmark=False)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the SDK from talking of its own insides."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with deprecations_allowed(), contextlib.redirect_stderr(io.StringIO()):
            warnings.filterwarnings("ignore", module=r"torch\.|neutone_sdk")
            yield
    finally:
        logging.disable(level)
