"""Between pages and the surface: tells what changed, thirty times a second, and obeys what pages ask for."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from latentfx.errors import LatentFXError
from latentfx.realtime.stats import Stats
from latentfx.realtime.surface import Surface

from .protocol import PageAction, encode, meters, news, read, state

FRAME_S: Final = 1 / 30
_STATS_S: Final = 0.5
MOST_PAGES: Final = 16
_A_SECOND: Final = 300
_BURST: Final = 600
_REST_S: Final = 0.002
_TELL_S: Final = 0.25
_FULL: Final = 1013
_BROKEN: Final = 1011
_MOST_WAITING: Final = 8


class Hub:
    """All pages of a stream.

    Args:
        surface: what they show and play.
    """

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._pages = 0
        self._slow = ThreadPoolExecutor(1, "latentfx-page-acts")
        self._waiting: set[asyncio.Future[None]] = set()
        self._stats: Stats | None = None
        self._measured_at = self._framed_at = 0.0
        self._state: dict[str, Any] = {}
        self._meters: dict[str, Any] = {}
        self._ending = False
        self.received = self.refused = 0

    def close(self) -> None:
        """Listen no longer, and end what is still to be done."""
        self._ending = True
        self._slow.shutdown(wait=False, cancel_futures=True)

    async def talk(self, page: WebSocket) -> None:
        """Tell a page, and listen to it, until it goes."""
        if self._pages >= MOST_PAGES:
            await page.close(_FULL)
            return
        self._pages += 1
        self._surface.watch(True)
        known: dict[str, Any] = {}
        teller = asyncio.create_task(self._tell(page, known))
        try:
            await self._listen(page, known)
        finally:
            teller.cancel()
            self._pages -= 1
            self._surface.watch(self._pages > 0)

    async def _tell(self, page: WebSocket, known: dict[str, Any]) -> None:
        """Tell a page, which knows this much, what changed."""
        due = time.monotonic()
        while True:
            try:
                self._look()
            except BaseException:
                await page.close(_BROKEN)  # it comes again, and begins anew
                raise
            message = news(known, self._state)
            known |= self._state
            with suppress(WebSocketDisconnect, RuntimeError, OSError):  # it goes, and `_listen` hears of it
                if message:
                    await page.send_text(encode(message))
                await page.send_text(encode(self._meters))
            due = max(due + FRAME_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def _look(self) -> None:
        """See what there is, once a frame for all pages."""
        now = time.monotonic()
        if now - self._framed_at < FRAME_S / 2:
            return
        self._framed_at = now
        view = self._surface.view(None if now - self._measured_at > _STATS_S else self._stats)
        if view.stats is not self._stats:
            self._measured_at, self._stats = now, view.stats
        self._state = state(view, self._surface.choices.devices(), self._surface.choices.plugins())
        self._meters = meters(self._surface.signal(), view.stats)

    async def _listen(self, page: WebSocket, known: dict[str, Any]) -> None:
        left, at, told = float(_BURST), time.monotonic(), 0.0
        while (message := await page.receive())["type"] != "websocket.disconnect" and not self._ending:
            self.received += 1
            now = time.monotonic()
            left, at = min(left + _A_SECOND * (now - at), _BURST), now
            if left < 1:
                why: str | None = f"more than {_A_SECOND} messages came in a second; send fewer"
                await asyncio.sleep(_REST_S)  # what comes meanwhile waits in the network
            else:
                left -= 1
                why = self._obey(message.get("text") or message.get("bytes") or "", page)
            if why is not None:
                self.refused += 1
                known.pop("values", None)  # it may show what was not done
                if now - told > _TELL_S:
                    told = now
                    await _say(page, why)

    def _obey(self, text: str | bytes, page: WebSocket) -> str | None:
        """Do what a message asks for, or have it done; say what is wrong with it, if anything."""
        try:
            action = read(text)
            if not action.SLOW:
                action.obey(self._surface)
        except LatentFXError as error:
            return str(error)
        if action.SLOW:
            if len(self._waiting) >= _MOST_WAITING:
                return "too much is to be done already; wait a moment"
            task = asyncio.ensure_future(self._act(action, page))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)
        return None

    async def _act(self, action: PageAction, page: WebSocket) -> None:
        """Do what takes its time, and tell the page if it cannot be done."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._slow, action.obey, self._surface)
        except LatentFXError as error:
            self.refused += 1
            await _say(page, str(error))


async def _say(page: WebSocket, why: str) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, OSError):  # it went meanwhile
        await page.send_text(encode({"type": "refused", "why": why}))
