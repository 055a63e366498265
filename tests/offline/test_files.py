"""Every file that is written is whole, or what was there stays."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from latentfx.files import whole_file, write_bytes, write_text


def test_an_error_in_the_middle_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "card.json"
    target.write_text("old")

    def stop_half_way() -> None:
        with whole_file(target) as part:
            part.write_text("new, but not al")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_file_both_write_whole_files(tmp_path: Path) -> None:
    target, texts, errors = tmp_path / "curves.csv", ("a" * 100_000, "b" * 100_000), []

    def write(text: str) -> None:
        try:
            for _ in range(50):
                write_text(target, text)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not target.exists() or target.read_text() in texts
    assert errors == []
    assert list(tmp_path.iterdir()) == [target]


def test_an_older_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "preset.toml"
    target.write_bytes(b"old")
    target.chmod(0o600)
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_name_as_long_as_the_system_allows_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    write_bytes(target, b"whole")
    assert target.read_bytes() == b"whole"


def test_a_text_is_written_with_the_line_ends_that_it_has(tmp_path: Path) -> None:
    write_text(tmp_path / "text", "one\ntwo\r\n")
    assert (tmp_path / "text").read_bytes() == b"one\ntwo\r\n"
