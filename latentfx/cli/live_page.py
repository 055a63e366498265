"""The page of `latentfx live --ui`, and the verb `latentfx ui`."""

from __future__ import annotations

import inspect
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from latentfx.cli.note import say_note
from latentfx.errors import LiveError

if TYPE_CHECKING:
    from latentfx.realtime.surface import Surface

PORT: Final = 8765
LOOPBACK: Final = "127.0.0.1"

PageOption = Annotated[
    bool,
    typer.Option(
        "--ui",
        help="Show a page for browsers: ring, map of timbres, knobs, meters, presets. It is for this machine "
        "alone, unless --bind ADDRESS names another address of it, such as 0.0.0.0 for all: then the address "
        "that is shown carries a token, and a QR code.",
    ),
]
PortOption = Annotated[int, typer.Option(min=0, max=65_535, help="Port of the page; 0 takes a free one.")]
OpenOption = Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")]


def split_bind(texts: Iterable[str], page: bool) -> tuple[list[str], str | None]:
    """What MIDI turns, and the address of the page: `--bind` takes both.

    Args:
        texts: the values of `--bind`. One without `=` is an address.
        page: whether there is a page.

    Returns:
        The bindings, and the address; None without a page.

    Raises:
        LiveError: an address without a page, or two of them.

    >>> split_bind(["cc:1=mix", "0.0.0.0"], True)
    (['cc:1=mix'], '0.0.0.0')
    """
    bindings = [text for text in texts if not _is_address(text)]
    addresses = [text for text in texts if _is_address(text)]
    if addresses and not page:
        raise LiveError(f"--bind {addresses[0]} is an address of the page; give --ui with it")
    if len(addresses) > 1:
        raise LiveError(
            f"--bind names {' and '.join(addresses)}; the page has one address, 0.0.0.0 means all"
        )
    return bindings, (addresses or [LOOPBACK])[0] if page else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return text == "localhost"
    return True


@contextmanager
def show_page(surface: Surface, address: str | None, port: int, browser: bool) -> Iterator[None]:
    """Serve the page, where there is one, and say where; say at the end what could not be obeyed.

    Raises:
        LiveError: the extra is missing, or the address or the port cannot be listened on.
    """
    if address is None:
        yield
        return
    from latentfx.realtime.ui import open_page

    with open_page(surface, address, port) as page:
        typer.echo(f"page: {page.url}", err=True)
        if page.token:
            _draw_code(page.url)
        if browser:
            webbrowser.open(page.url)
        yield
    if page.refused:
        say_note(f"{page.refused} of {page.received} messages of pages could not be obeyed")


def _draw_code(url: str) -> None:
    """Show an address for the camera of a telephone."""
    import sys

    import segno

    segno.make(url, error="m", micro=False).terminal(sys.stderr, compact=True)


def with_page(live: Callable[..., None]) -> Callable[..., None]:
    """The verb `ui`: `live`, with the page, which the browser opens."""

    @wraps(live)
    def ui(**given: Any) -> None:
        live(**given, ui=True)

    known = inspect.signature(live).parameters.values()
    kept = [
        one.replace(default=True) if one.name == "open_browser" else one for one in known if one.name != "ui"
    ]
    ui.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]  # typer reads it
    ui.__annotations__ = {one.name: one.annotation for one in kept}
    ui.__name__ = "ui"
    ui.__doc__ = """Play a plugin from a page in the browser: `live` with `--ui --open`, and all its options.

    For example:

      latentfx ui

      latentfx ui --timbre cello --bind 0.0.0.0
    """
    return ui
