"""Rules of the house that a newcomer's editor does not know."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

MAX_LINES = 350
TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yml", ".yaml", ".cfg", ".sh", ""}
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)(?:/|\b)")
REGISTRY = re.compile(
    r"https?://[\w./-]*(?:py" + r"pi|pythonhosted|download\.pytorch|conda)|--(?:extra-)?index-url"
)


def texts(tracked: list[Path]) -> dict[Path, str]:
    """Every text file -> its content."""
    return {path: path.read_text(encoding="utf-8") for path in tracked if path.suffix in TEXT}


def test_no_file_is_too_long_to_read(tracked: list[Path], root: Path) -> None:
    lengths = {path: text.count("\n") for path, text in texts(tracked).items() if path.suffix == ".py"}
    assert {str(path.relative_to(root)): n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_no_file_names_a_machine_or_a_registry(tracked: list[Path], root: Path) -> None:
    found = {
        f"{path.relative_to(root)}: {match[0]}"
        for path, text in texts(tracked).items()
        for pattern in (MACHINE_PATH, REGISTRY)
        for match in pattern.finditer(text)
        if path != Path(__file__)
    }
    assert found == set()


def test_the_constraints_name_every_direct_dependency_once(root: Path, settings: dict[str, Any]) -> None:
    lines = [
        line
        for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines)
    assert [version for version in pins.values() if "+" in version] == []
    project = settings["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[\[<>=]", line)[0].replace("_", "-") for line in wanted} - {"latentfx"}
    assert names - pins.keys() == set()


def test_the_licence_list_names_every_bundled_recording_model_and_picture(
    tracked: list[Path], root: Path
) -> None:
    listed = (root / "presets" / "LICENSES.md").read_text(encoding="utf-8")
    bundled = [
        path.relative_to(root).as_posix()
        for path in tracked
        if path.suffix.lower()
        in {".onnx", ".flac", ".wav", ".mp3", ".ogg", ".mid", ".sf2", ".npz", ".png", ".jpg"}
    ]
    assert "examples/audio/violin.flac" in bundled
    assert [name for name in bundled if f"`{name}`" not in listed] == []


def test_no_tracked_file_is_large(tracked: list[Path], root: Path) -> None:
    sizes = {str(path.relative_to(root)): path.stat().st_size for path in tracked}
    assert {name: size for name, size in sizes.items() if size > 10_000_000} == {}
