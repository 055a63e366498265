"""`.ci/system-packages` installs what is missing, as root, by sudo, or not at all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

# Programs that stand in for those of the system, and write down how they were called.
USER = "#!/bin/sh\necho {user}\n"
DPKG_QUERY = '#!/bin/sh\ncase " {missing} " in *" $3 "*) exit 1;; esac\nprintf "install ok installed"\n'
APT_GET = '#!/bin/sh\necho "$@" >> {log}\n'
SUDO = '#!/bin/sh\n[ "{allowed}" = yes ] || exit 1\necho sudo >> {log}\nshift\nexec "$@"\n'
Install = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What was called, a line each."""
    (tmp_path / "log").touch()
    return tmp_path / "log"


@pytest.fixture
def install(root: Path, tmp_path: Path, log: Path) -> Install:
    """Run the script on a machine that lacks these packages, as this user."""

    def run(
        *names: str, missing: str = "", user: int = 0, sudo: bool = False
    ) -> subprocess.CompletedProcess[str]:
        programs = {
            "id": USER.format(user=user),
            "dpkg-query": DPKG_QUERY.format(missing=missing),
            "apt-get": APT_GET.format(log=log),
            "sudo": SUDO.format(allowed="yes" if sudo else "no", log=log),
        }
        for name, text in programs.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)
        return subprocess.run(
            [root / ".ci" / "system-packages", *names],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_where_all_is_there_nothing_is_installed(install: Install, log: Path) -> None:
    assert install(user=1000).returncode == 0
    assert log.read_text() == ""


def test_root_installs_what_is_missing_and_nothing_else(install: Install, log: Path) -> None:
    assert install("python3-venv", missing="jackd2 python3-venv").returncode == 0
    assert log.read_text() == "update -q\ninstall -qy --no-install-recommends jackd2 python3-venv\n"


def test_a_user_with_sudo_installs_by_sudo(install: Install, log: Path) -> None:
    assert install(missing="fluidsynth", user=1000, sudo=True).returncode == 0
    assert "sudo\ninstall -qy --no-install-recommends fluidsynth\n" in log.read_text()


def test_a_user_without_sudo_is_told_the_command(install: Install, log: Path) -> None:
    done = install(missing="jackd2 puredata-core", user=1000)
    assert done.returncode == 1
    assert "Run: sudo apt-get install --no-install-recommends jackd2 puredata-core\n" in done.stderr
    assert log.read_text() == ""
