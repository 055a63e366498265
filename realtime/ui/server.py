"""The page over HTTP: its files, and a websocket that carries what `protocol` says."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
import threading
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from latentfx.errors import LiveError
from latentfx.page import FILES, page_file
from latentfx.realtime.surface import Surface

from .address import names_of, own_address, read_address
from .hub import Hub
from .protocol import MAX_BYTES

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_CLOSE_S: Final = 5.0
_FORBIDDEN: Final = 1008


class PageServer:
    """Serves the page while it is open; use it in a `with` block.

    Args:
        surface: what pages show and play.
        address: where it listens. Any address but loopback demands the token that `url` carries.
        port: 0 takes one that is free.

    Raises:
        LiveError: an address or a port that cannot be listened on.
    """

    def __init__(self, surface: Surface, address: str, port: int) -> None:
        family, host = read_address(address)
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            raise LiveError(
                f"the page cannot listen on {address}:{port} ({error.strerror or error}); give an address of "
                "this machine to --bind, and a free port to --ui-port"
            ) from None
        port = int(self._socket.getsockname()[1])
        self._names = names_of(host)
        self.token = "" if self._names else secrets.token_urlsafe(12)
        shown = own_address(host)
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
        self.url += f"?token={self.token}" if self.token else ""
        self._hub = Hub(surface)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(),
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                ws_max_size=MAX_BYTES,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=64,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="latentfx-page", daemon=True)

    @property
    def received(self) -> int:
        """Messages that pages sent."""
        return self._hub.received

    @property
    def refused(self) -> int:
        """Messages of those that were not obeyed."""
        return self._hub.refused

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._hub.close()
        self._server.should_exit = True
        self._thread.join(_CLOSE_S)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):  # the network is gone; the music goes on
            asyncio.run(self._server.serve(sockets=[self._socket]))

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/page/{name}", self._file),
                WebSocketRoute("/socket", self._talk),
            ]
        )

    async def _page(self, request: Request) -> Response:
        if not self._knows(request):
            return PlainTextResponse("open the whole address that latentfx shows, token and all\n", 403)
        return _file("index.html")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES or not self._is_named(request):
            return PlainTextResponse("no such file\n", 404)
        return _file(name)

    async def _talk(self, page: WebSocket) -> None:
        if not self._knows(page) or not self._is_from_here(page):
            await page.close(_FORBIDDEN)
            return
        await page.accept()
        await self._hub.talk(page)

    def _knows(self, connection: HTTPConnection) -> bool:
        """Whether someone may see and play: on this machine, by its name; from elsewhere, with the token."""
        given = connection.query_params.get("token", "")
        return self._is_named(connection) and hmac.compare_digest(given.encode(), self.token.encode())

    def _is_named(self, connection: HTTPConnection) -> bool:
        """Whether it asks for a name that is ours: a page of another site, led here, asks for its own."""
        return not self._names or _host(f"//{connection.headers.get('host', '')}") in self._names

    def _is_from_here(self, page: WebSocket) -> bool:
        """Whether the page that opens a websocket came from this server; programs name no origin."""
        origin = page.headers.get("origin")
        return origin is None or urlsplit(origin).netloc == page.headers.get("host")


def _file(name: str) -> Response:
    return Response(page_file(name), media_type=FILES[name], headers=_HEADERS)


def _host(address: str) -> str:
    with suppress(ValueError):
        return urlsplit(address).hostname or ""
    return ""
