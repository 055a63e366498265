"""Check types of the whole package, the folders mapped by `package-dir` included.

From the repository root mypy does not see `export/`, `realtime/` and `presets/` as `latentfx.export` and so
on, and says nothing of it. Here a temporary folder of links has them where an installed package has them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def link_tree(folder: Path) -> None:
    """Lay the package out in `folder` as an installation does, with links."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    package = folder / "latentfx"
    package.mkdir()
    for child in (ROOT / "latentfx").iterdir():
        (package / child.name).symlink_to(child)
    for name, source in settings["tool"]["setuptools"]["package-dir"].items():
        folder.joinpath(*name.split(".")).symlink_to(ROOT / source)


def main() -> int:
    """Run mypy in the link tree and return its exit status."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        link_tree(folder)
        command = [sys.executable, "-m", "mypy", "--strict", "-p", "latentfx"]
        command += [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
        environment = {**os.environ, "MYPYPATH": str(folder)}
        return subprocess.run([*command, *sys.argv[1:]], cwd=folder, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
