"""Files that other programs load, written from a torch plugin. Needs the extra `lab`."""

from __future__ import annotations

from .bundle import REQUIRED_PROVENANCE
from .onnx import export_onnx

__all__ = ["REQUIRED_PROVENANCE", "export_onnx"]
