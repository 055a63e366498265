"""What the benchmarks here share: a Markdown table on the screen, JSON in a file, the machine's name."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table; floats with four significant figures."""
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        print("| " + " | ".join(_cell(value) for value in row) + " |")


def write_json(path: Path | None, result: Mapping[str, Any]) -> None:
    """Write the result, and the machine on which it was measured; without a path do nothing."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """Names of the processor, the system and Python, and the number of cores."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
