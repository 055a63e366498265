"""The project as its own tests see it: settings, files, README blocks, packages built from a clean copy."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOP_LEVEL = ("LICENSE", "README.md", "pyproject.toml", "latentfx", "export", "realtime", "presets")


@pytest.fixture(scope="session")
def settings(root: Path) -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def package_folders(root: Path, settings: dict[str, Any]) -> dict[str, Path]:
    """Package -> folder, for the root package and those that `package-dir` maps."""
    mapped = settings["tool"]["setuptools"]["package-dir"]
    return {"latentfx": root / "latentfx", **{name: root / folder for name, folder in mapped.items()}}


@pytest.fixture(scope="session")
def readme(root: Path) -> ModuleType:
    """The reader of Markdown blocks that CI uses."""
    spec = importlib.util.spec_from_file_location("ci_readme", root / ".ci" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """Every file of the project: those that git tracks, or what a clone has where there is no git."""
    if (root / ".git").exists():
        command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z"]
        names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
        return [root / name for name in names.split("\0") if name and (root / name).is_file()]
    tops = [root / name for name in (*TOP_LEVEL, "constraints.txt", ".ci", "tests", "examples")]
    files = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    return [path for path in files if path.is_file() and "__pycache__" not in path.parts]


@pytest.fixture(scope="session")
def clean_copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a package is built from, in a folder called `latentfx`, as a clone is."""
    source = tmp_path_factory.mktemp("source") / "latentfx"
    source.mkdir()
    for name in (*TOP_LEVEL, ".ci"):
        if (root / name).is_dir():
            shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(root / name, source / name)
    return source


@pytest.fixture(scope="session")
def distributions(clean_copy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Build the sdist from a clean copy and the wheel from that sdist: "wheel" and "sdist" -> file."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(clean_copy)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}
