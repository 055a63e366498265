"""Rates that devices accept, where some are busy, some never answer, and some end the program."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_devices import device

from latentfx.realtime import accepted_rates

# In the place of sounddevice.
PORTAUDIO = """
import os, sys, time

ACCEPTED = {
    (0, "in"): (44_100, 48_000, 96_000),
    (0, "out"): (48_000, 96_000, 192_000),
    (1, "in"): (44_100, 48_000),
    (2, "out"): (16_000,),
}
BUSY, DEAF, DEADLY = 3, 4, 5


class PortAudioError(Exception):
    pass


def _check(kind, index, channels, dtype, samplerate):
    os.write(2, b"ALSA lib: a complaint\\n")
    if index == BUSY:
        raise PortAudioError("Device unavailable", -9985)
    if index == DEAF:
        time.sleep(600)
    if index == DEADLY:
        os.abort()
    if samplerate not in ACCEPTED[index, kind]:
        raise PortAudioError("Invalid sample rate", -9997)


def check_input_settings(*args, **more):
    _check("in", *args, **more)


def check_output_settings(*args, **more):
    _check("out", *args, **more)
"""


@pytest.fixture(autouse=True)
def portaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.joinpath("sounddevice.py").write_text(PORTAUDIO)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_a_device_says_which_rates_it_accepts_both_ways(capfd: pytest.CaptureFixture[str]) -> None:
    cards = [device(0, "both"), device(1, "microphone", outputs=0), device(2, "phone", inputs=0)]
    cards.append(device(3, "held"))
    assert accepted_rates(cards, None) == [[48_000, 96_000], [44_100, 48_000], [], None]
    assert capfd.readouterr().err == ""
    assert accepted_rates([]) == []


def test_a_device_that_ends_the_program_leaves_those_before_it(capfd: pytest.CaptureFixture[str]) -> None:
    cards = [device(1, "before", outputs=0), device(5, "deadly"), device(1, "after", outputs=0)]
    assert accepted_rates(cards, None) == [[44_100, 48_000], None, None]
    assert capfd.readouterr().err == ""


def test_a_device_that_does_not_answer_is_not_waited_for() -> None:
    cards = [device(4, "deaf"), device(1, "after", outputs=0)]
    assert accepted_rates(cards, 2.0) == [None, None]
