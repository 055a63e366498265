"""The page's server: who may see and play, and what strangers cannot break."""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from playing import in_callback, noise, play
from websockets import Origin
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import latentfx
from latentfx.errors import LiveError
from latentfx.page import FILES
from latentfx.realtime.surface import Surface
from latentfx.realtime.ui import open_page
from latentfx.realtime.ui.hub import MOST_PAGES
from latentfx.realtime.ui.server import PageServer
from latentfx.realtime.view import DeviceView

Write = Callable[..., Path]
HOSTILE = 10_000


@pytest.fixture
def surface(plugin_file: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Surface]:
    """A plugin whose output is its input times `gain`, 100 samples later, without a device."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LATENTFX_PRESETS", str(tmp_path / "presets"))
    with in_callback(latentfx.load(plugin_file("delay")), block=64) as host:
        wire = SimpleNamespace(label="horn to room")
        rest = {"waiting": False, "recorder": None, "recording": False, "midi": ()}
        stream: Any = SimpleNamespace(host=host, wire=wire, **rest)
        surface = Surface(stream)
        monkeypatch.setattr(
            surface.choices, "devices", lambda: DeviceView("horn", "room", ("horn",), ("room",))
        )
        yield surface


@pytest.fixture
def page(surface: Surface) -> Iterator[PageServer]:
    with open_page(surface, port=0) as page:
        yield page


def reach(page: PageServer, **more: Any) -> ClientConnection:
    """A websocket to the page, with the token of its address."""
    address, _, query = page.url.replace("http", "ws", 1).partition("?")
    return connect(f"{address}socket?{query}", max_size=None, **more)


def await_message(client: ClientConnection, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(client.recv(timeout=10))
        if fits(message):
            return message


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_every_file_of_the_page_is_served_with_headers_that_keep_others_out(page: PageServer) -> None:
    for name, kind in FILES.items():
        with urllib.request.urlopen(f"{page.url}page/{name}", timeout=10) as answer:
            assert answer.headers["content-type"] == kind
            assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert status(page.url) == 200
    assert status(f"{page.url}page/__init__.py") == 404
    assert status(f"{page.url}page/..%2fsurface.py") == 404


def test_a_page_sees_the_whole_state_first_and_then_what_changes(page: PageServer, surface: Surface) -> None:
    with reach(page) as client:
        first = json.loads(client.recv(timeout=10))
        assert (first["type"], first["plugin"]["name"], first["values"]) == ("state", "delay", {"gain": 1.0})
        client.send('{"do": "set", "values": {"gain": 2.5}}')
        assert await_message(client, lambda m: m["type"] == "state") == {
            "type": "state",
            "values": {"gain": 2.5},
        }
        assert surface.control("gain").value == 2.5


def test_a_page_that_was_refused_is_told_the_values_as_they_are(page: PageServer) -> None:
    with reach(page) as client:
        await_message(client, lambda m: "plugin" in m)
        client.send('{"do": "set", "values": {"gain": 3, "gian": 1}}')
        assert "gian" in await_message(client, lambda m: m["type"] == "refused")["why"]
        await_message(client, lambda m: m.get("values") == {"gain": 1.0})


def test_a_page_that_cannot_be_told_is_closed_and_may_come_again(
    page: PageServer, surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reach(page) as client:
        await_message(client, lambda m: "plugin" in m)
        with monkeypatch.context() as patch:
            patch.setattr(surface, "view", lambda stats: 1 / 0)
            with pytest.raises(ConnectionClosed):
                await_message(client, lambda m: False)
    with reach(page) as again:
        await_message(again, lambda m: "plugin" in m)


def test_two_pages_agree_and_one_that_returns_finds_the_state(page: PageServer) -> None:
    with reach(page) as first, reach(page) as second:
        for client in (first, second):
            await_message(client, lambda m: "plugin" in m)
        first.send('{"do": "set", "values": {"gain": 3}}')
        second.send('{"do": "bypass", "on": true}')
        for client in (first, second):
            seen: dict[str, Any] = {}
            while not {"values", "state"} <= seen.keys():
                seen |= await_message(client, lambda m: m["type"] == "state")
            assert (seen["values"], seen["state"]) == ({"gain": 3.0}, "bypass")
    with reach(page) as again:
        state = await_message(again, lambda m: "plugin" in m)
        assert (state["values"], state["state"]) == ({"gain": 3.0}, "bypass")


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://127.0.0.1:1", "file://"])
def test_pages_of_other_sites_are_turned_away(page: PageServer, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        reach(page, additional_headers={"Origin": origin})


def test_a_name_that_was_led_here_is_turned_away(page: PageServer) -> None:
    assert status(page.url, Host="elsewhere.example") == 403
    assert status(f"{page.url}page/main.js", Host="elsewhere.example") == 404
    assert status(page.url, Host="[") == 403
    port = int(page.url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as way, pytest.raises(InvalidStatus, match="403"):
        connect(
            f"ws://elsewhere.example:{port}/socket",
            sock=way,
            origin=Origin(f"http://elsewhere.example:{port}"),
        )


def test_other_addresses_demand_the_token_that_is_shown(surface: Surface) -> None:
    with open_page(surface, "0.0.0.0", 0) as page:
        bare, _, query = page.url.partition("?")
        assert query.startswith("token=")
        assert len(page.token) >= 16
        assert status(page.url) == 200
        assert [status(bare), status(f"{bare}?token=x"), status(f"{bare}?token=%ff")] == [403, 403, 403]
        with reach(page) as client:
            assert json.loads(client.recv(timeout=10))["type"] == "state"
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"{bare.replace('http', 'ws')}socket")


def test_a_port_that_is_taken_and_an_address_of_others_are_said(page: PageServer, surface: Surface) -> None:
    port = int(page.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(LiveError, match=rf"cannot listen on 127.0.0.1:{port} .*--ui-port"):
        open_page(surface, port=port)
    with pytest.raises(LiveError, match=r"cannot listen on 192\.0\.2\.77:0"):
        open_page(surface, "192.0.2.77", 0)


def test_a_missing_extra_is_named(surface: Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "latentfx.realtime.ui.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(LiveError, match=r"pip install 'latentfx\[ui\]'"):
        open_page(surface)


def test_a_page_too_many_waits_outside(page: PageServer) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_PAGES):
            client = stack.enter_context(reach(page))
            await_message(client, lambda m: "plugin" in m)
        with pytest.raises(ConnectionClosed), reach(page) as late:
            late.recv(timeout=10)


def test_a_message_that_is_too_long_ends_its_page_alone(page: PageServer, surface: Surface) -> None:
    with reach(page) as good, reach(page) as bad:
        bad.send(json.dumps({"do": "preset", "name": 100_000 * "x"}))
        with pytest.raises(ConnectionClosed):
            await_message(bad, lambda m: False)
        good.send('{"do": "set", "values": {"gain": 2}}')
        await_message(good, lambda m: m.get("values") == {"gain": 2.0})


def strange(rng: random.Random) -> str | bytes:
    """A message that nothing should come of."""
    noise = bytes(rng.randrange(256) for _ in range(rng.randrange(60)))
    actions = (
        "set",
        "reset",
        "learn",
        "unbind",
        "loop",
        "preset",
        "morph",
        "save",
        "record",
        "plugin",
        "devices",
        "fly",
    )
    values: Any = [
        None,
        True,
        -1,
        1e308,
        "",
        "x" * 300,
        {},
        [],
        {"gain": "no"},
        {"self": 1},
        "../up",
        "/etc/passwd",
        "\u0000",
    ]
    fields = (
        "values",
        "name",
        "a",
        "b",
        "t",
        "on",
        "file",
        "blend",
        "seconds",
        "points",
        "steps",
        "input",
        "output",
    )
    wild = {
        "do": rng.choice(actions),
        "junk": 1,
        **{rng.choice(fields): rng.choice(values) for _ in range(4)},
    }
    kinds: list[str | bytes] = [
        noise,
        noise.decode("latin-1"),
        json.dumps(wild),
        json.dumps(wild)[: rng.randrange(40)],
        "[" * rng.randrange(3000),
        json.dumps({"do": rng.choice(actions), "name": "not there", "values": {"gian": 1}}),
    ]
    return rng.choice(kinds)


def test_ten_thousand_hostile_messages_leave_sound_and_state_whole(
    page: PageServer, surface: Surface, tmp_path: Path
) -> None:
    """Sound and state are the same to the bit as without them; what is wanted is still obeyed."""
    host = surface._host
    audio = noise(64 * 1500)
    heard: list[Any] = []
    ended = threading.Event()

    def keep_playing() -> None:
        while not ended.is_set():
            heard.append(play(host, audio, 64))

    with reach(page) as client:
        before = await_message(client, lambda m: "plugin" in m)
    sound = threading.Thread(target=keep_playing)
    sound.start()

    sent = threading.Event()

    def attack(seed: int) -> None:
        rng = random.Random(seed)
        with reach(page) as client:
            for _ in range(HOSTILE // 4):
                client.send(strange(rng))
                with suppress(TimeoutError):
                    client.recv(timeout=0)
            sent.wait()

    attackers = [threading.Thread(target=attack, args=(seed,)) for seed in range(4)]
    for thread in attackers:
        thread.start()
    while page.received < HOSTILE:
        time.sleep(0.01)
    sent.set()
    for thread in attackers:
        thread.join()
    with reach(page) as client:
        after = await_message(client, lambda m: "plugin" in m)
        assert after == before
        ended.set()
        sound.join()
        client.send('{"do": "set", "values": {"gain": 2}}')
        await_message(client, lambda m: m.get("values") == {"gain": 2.0})
    assert page.refused >= HOSTILE
    whole = np.concatenate(heard, axis=1)
    wanted = np.concatenate([np.zeros((1, 100), np.float32), np.tile(audio, len(heard))], axis=1)
    np.testing.assert_array_equal(whole, wanted[:, : whole.shape[1]])
    assert list(tmp_path.iterdir()) == []


def test_a_flood_is_slowed_and_the_page_beside_it_still_plays(page: PageServer) -> None:
    ended = threading.Event()

    def pour() -> None:
        with suppress(ConnectionClosed, OSError), reach(page, close_timeout=1) as flood:
            while not ended.is_set():
                flood.send('{"do": "reset", "name": "gain"}')
                if page.received % 100 == 0:
                    flood.recv(timeout=1)

    pouring = threading.Thread(target=pour)
    pouring.start()
    with reach(page) as good:
        while page.refused < 100:
            good.recv(timeout=10)
        for on in (True, False) * 5:
            good.send(json.dumps({"do": "bypass", "on": on}))
            await_message(good, lambda m, on=on: m.get("state") == ("bypass" if on else "on"))  # type: ignore[misc]
        ended.set()
    pouring.join()
