"""The page of `latentfx live --ui`: a small web server in the host's process. It needs the extra `ui`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from latentfx.errors import LiveError

if TYPE_CHECKING:
    from latentfx.realtime.surface import Surface

    from .server import PageServer

PORT: Final = 8765
LOOPBACK: Final = "127.0.0.1"


def open_page(surface: Surface, address: str = LOOPBACK, port: int = PORT) -> PageServer:
    """A server of the page; use it in a `with` block.

    Args:
        surface: what pages show and play.
        address: of this machine, where pages may come from: loopback for this machine alone; any other one
            lets those in who know the token in `url`.
        port: 0 takes one that is free.

    Raises:
        LiveError: the extra is not installed, or an address or a port that cannot be listened on.
    """
    check_extra()
    from .server import PageServer

    return PageServer(surface, address, port)


def check_extra() -> None:
    """Look for what the page needs.

    Raises:
        LiveError: the extra is not installed.
    """
    try:
        from .server import PageServer  # noqa: F401
    except ImportError as error:
        raise LiveError(f"the page needs {error.name}: pip install 'latentfx[ui]'") from None
