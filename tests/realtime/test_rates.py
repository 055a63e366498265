"""Rates that devices accept, where some are busy and some never answer."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest
from test_devices import device

from latentfx.realtime import accepted_rates

ACCEPTED = {
    0: {"in": (44_100, 48_000, 96_000), "out": (48_000, 96_000, 192_000)},
    1: {"in": (44_100, 48_000)},
    2: {"out": (16_000,)},
    5: {"in": (48_000,)},
}
BUSY, DEAF = 3, 4


class PortAudioError(Exception):
    """As sounddevice's: a text and PortAudio's number."""


class Card:
    """PortAudio with one device that is held by another program and one that does not answer."""

    def __init__(self) -> None:
        self.answer = threading.Event()

    def check(self, kind: str, index: int, channels: int, dtype: str, samplerate: float) -> None:
        os.write(2, b"ALSA lib: a complaint\n")
        if index == BUSY:
            raise PortAudioError("Device unavailable", -9985)
        if index == DEAF:
            self.answer.wait(60)
        if samplerate not in ACCEPTED.get(index, {}).get(kind, ()):
            raise PortAudioError("Invalid sample rate", -9997)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    card = Card()
    sd = SimpleNamespace(
        PortAudioError=PortAudioError,
        check_input_settings=lambda *args, **more: card.check("in", *args, **more),
        check_output_settings=lambda *args, **more: card.check("out", *args, **more),
    )
    monkeypatch.setattr("latentfx.realtime.rates.sound", lambda: sd)
    return card


def test_a_device_says_which_rates_it_accepts_both_ways(
    card: Card, capfd: pytest.CaptureFixture[str]
) -> None:
    cards = [device(0, "both"), device(1, "microphone", outputs=0), device(2, "phone", inputs=0)]
    cards.append(device(BUSY, "held"))
    assert accepted_rates(cards, 60) == [[48_000, 96_000], [44_100, 48_000], [], None]
    assert capfd.readouterr().err == ""


def test_a_device_that_does_not_answer_is_left_and_does_not_hold_the_end(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[bool] = []
    monkeypatch.setattr("latentfx.realtime.rates.forget_portaudio", lambda: left.append(True))
    names = {5: "before it", DEAF: "deaf", 0: "after it"}
    cards = [device(index, name, outputs=0) for index, name in names.items()]
    assert accepted_rates(cards, 2.0)[1:] == [None, None]
    assert left == [True]
    card.answer.set()
