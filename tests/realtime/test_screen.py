"""The screen of `latentfx live` in a terminal, and its keys, as a player has them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from jack_rig import RATE, Rig, die_with_parent
from live_command import COMMAND, recorded, wait_for_recorded

import latentfx
from latentfx.binding import Binding
from latentfx.preset import Preset, list_presets, save_preset

Write = Callable[..., Path]
_REDRAWN = re.compile(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)+")
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _own_terminal(hangup: signal.Handlers) -> None:
    """For a child process: standard input is the terminal whose Ctrl-C it hears."""
    die_with_parent()
    signal.signal(signal.SIGHUP, hangup)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A terminal of so many rows and columns with `latentfx live` in it, after `nohup` or not."""

    def __init__(self, *options: object, size: tuple[int, int] = (40, 120), nohup: bool = False) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, options)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=partial(_own_terminal, signal.SIG_IGN if nohup else signal.SIG_DFL),
        )
        os.close(slave)
        self._text = ""
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, keys: str, wanted: str) -> str:
        """Press keys, and wait until the screen shows something."""
        seen = len(self._text)
        if keys:
            os.write(self._master, keys.encode())
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found = re.search(wanted, _CODES.sub("", self._text[seen:]))
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"{wanted!r} is not on the screen: {self._text[-2000:]}")

    def lines(self) -> list[str]:
        """The screen as it is drawn next."""
        seen, end = len(self._text), time.monotonic() + 30
        while time.monotonic() < end:
            drawn = _REDRAWN.split(self._text[seen:])
            if len(drawn) > 2:
                return [line.rstrip() for line in _CODES.sub("", drawn[1]).splitlines()]
            time.sleep(0.02)
        raise AssertionError(f"nothing is drawn: {self._text[-2000:]}")

    def all_text(self) -> str:
        """All that was written to it, when the process has ended."""
        self._reader.join(10)
        return self._text

    def hang_up(self) -> None:
        """Close the terminal, as its window is closed."""
        self._open = False
        self._reader.join()
        os.close(self._master)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _read(self) -> None:
        while self._open:
            try:
                data = os.read(self._master, 4096)
            except OSError:  # the other side is closed
                return
            self._text += data.decode("utf-8", "replace")


@pytest.fixture
def terminal(rig: Rig) -> Iterator[Callable[..., Terminal]]:
    """Play on the rig's devices, in a terminal."""
    started: list[Terminal] = []

    def start(*options: object, **about: Any) -> Terminal:
        started.append(Terminal("--input", "horn", "--output", "room", *options, **about))
        return started[-1]

    yield start
    for running in started:
        running.close()


def level(rig: Rig) -> float:
    """What a steady 0.5 becomes now, in the end."""
    heard = rig.play(np.full((1, RATE // 8), 0.5, np.float32), tail=0, whole=False)[0, : RATE // 8]
    return round(float(heard[~np.isnan(heard)][-1]), 4)


def test_every_key_does_what_the_last_line_says(
    rig: Rig,
    terminal: Callable[..., Terminal],
    plugin_file: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    plugin, take = plugin_file("gain"), tmp_path / "take.flac"
    wheel = Binding.parse("cc:1=gain:0..1")
    save_preset(Preset("loud", str(plugin), {"gain": 1.5}, bindings=(wheel,)))
    save_preset(Preset("soft", str(plugin), {"gain": 0.25}))
    screen = terminal("-p", plugin, "--set", "gain=0.5", "--midi", "virtual", "--record", take)
    screen.press("", r"gain +0\.5 ")
    screen.press("", r"latency +0\.0 algorithmic \+ \d+\.\d buffering \+ \d+\.\d device = \d+\.\d ms")
    screen.press("", r"load +\d+% of the time in the \w+; (callback|step) .* p99 .*, worst .* of \d\.\d\d")
    assert level(rig) == 0.25
    playing = threading.Thread(target=level, args=(rig,))
    playing.start()
    screen.press("", r"in +━+╌* +-\d+\.\d dB\s+out +━+╌* +-\d+\.\d dB")
    playing.join()
    screen.press("b", "BYPASS")
    assert level(rig) == 0.5
    screen.press("b", r"room +on")
    screen.press("\x1b[C", r"gain +0\.7 ")
    assert level(rig) == 0.35
    screen.press("p", "silenced")
    screen.press("]", r"gain +loud ")
    screen.press("", r"gain +1\.5 .* cc:1\b")
    assert level(rig) == 0.75
    screen.press("[", r"gain +soft ")
    screen.press("l", r"move a controller")
    screen.press("\x1b", r"gain +0\.25 [^m]*\n")
    screen.press("l", r"move a controller")
    rig.connect_midi("latentfx")
    rig.play(np.zeros((1, RATE // 8)), [(0, bytes([0xB0, 21, 127]))], whole=False)
    screen.press("", r"gain +4 .* cc:21@1")
    name = screen.press("s", r"saved live-\d+-\d+").removeprefix("saved ")
    screen.press("]", rf"gain +{name} ")
    os.write(screen._master, b"q")
    assert screen.process.wait(30) == 0
    saved = next(preset for preset in list_presets(str(plugin)) if preset.name == name)
    assert saved.settings == {"gain": 4.0}
    assert [str(binding) for binding in saved.bindings] == ["cc:21@1=gain"]
    assert soundfile.info(take).frames > RATE // 2
    assert not list(tmp_path.glob(".*part"))


@pytest.mark.parametrize(
    ("place", "times"), [("callback", r"callback .* of 2\.67"), ("worker", r"step .* of 1\.33")]
)
def test_the_load_is_that_of_what_infers(
    terminal: Callable[..., Terminal], plugin_file: Write, place: str, times: str
) -> None:
    """The rig's blocks have 128 samples, the plugin's hops 64."""
    screen = terminal("-p", plugin_file("gain"), "--place", place)
    screen.press("", rf"load +\d+% of the time in the {place}; {times}\b")
    screen.press("q", "late")
    assert screen.process.wait(30) == 0


def test_ctrl_c_gives_the_terminal_back(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path
) -> None:
    take = tmp_path / "take.flac"
    screen = terminal("-p", plugin_file("gain"), "--record", take)
    before = termios.tcgetattr(screen._master)[3]
    screen.press("", "arrows control")
    assert not termios.tcgetattr(screen._master)[3] & termios.ICANON
    screen.press("\x03", rf"recorded {re.escape(str(take))}")
    assert screen.process.wait(30) == 0
    assert termios.tcgetattr(screen._master)[3] == before
    assert soundfile.info(take).frames > 0


def test_a_full_disk_is_on_the_screen_at_once(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path
) -> None:
    """The limit of the operating system on the size of a file stands in for the disk."""
    screen = terminal("-p", plugin_file("gain"), "--record", tmp_path / "take.wav")
    screen.press("", "arrows control")
    resource.prlimit(screen.process.pid, resource.RLIMIT_FSIZE, (60_000, 60_000))
    screen.press("", "record +NOT: cannot write .*take")
    screen.press("q", "is the disk full")
    assert screen.process.wait(30) == 1


def test_a_small_terminal_shows_the_chosen_control_the_keys_and_the_note(
    terminal: Callable[..., Terminal], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path))
    names = [control.name for control in latentfx.load("timbre-swap").spec.controls]
    screen = terminal("-p", "timbre-swap", size=(24, 80))
    for index, name in enumerate(names):
        screen.press("\x1b[B" if index else "", rf"> +{name}\b")
        screen.press("p", "silenced")
        lines = screen.lines()
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        assert lines[0].startswith("timbre-swap")
        assert re.fullmatch("arrows control .* q quit", lines[-2])
        assert lines[-1] == "silenced"
        shown = [known for known in names if any(re.match(rf"[> ] +{known}\b", line) for line in lines)]
        more = {line.split()[0]: int(line.split()[1]) for line in lines if line.endswith(" more")}
        first = names.index(shown[0])
        assert shown == names[first : first + len(shown)]
        assert name in shown
        assert more.get("↑", 0) == first
        assert more.get("↓", 0) == len(names) - first - len(shown)
        assert sum(more.values()) > 0, "the terminal is large enough for all of them"
    saved = screen.press("s", r"saved live-\d+-\d+")
    assert any(line.startswith(saved) for line in screen.lines())


def test_keys_that_come_together_are_all_obeyed_in_order(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    plugin = plugin_file("gain")
    for place, gain in enumerate([3.0, 0.5, 2.0]):
        save_preset(Preset(f"place-{place}", str(plugin), {"gain": gain}))
    screen = terminal("-p", plugin, "--set", "gain=0")
    screen.press("", r"gain +0 ")
    screen.press("\x1b[C" * 12, r"gain +2\.4 ")  # a held arrow: twelve steps of a twentieth of 0 to 4
    screen.press("\x1bOD\x1b[D", r"gain +2 ")
    screen.press("]]", r"gain +place-1 ")
    screen.press("\x1b[3~b", "BYPASS")
    os.write(screen._master, b"bq")
    assert screen.process.wait(30) == 0


def test_learning_without_a_midi_port_is_said_and_escape_leaves_it(
    rig: Rig, terminal: Callable[..., Terminal], plugin_file: Write
) -> None:
    screen = terminal("-p", plugin_file("gain"))
    screen.press("", r"gain +1 ")
    screen.press("l", r"move a controller, or Esc[^?]*no MIDI port is open")
    screen.press("\x1b", r"gain +1 [^m]*\n")
    os.write(screen._master, b"q")
    assert screen.process.wait(30) == 0


def test_names_are_shown_as_they_are(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brackets and colons mean something to what draws the screen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTFX_PRESETS", "kept[dim][/x]")
    Path("odd[").mkdir()
    for name in ("take[live]:smile:.wav", "odd[/x].wav"):
        screen = terminal("-p", plugin_file("gain"), "--record", name)
        screen.press("", rf"record +{re.escape(name)} ")
        screen.press("s", "saved live-")
        assert "kept[dim][/x]" in "".join(screen.lines())
        screen.press("q", re.escape(f"recorded {name}"))
        assert screen.process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_kill_is_like_ctrl_c(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path, number: signal.Signals
) -> None:
    take = tmp_path / "take.flac"
    screen = terminal("-p", plugin_file("gain"), "--record", take)
    before = termios.tcgetattr(screen._master)[3]
    screen.press("", "record .* 1 s")
    end = time.monotonic() + 20
    while screen.process.poll() is None and time.monotonic() < end:  # again and again, to the last moment
        screen.process.send_signal(number)
        time.sleep(0.005)
    text = screen.all_text()
    assert screen.process.wait(0) == 0, text[-2000:]
    assert f"recorded {take}" in text
    assert termios.tcgetattr(screen._master)[3] == before
    assert_whole(take)


def test_a_terminal_that_is_closed_leaves_whole_recordings(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path
) -> None:
    take = tmp_path / "take.flac"
    screen = terminal("-p", plugin_file("gain"), "--record", take)
    screen.press("", "record .* 1 s")
    screen.hang_up()
    assert screen.process.wait(30) == 0, "nothing failed"
    assert_whole(take)


def test_after_nohup_a_terminal_that_is_closed_does_not_end_the_music(
    terminal: Callable[..., Terminal], plugin_file: Write, tmp_path: Path
) -> None:
    take = tmp_path / "take.wav"
    screen = terminal("-p", plugin_file("gain"), "--record", take, nohup=True)
    screen.press("", "record .* 1 s")
    screen.hang_up()
    wait_for_recorded(take, recorded(take) + 8 * RATE)  # two seconds
    assert screen.process.poll() is None
    screen.process.send_signal(signal.SIGTERM)
    assert screen.process.wait(30) == 0, "nothing failed"
    assert_whole(take)


def assert_whole(take: Path) -> None:
    """Both recordings can be read, and nothing hidden is left beside them."""
    for path in (take, take.with_stem(f"{take.stem}-dry")):
        assert soundfile.info(path).duration > 0.5
    assert not list(take.parent.glob(".*"))
