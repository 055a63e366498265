"""The picture of the house and the pages of the API are made from the source, and miss nothing."""

from __future__ import annotations

import html
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_members import PUBLIC


@pytest.fixture(scope="module")
def api(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the API."""
    return draw(root, "api_page.py", tmp_path_factory.mktemp("api"))


def draw(root: Path, program: str, target: Path) -> Path:
    """Run a program of examples/, which writes to a target."""
    words = [sys.executable, "-W", "error", str(root / "examples" / program), str(target)]
    done = subprocess.run(words, cwd=target.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def rooms(picture: Path) -> set[str]:
    """Rooms that a picture of the house shows, and the folders inside them."""
    found = re.findall(r'id="room: ([^"]+)"', picture.read_text(encoding="utf-8"))
    return {name for text in found for name in re.split(r"[, ]+", html.unescape(text))}


def folders(package_folders: dict[str, Path]) -> set[str]:
    """Packages of the first two floors of folders: `methods`, `dsae`."""
    found = set()
    for package, folder in package_folders.items():
        for file in folder.rglob("__init__.py"):
            found |= {*[*package.split("."), *file.parent.relative_to(folder).parts][1:3]}
    return found


def test_the_house_is_drawn_with_every_room(
    root: Path, tmp_path: Path, package_folders: dict[str, Path]
) -> None:
    drawn = rooms(draw(root, "house.py", tmp_path / "house.svg"))
    assert {"host", "dsae", "recipes", "presets"} <= folders(package_folders)
    assert folders(package_folders) - drawn == set()


def test_the_house_on_the_readme_has_the_rooms_of_today(root: Path, package_folders: dict[str, Path]) -> None:
    shown = rooms(root / "examples" / "pictures" / "house.svg")
    missing = folders(package_folders) - shown
    assert missing == set(), "run: python examples/house.py examples/pictures/house.svg"


@pytest.mark.parametrize("name", PUBLIC)
def test_the_api_has_every_public_name(name: str, api: Path) -> None:
    page = (api / f"{name.replace('.', '/')}.html").read_text(encoding="utf-8")
    wanted = importlib.import_module(name).__all__
    assert [public for public in wanted if f'id="{public}"' not in page] == []
