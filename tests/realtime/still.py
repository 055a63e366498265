"""A stream without devices, for those who look at it and turn its knobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from playing import in_callback

import latentfx
from latentfx.realtime.surface import Surface
from latentfx.realtime.view import DeviceView


@contextmanager
def still(plugin: str | Path | latentfx.LatentPlugin, **more: Any) -> Iterator[Surface]:
    """The surface of a plugin that plays when `surface._host.process` is called."""
    loaded = plugin if isinstance(plugin, latentfx.LatentPlugin) else latentfx.load(plugin)
    with in_callback(loaded, block=loaded.spec.block_size, source=loaded.name, **more) as host:
        wire = SimpleNamespace(label="horn to room")
        stream: Any = SimpleNamespace(
            host=host, wire=wire, waiting=False, recorder=None, recording=False, midi=("keys",)
        )
        surface = Surface(stream)
        shown = DeviceView("horn", "room", ("horn", "other horn"), ("room",))
        surface.choices.devices = lambda: shown  # type: ignore[method-assign]  # there are none
        yield surface
