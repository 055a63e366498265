"""Addresses of this machine that a page may be reached at."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from latentfx.errors import LiveError

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def read_address(text: str) -> tuple[socket.AddressFamily, str]:
    """The family and the number of an address, or of a name of this machine.

    Raises:
        LiveError: neither.
    """
    try:
        found = socket.getaddrinfo(text.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise LiveError(
            f"the page cannot listen on {text!r}: this is no address; give one of this machine, such as "
            "192.168.1.20, or 0.0.0.0 for all of them"
        ) from None
    family, _, _, _, address = found[0]
    return family, str(address[0])


def names_of(host: str) -> frozenset[str]:
    """What browsers may call a loopback address; nothing for any other one, where a token counts instead."""
    return _LOCAL | {host} if ip_address(host).is_loopback else frozenset()


def own_address(host: str) -> str:
    """An address that others can open: where all are listened on, the one that leads out of this machine."""
    if not ip_address(host).is_unspecified:
        return host
    family, outside = (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # sends nothing: it only asks for the way
        try:
            probe.connect((outside, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "::1" if ":" in host else "127.0.0.1"
