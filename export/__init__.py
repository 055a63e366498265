"""Files that other programs load, written from a torch plugin or a checkpoint. Needs the extra `lab`."""

from __future__ import annotations

from .bundle import REQUIRED_PROVENANCE
from .checkpoint import Exported, export_checkpoint
from .nn_tilde.file import export_nn_tilde
from .onnx import export_onnx

__all__ = ["REQUIRED_PROVENANCE", "Exported", "export_checkpoint", "export_nn_tilde", "export_onnx"]
