"""OSC: messages over the network that do what a player does, and what is told to those who listen."""

from __future__ import annotations

import heapq
import math
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final, Self

from latentfx.errors import ControlError, LatentFXError, LiveError

from .osc_query import OscQuery
from .osc_tree import ACTIONS, ROOT, describe, meters, values
from .surface import Surface

LOOPBACK: Final = "127.0.0.1"
_LARGEST: Final = 65_535
_ROUND_S: Final = 0.1
_TELL_S: Final = 1 / 30
_MOST_LISTENERS: Final = 16
_MOST_A_SECOND: Final = 5000
_FARTHEST_S: Final = 3600.0
_MOST_WAITING: Final = 1024

Peer = tuple[str, int]


class Osc:
    """Listens for OSC while it is open; use it in a `with` block.

    `/latentfx/CONTROL` sets a control, in its own unit and clipped to its range; `/latentfx/BLEND` takes the
    text of a blend; other addresses are those of `ACTIONS`. A bundle of the future waits for its time: its
    controls move in the hop in which that lies. The same port answers OSCQuery over HTTP. Whatever cannot be
    obeyed is counted in `bad`, and changes nothing.

    Args:
        surface: what the messages play.
        address: a port, or HOST:PORT to be reached from other machines; without a host, this machine alone.

    Raises:
        LiveError: python-osc is not installed, an address that cannot be read, or a port that is taken.
    """

    def __init__(self, surface: Surface, address: str) -> None:
        try:
            from pythonosc import osc_message_builder, osc_packet
        except ImportError:
            raise LiveError("OSC needs python-osc: pip install 'latentfx[osc]'") from None
        self._parse, self._builder = osc_packet.OscPacket, osc_message_builder.OscMessageBuilder
        self._surface = surface
        self.address = read_address(address)
        self.received = self.bad = 0
        self.trouble = ""
        self._listeners: dict[Peer, dict[str, Any]] = {}
        self._later: list[tuple[float, int, str, Sequence[Any], Peer]] = []
        self._number = count()
        self._second, self._in_second = 0, 0
        self._ending = threading.Event()
        self._actions: dict[str, Callable[[Sequence[Any], Peer], None]] = {
            "preset": lambda args, _: surface.call(_text(args)),
            "preset/next": lambda args, _: surface.next_preset(int(_number(args)) if args else 1),
            "preset/morph": self._morph,
            "preset/save": lambda args, _: self._save(args),
            "bypass": lambda args, _: surface.bypass(bool(_number(args)) if args else None),
            "panic": lambda args, _: surface.panic(),
            "learn": lambda args, _: surface.learn(_text(args) if args else None),
            "record": lambda args, _: surface.record_here(_text(args)),
            "record/stop": lambda args, _: surface.stop_recording(),
            "subscribe": self._subscribe,
            "unsubscribe": lambda args, peer: self._unsubscribe(_reply_to(args, peer)),
        }

    def __enter__(self) -> Self:
        host, port = self.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
            self._query = OscQuery((host, port), self._describe, "latentfx")
        except OSError as error:
            self._socket.close()
            raise LiveError(
                f"OSC cannot listen on {host}:{port} ({error.strerror or error}); choose another port"
            ) from None
        self._threads = [
            threading.Thread(target=work, name=f"latentfx-osc-{name}", daemon=True)
            for name, work in (("hears", self._hear), ("tells", self._tell))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending.set()
        self._query.close()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _describe(self) -> dict[str, Any]:
        return describe(self._surface.view())

    def _hear(self) -> None:
        while not self._ending.is_set():
            self._socket.settimeout(self._obey_late())
            try:
                data, peer = self._socket.recvfrom(_LARGEST)
            except OSError:  # nothing came; or a listener is gone, and its system says so
                continue
            self.received += 1
            try:
                self._take(data, peer[:2])
            except Exception as error:  # of any kind: what comes from a network must not end the music
                self._refuse(str(error) or type(error).__name__, peer[:2])

    def _take(self, data: bytes, peer: Peer) -> None:
        """Obey a packet: now, or later where it says so."""
        now = time.time()
        if int(now) != self._second:
            self._second, self._in_second = int(now), 0
        for when, message in self._parse(data).messages:
            self._in_second += 1
            if self._in_second > _MOST_A_SECOND:
                raise ControlError(f"more than {_MOST_A_SECOND} messages came in a second; send fewer")
            try:
                self._obey(message.address, list(message.params), peer, when if when > now else None)
            except (LatentFXError, ValueError, TypeError, OverflowError) as error:
                self._refuse(f"{message.address}: {error}", peer)

    def _obey(self, address: str, args: Sequence[Any], peer: Peer, when: float | None) -> None:
        root, _, name = address.removeprefix("/").partition("/")
        if f"/{root}" != ROOT:
            raise ControlError(f"addresses begin with {ROOT}/; see {ROOT} by OSCQuery")
        if when is not None and when - time.time() > _FARTHEST_S:
            raise ControlError(f"its time is more than {_FARTHEST_S:g} s ahead")
        if self._surface.has(name):
            value = self._surface.clip(name, args[0]) if args else None
            if value is None:
                raise ControlError("a value is missing")
            if when is None:
                self._surface.set(**{name: value})
            else:
                self._surface.set_at(when, **{name: value})
        elif name not in self._actions:
            raise ControlError(f"no such address; there are controls, blends and {', '.join(ACTIONS)}")
        elif when is None:
            self._actions[name](args, peer)
        elif len(self._later) >= _MOST_WAITING:
            raise ControlError(f"{_MOST_WAITING} messages wait for their time already; send them later")
        else:
            heapq.heappush(self._later, (when, next(self._number), address, args, peer))

    def _obey_late(self) -> float:
        """Obey what is due, and say how long to wait for more."""
        while self._later and self._later[0][0] <= time.time():
            _, _, address, args, peer = heapq.heappop(self._later)
            try:
                self._obey(address, args, peer, None)
            except (LatentFXError, ValueError, TypeError, OverflowError) as error:
                self._refuse(f"{address}: {error}", peer)
        return min(_ROUND_S, max(self._later[0][0] - time.time(), 0.0005)) if self._later else _ROUND_S

    def _refuse(self, why: str, peer: Peer) -> None:
        self.bad += 1
        self.trouble = why
        for listener in list(self._listeners):
            if listener[0] == peer[0]:  # the same machine, by whatever port
                self._send(listener, "error", why)

    def _tell(self) -> None:
        """Tell listeners of meters, and of what changed."""
        while not self._ending.wait(_TELL_S):
            if not self._listeners:
                continue
            view = self._surface.view()
            now = values(view)
            levels = {f"meter/{name}": level for name, level in meters(view).items() if level == level}
            for peer, known in list(self._listeners.items()):
                for name, value in (levels | now).items():
                    if name in levels or known.get(name) != value:
                        self._send(peer, name, value)
                known.update(now)

    def _send(self, peer: Peer, name: str, value: Any) -> None:
        builder = self._builder(address=f"{ROOT}/{name}")
        builder.add_arg(value)
        with suppress(OSError):  # the network is gone, or so is the listener
            self._socket.sendto(builder.build().dgram, peer)

    def _subscribe(self, args: Sequence[Any], peer: Peer) -> None:
        peer = _reply_to(args, peer)
        if peer not in self._listeners and len(self._listeners) >= _MOST_LISTENERS:
            raise ControlError(f"{_MOST_LISTENERS} programs listen already; one must /latentfx/unsubscribe")
        self._listeners[peer] = {}

    def _unsubscribe(self, peer: Peer) -> None:
        self._listeners.pop(peer, None)

    def _morph(self, args: Sequence[Any], _: Peer) -> None:
        if len(args) != 3:
            raise ControlError("give two presets and how far, 0 to 1")
        self._surface.morph(_text(args[:1]), _text(args[1:2]), _number(args[2:]))

    def _save(self, args: Sequence[Any]) -> None:
        self._surface.save(_text(args) if args else None)


def read_address(text: str) -> Peer:
    """Read `9000` or `HOST:9000`.

    Raises:
        LiveError: text that says something else.
    """
    host, colon, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535 or (colon and not host):
        raise LiveError(f"OSC address {text!r}; write a port such as 9000, or HOST:PORT")
    return host.strip("[]") or LOOPBACK, int(port)


def _reply_to(args: Sequence[Any], peer: Peer) -> Peer:
    """The port of the sender that it named, or its own."""
    if not args:
        return peer
    port = int(_number(args))
    if not 1 <= port <= 65_535:
        raise ControlError(f"port {port}; allowed 1 to 65535")
    return peer[0], port


def _text(args: Sequence[Any]) -> str:
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    raise ControlError(f"arguments {list(args)!r}; give one text")


def _number(args: Sequence[Any]) -> float:
    if len(args) == 1 and isinstance(args[0], int | float) and math.isfinite(args[0]):
        return float(args[0])
    raise ControlError(f"arguments {list(args)!r}; give one number")
