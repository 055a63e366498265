"""OSCQuery: JSON over HTTP that lists every OSC address, so that programs find them by themselves."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import unquote, urlsplit

Tree = dict[str, Any]

_ATTRIBUTES: Final = (
    *("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "RANGE", "VALUE", "DESCRIPTION", "DEFAULT_VALUE"),
    *("CLIPMODE", "UNIT"),
)
_PATIENCE_S: Final = 5.0


class OscQuery:
    """Answers on a TCP port, until it is closed.

    Args:
        address: where it listens.
        describe: makes the tree of addresses as it is now.
        name: of this program, for people.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, address: tuple[str, int], describe: Callable[[], Tree], name: str) -> None:
        about = {
            "NAME": name,
            "OSC_PORT": address[1],
            "OSC_TRANSPORT": "UDP",
            "EXTENSIONS": {kind: True for kind in _ATTRIBUTES if kind not in ("FULL_PATH", "CONTENTS")},
        }

        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE_S

            def do_GET(self) -> None:
                status, answer = _answer(self.path, describe, about)
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing: the terminal shows the stream."""

        self._server = _Server(address, Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="latentfx-oscquery", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that goes in the middle of an answer is nobody's trouble."""


def _answer(target: str, describe: Callable[[], Tree], about: Tree) -> tuple[int, Tree | None]:
    """The status of HTTP, and the JSON."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return 400, None
    if parts.query == "HOST_INFO":
        return 200, about
    node: Tree | None = describe()
    for name in filter(None, unquote(parts.path).split("/")):
        node = None if node is None else node.get("CONTENTS", {}).get(name)
    if node is None:
        return 404, None
    if not parts.query:
        return 200, node
    if parts.query not in _ATTRIBUTES:
        return 400, None
    return (200, {parts.query: node[parts.query]}) if parts.query in node else (204, None)
