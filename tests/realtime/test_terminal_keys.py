"""Single keys, read from a terminal."""

from __future__ import annotations

import os
import pty

import pytest

from latentfx.cli.live_keys import Keys


def test_a_key_may_come_in_two_parts_and_no_key_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    player, slave = pty.openpty()
    with os.fdopen(slave) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        with Keys() as keys:
            os.write(player, b"]\x1b[")
            assert keys.read(5) == ["]"]
            os.write(player, b"Cb")
            assert keys.read(5) == ["right", "b"]
            os.write(player, b"\x1b")  # Escape alone, and [ later
            assert (keys.read(5), keys.read(0.01)) == ([], ["escape"])
            os.write(player, b"[")
            assert keys.read(5) == ["["]
            os.write(player, b"\x1b[A" * 500 + b"q")
            pressed: list[str] = []
            while more := keys.read(0.5):
                pressed += more
            assert pressed == ["up"] * 500 + ["q"]
    os.close(player)
