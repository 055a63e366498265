"""Everything is in the packages that users install, and imports from there."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest


def on_disk(folders: dict[str, Path]) -> dict[str, Path]:
    """Every package -> folder, found by looking for Python files."""
    found = {}
    for package, folder in folders.items():
        for directory in {path.parent for path in folder.rglob("*.py")}:
            parts = directory.relative_to(folder).parts
            found[".".join((package, *parts))] = directory
    return found


def installed_files(folders: dict[str, Path]) -> set[PurePosixPath]:
    """Where each Python and data file must lie after an installation."""
    return {
        PurePosixPath(package.replace(".", "/"), *path.relative_to(folder).parts)
        for package, folder in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def editable(clean_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pip install -e` puts beside other packages, for a clone in a folder called `latentfx`."""
    built, target = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("site")
    program = f"import build_backend; build_backend.build_editable({str(built)!r})"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=clean_copy,
        env=os.environ | {"PYTHONPATH": str(clean_copy / ".ci")},
    )
    assert ran.returncode == 0, ran.stderr
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


def test_the_package_list_names_every_folder(
    settings: dict[str, Any], package_folders: dict[str, Path]
) -> None:
    listed = settings["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(on_disk(package_folders))
    assert len(set(listed)) == len(listed)


def test_every_package_folder_is_a_package(package_folders: dict[str, Path]) -> None:
    bare = [
        name for name, folder in on_disk(package_folders).items() if not (folder / "__init__.py").is_file()
    ]
    assert bare == []


def test_the_wheel_holds_every_file(distributions: dict[str, Path], package_folders: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        names = {PurePosixPath(name) for name in wheel.namelist()}
    assert installed_files(package_folders) - names == set()
    assert {name.parts[0].partition("-")[0] for name in names} == {"latentfx"}


def test_the_sdist_holds_every_file(
    distributions: dict[str, Path], package_folders: dict[str, Path], root: Path
) -> None:
    with tarfile.open(distributions["sdist"]) as sdist:
        names = {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in sdist.getnames()}
    wanted = {
        PurePosixPath(*path.relative_to(root).parts)
        for folder in package_folders.values()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert (wanted | {PurePosixPath("README.md"), PurePosixPath("LICENSE")}) - names == set()


def test_the_metadata_states_licence_extras_and_a_core_without_torch(distributions: dict[str, Path]) -> None:
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        (name,) = (entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(name))
        (name,) = (entry for entry in wheel.namelist() if entry.endswith(".dist-info/entry_points.txt"))
        assert "latentfx = latentfx.cli:main" in wheel.read(name).decode()
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata.get_all("License-File", [])) == {"LICENSE", "presets/LICENSES.md"}
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "clap",
        "docs",
        "gs",
        "lab",
        "neutone",
        "osc",
        "plot",
        "ray",
        "s3",
        "tensorboard",
        "test",
        "ui",
    }
    core = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not [line for line in core if line.startswith(("torch", "librosa", "scipy", "matplotlib"))]


def test_the_mapped_folders_import_from_an_installation(
    distributions: dict[str, Path], tmp_path: Path, settings: dict[str, Any]
) -> None:
    """The wheel was built from the sdist, so that this stands for both."""
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    command += ["--disable-pip-version-check", "--target", str(target), str(distributions["wheel"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    packages = settings["tool"]["setuptools"]["packages"]
    program = (
        f"import sys, importlib; sys.path.insert(0, {str(target)!r})\n"
        f"for name in {packages!r}:\n"
        "    print(importlib.import_module(name).__file__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    assert [Path(line).parent for line in ran.stdout.split()] == [
        target.joinpath(*name.split(".")) for name in packages
    ]


@pytest.mark.parametrize("place", ["beside the clone", "in the clone", "elsewhere"])
def test_an_editable_installation_imports_the_clone_from(
    place: str, editable: Path, clean_copy: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Python takes a folder called `latentfx` for a namespace package, unless a module is there."""
    folder = {"beside the clone": clean_copy.parent, "in the clone": clean_copy}.get(place, tmp_path)
    folders = {"latentfx": "latentfx", **settings["tool"]["setuptools"]["package-dir"]}
    wanted = {name: clean_copy / source / "__init__.py" for name, source in folders.items()}
    later = {f"{name}.written_later": path.with_name("written_later.py") for name, path in wanted.items()}
    for path in later.values():
        path.touch()
    names = [*wanted, *later]
    found = _imported(names, folder, editable)
    for path in later.values():
        path.unlink()
    assert found == [path.resolve() for path in (wanted | later).values()]


def test_a_package_that_stands_earlier_on_the_path_wins_over_an_editable_installation(
    editable: Path, tmp_path: Path
) -> None:
    other = tmp_path / "latentfx" / "__init__.py"
    other.parent.mkdir()
    other.touch()
    assert _imported(["latentfx"], tmp_path, editable) == [other.resolve()]


def _imported(names: list[str], folder: Path, editable: Path) -> list[Path]:
    """Where these modules come from in a Python that starts in a folder, with an editable installation."""
    needs = [place for place in sys.path if place.endswith("site-packages")]
    program = (
        f"import importlib, site, sys; site.addsitedir({str(editable)!r}); sys.path += {needs!r}\n"
        f"for name in {names!r}:\n"
        "    print(importlib.import_module(name).__file__)"
    )
    # -S: without the hooks of this interpreter's packages, among which latentfx may be.
    ran = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )
    assert ran.returncode == 0, ran.stderr
    return [Path(line).resolve() for line in ran.stdout.split()]
