"""No verb opens a connection, and nothing is left in the user's folders that nobody asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

# A filter in the kernel ends the process when anything in it, Python or not, opens a socket of the internet.
FORBID = """
import ctypes, platform, struct, sys
def forbid_internet():
    number = {"x86_64": 41, "aarch64": 198}[platform.machine()]  # of the call `socket`
    load, equal, leave = 0x20, 0x15, 0x06
    steps = [
        (load, 0, 0, 0), (equal, 0, 4, number),
        (load, 0, 0, 16), (equal, 1, 0, 2), (equal, 0, 1, 10),  # AF_INET, AF_INET6
        (leave, 0, 0, 0x80000000), (leave, 0, 0, 0x7FFF0000),  # end the process; allow
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
    program = Program(len(steps), ctypes.addressof(code))
    kernel = ctypes.CDLL(None, use_errno=True)
    assert kernel.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert kernel.prctl(22, 2, ctypes.byref(program), 0, 0) == 0  # PR_SET_SECCOMP
forbid_internet()
"""
COMMAND = "from latentfx.cli import main; sys.argv[0] = 'latentfx'; main()"
HOST = """
import numpy, latentfx
with latentfx.LiveHost(latentfx.load("timbre-swap"), block=256, place="worker") as host:
    host.process(numpy.zeros(256, "f4"))
"""


def run(tmp_path: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run in a home of its own, without the setting that turns onnxruntime's reports off."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    environment = {**kept, "HOME": str(home), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_filter_ends_what_opens_a_connection(tmp_path: Path) -> None:
    assert run(tmp_path, f"{FORBID}\nimport socket; socket.socket(socket.AF_UNIX)").returncode == 0
    assert run(tmp_path, f"{FORBID}\nimport socket; socket.socket(socket.AF_INET)").returncode < 0
    assert run(tmp_path, f"{FORBID}\nimport socket; socket.socket(socket.AF_INET6)").returncode < 0


@pytest.mark.parametrize(
    "words",
    [
        ["apply", "in.wav", "out.wav", "--timbre", "trumpet"],
        ["apply", "in.wav", "in2.wav", "out", "--jobs", "2"],
        ["plugins"],
        ["info", "timbre-swap"],
        ["preset", "list"],
        ["preset", "save", "mine", "--mix", "0.5"],
        ["train", "j-dsae", "--for", "0s", "--device", "cpu"],
    ],
    ids=" ".join,
)
def test_a_verb_opens_no_connection_and_leaves_nothing_of_others_in_the_home_folder(
    tmp_path: Path, words: list[str]
) -> None:
    for name in ("in.wav", "in2.wav"):
        soundfile.write(tmp_path / name, np.random.default_rng(0).uniform(-0.1, 0.1, 9600), 48_000)
    ran = run(tmp_path, f"{FORBID}\n{COMMAND}", *words)
    assert ran.returncode == 0, ran.stderr
    left = [
        path for path in (tmp_path / "home").rglob("*") if path.is_file() and "latentfx" not in path.parts
    ]
    assert left == []


def test_a_host_opens_no_connection(tmp_path: Path) -> None:
    ran = run(tmp_path, f"{FORBID}\n{HOST}")
    assert ran.returncode == 0, ran.stderr
    assert list((tmp_path / "home").rglob("*")) == []
