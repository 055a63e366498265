"""The reader of imports sees what the floors are tested with."""

from __future__ import annotations

from pathlib import Path

from import_graph import loaded_with, read_package, resolve

SOURCES = {
    "house/__init__.py": "",
    "house/low.py": "import numpy as np",
    "house/typed.py": """
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import torch
else:
    import rich
""",
    "house/lazy.py": """
class Host:
    def run(self):
        try:
            import torch
        except ImportError:
            pass
""",
    "attic/__init__.py": "from .window import view",
    "attic/window.py": "from house.low import np\nfrom . import roof",
    "attic/roof.py": "",
}


def test_each_import_is_read_with_its_target_and_the_moment_it_runs(tmp_path: Path) -> None:
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    modules = read_package({"house": tmp_path / "house", "house.attic": tmp_path / "attic"})

    def seen(name: str) -> list[tuple[str, str]]:
        return [(item.module, item.when) for item in modules[name].imports]

    assert seen("house.low") == [("numpy", "load")]
    assert ("torch", "typing") in seen("house.typed")
    assert ("rich", "load") in seen("house.typed")
    assert seen("house.lazy") == [("torch", "call")]
    assert seen("house.attic") == [("house.attic.window.view", "load")]
    assert seen("house.attic.window") == [("house.low.np", "load"), ("house.attic.roof", "load")]
    assert resolve("house.low.np", modules) == "house.low"
    assert resolve("numpy.typing", modules) is None
    assert loaded_with("house.attic.window", modules) == {
        "house", "house.attic", "house.attic.window", "house.attic.roof", "house.low",
    }  # fmt: skip
