"""A file is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from latentfx.errors import ExportError
from latentfx.export.bundle import write_file


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.onnx"
    path.write_bytes(b"the old file")
    return path


def test_a_write_replaces_the_old_file_and_leaves_nothing_beside_it(target: Path) -> None:
    write_file(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr
)
def test_a_write_that_is_stopped_leaves_the_old_file(
    target: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
) -> None:
    def fail(_: int) -> None:
        raise stop

    monkeypatch.setattr(os, "fsync", fail)
    expected = ExportError if isinstance(stop, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_file(target, b"new")
    if isinstance(stop, OSError):
        assert "No space left on device. What was there is unchanged" in str(caught.value)
    assert target.read_bytes() == b"the old file"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"cannot write in .*nowhere"):
        write_file(tmp_path / "nowhere" / "plugin.onnx", b"new")
