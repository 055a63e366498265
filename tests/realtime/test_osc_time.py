"""Moves that are scheduled for a time of day are heard in the hop in which it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import latentfx
from latentfx.errors import ControlError, LiveError
from latentfx.realtime import LiveHost
from latentfx.realtime.clock import Clock
from latentfx.realtime.osc import read_address

RATE, HOP = 48_000, 64
NOON = 1_800_000_000.0
Write = Callable[..., Path]


class Day:
    """A time of day that a test sets."""

    now = NOON

    def time(self) -> float:
        return self.now


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Day:
    day = Day()
    monkeypatch.setattr("latentfx.realtime.clock.time", day)
    return day


@pytest.fixture
def host(plugin_file: Write, day: Day) -> Iterator[LiveHost]:
    """A host whose output is its input times `gain`, 0 to 4."""
    with LiveHost(latentfx.load(plugin_file("gain")), place="callback") as host:
        host.output.limiter = None
        yield host


@pytest.mark.parametrize("block", [HOP, 256, 1024])
def test_a_move_is_heard_in_the_hop_of_its_time_whatever_the_block(
    host: LiveHost, day: Day, block: int
) -> None:
    rng = np.random.default_rng(block)
    ones = np.ones(block, np.float32)
    heard = []
    hops = sorted({int(hop) for hop in rng.integers(40, 400, 30)})
    for number in range(500 * HOP // block):
        day.now = NOON + (number + 1) * block / RATE  # a block is there when its last sample has come in
        heard.append(host.process(ones))
        if number == 0:
            for hop in rng.permutation(hops):
                host.desk.schedule(NOON + (hop + 0.5) * HOP / RATE, {"gain": hop / 100})
    found = np.concatenate(heard)[host.latency :]
    for hop, after in zip(hops, [*hops[1:], 480], strict=True):
        np.testing.assert_array_equal(found[hop * HOP : after * HOP], np.float32(hop / 100))


def test_too_many_moves_that_wait_are_refused_and_the_others_stay(host: LiveHost, day: Day) -> None:
    for _ in range(4096):
        host.desk.schedule(NOON + 1, {"gain": 2.0})
    with pytest.raises(ControlError, match="4096 moves wait"):
        host.desk.schedule(NOON + 1, {"gain": 3.0})
    with pytest.raises(ControlError, match="4096 moves wait"):
        host.desk.schedule(NOON, {"gain": 3.0})


def test_the_clock_follows_a_stream_through_jitter_and_a_gap(day: Day) -> None:
    clock, rng = Clock(), np.random.default_rng(2)
    for number in range(2000):
        day.now = NOON + number * 0.0027 + float(rng.uniform(0, 0.004))
        clock.tick(number * 0.0027)
    assert clock.position(NOON + 7.0) == pytest.approx(6.998, abs=0.001)
    for number in range(2000, 2010):
        day.now = NOON + 3.0 + number * 0.0027
        clock.tick(number * 0.0027)
    assert clock.position(NOON + 10.0) == pytest.approx(7.0, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9000", ("127.0.0.1", 9000)),
        ("0.0.0.0:9001", ("0.0.0.0", 9001)),
        ("[::1]:9000", ("::1", 9000)),
        ("studio.local:80", ("studio.local", 80)),
    ],
)
def test_an_osc_address_is_a_port_or_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize("text", ["", "0", "65536", "nine", ":9000", "host:", "9000:"])
def test_an_osc_address_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(LiveError, match="write a port such as 9000"):
        read_address(text)
