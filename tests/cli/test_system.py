"""What the operating system refuses, and names and encodings of every kind: one line, no traceback."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

LONG = "x" * 300
COMMAND = [sys.executable, "-c", "from latentfx.cli import main; main()"]


def without_rights() -> None:
    """For a child process: permissions of files hold for it, although root runs the tests."""
    if os.geteuid() == 0:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


def run(folder: Path, *words: str | bytes, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        preexec_fn=without_rights,
        text=True,
        errors="surrogateescape",
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "s.wav", np.full(4800, 0.1), 48_000)
    (tmp_path / "loop").symlink_to("loop")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        [f"{LONG}.wav", "out.wav"],
        ["s.wav", f"{LONG}.wav"],
        ["~nobody-at-all/x.wav", "out.wav"],
        ["s.wav", "~nobody-at-all/x.wav"],
        ["loop", "out.wav"],
        ["s.wav", "loop/x.wav"],
        ["s.wav", "out.wav", "-p", LONG],
        ["s.wav", "out.wav", "-p", "~nobody-at-all/x.onnx"],
        ["s.wav", "out.wav", "-p", "loop/x.onnx"],
        ["s.wav", "out.wav", "--preset", f"{LONG}.toml"],
        ["s.wav", "out.wav", "--preset", "~nobody-at-all/x.toml"],
        ["s.wav", "out.wav", "--reference", "loop"],
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_names_that_the_system_refuses_are_one_line(folder: Path, words: list[str]) -> None:
    before = sorted(folder.iterdir())
    ran = run(folder, "apply", *words)
    assert (ran.returncode, ran.stderr.count("latentfx: ")) == (1, 1), ran.stderr
    assert "Traceback" not in ran.stderr
    assert sorted(folder.iterdir()) == before


def test_a_name_that_is_not_utf8_is_read_and_written(folder: Path) -> None:
    name = b"\xff\xfe.wav"
    (folder / os.fsdecode(name)).write_bytes((folder / "s.wav").read_bytes())
    ran = run(folder, "apply", name, b"out\xff.wav", PYTHONIOENCODING="utf-8:strict")
    assert ran.returncode == 0, ran.stderr
    assert "out\\udcff.wav: 0.10 s" in ran.stdout
    assert soundfile.info(os.fsencode(folder) + b"/out\xff.wav").frames == 4800
    assert run(folder, "apply", ".", "results").returncode == 0


def test_a_file_called_like_a_user_is_a_file(folder: Path) -> None:
    (folder / "~nobody-at-all.wav").write_bytes((folder / "s.wav").read_bytes())
    assert run(folder, "apply", "~nobody-at-all.wav", "out.wav").returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ["apply", "s.wav", "ö.wav"],
        ["plugins"],
        ["preset", "list"],
        ["info", "timbre-swap"],
        ["apply", "--help"],
    ],
    ids=" ".join,
)
def test_an_output_that_lacks_letters_or_is_full_is_no_traceback(folder: Path, words: list[str]) -> None:
    ran = run(folder, *words, PYTHONIOENCODING="ascii:strict", PYTHONUTF8="0")
    assert ran.returncode == 0, ran.stderr
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, *words], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.count("latentfx: ") == 1
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.fixture
def locked(folder: Path) -> Iterator[Path]:
    """A file that may not be read, and a folder that may not be entered, with a recording in it."""
    (folder / "closed").mkdir()
    for name in ("locked.wav", "closed/in.wav"):
        (folder / name).write_bytes((folder / "s.wav").read_bytes())
    (folder / "locked.wav").chmod(0)
    (folder / "closed").chmod(0)
    yield folder
    (folder / "closed").chmod(0o700)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["locked.wav", "out.wav"], "locked.wav may not be read: its permissions"),
        (["closed/in.wav", "out.wav"], "closed/in.wav may not be read: its permissions"),
        (["s.wav", "closed/out.wav"], "closed/out.wav"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_what_may_not_be_read_is_not_called_damaged(locked: Path, words: list[str], message: str) -> None:
    ran = run(locked, "apply", *words)
    assert (ran.returncode, ran.stderr.count("latentfx: ")) == (1, 1), ran.stderr
    assert message in ran.stderr
    assert "damaged" not in ran.stderr


def test_files_and_folders_without_rights_stop_no_batch_and_are_named(locked: Path) -> None:
    ran = run(locked, "apply", ".", "results")
    assert ran.returncode == 1
    assert sorted(file.name for file in (locked / "results").glob("*.wav")) == ["s.wav"]
    assert "locked.wav may not be read" in ran.stderr
    passed = next(line for line in ran.stderr.splitlines() if "passed over" in line)
    assert "may not be entered" in passed
    assert "closed" in passed
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("home", ["/dev/null", "loop", "absent", "closed"])
def test_a_home_that_may_not_be_entered_stops_nothing(locked: Path, home: str) -> None:
    place = {"HOME": str(locked / home), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    assert run(locked, "preset", "list", **place).returncode == 0
    assert run(locked, "apply", "s.wav", "out.wav", **place).returncode == 0
