"""What a player may change to while a stream plays."""

from __future__ import annotations

from typing import Final

from latentfx.library import plugins

from .devices import list_devices
from .keyed import Keyed
from .stream import LiveStream
from .view import DeviceView

KEYS: Final = "keys"  # in the place of a microphone


class Choices:
    """Devices and plugins to choose from.

    Args:
        stream: what plays.
    """

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream
        self._shipped = plugins()
        self._known: tuple[tuple[str, int], DeviceView] | None = None

    def devices(self) -> DeviceView:
        """The devices, as they were found when the stream began or came back."""
        wire = self._stream.wire
        state = (wire.label, self._stream.host.reconnects)
        if self._known is None or self._known[0] != state:
            found = list_devices()
            keyed = isinstance(wire, Keyed)
            source = KEYS if keyed else wire.source.name
            inputs = (KEYS,) if keyed else tuple(device.name for device in found if device.inputs)
            outputs = tuple(device.name for device in found if device.outputs)
            self._known = state, DeviceView(source, wire.target.name, inputs, outputs)
        return self._known[1]

    def plugins(self) -> list[str]:
        """The plugins that come with latentfx, those of the presets, and the one that plays."""
        host = self._stream.host
        others = (preset.plugin for preset in host.bank.presets)
        return list(dict.fromkeys([*self._shipped, *others, host.source]))
