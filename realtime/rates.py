"""Which rates sound devices accept."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from .devices import Device, forget_portaudio, sound
from .quiet import quiet

RATES: Final = (44_100, 48_000, 88_200, 96_000, 192_000)
_PATIENCE_S: Final = 2.0
_UNAVAILABLE: Final = -9985


def accepted_rates(devices: Sequence[Device], patience_s: float = _PATIENCE_S) -> list[list[int] | None]:
    """For each device the rates of 44.1, 48, 88.2, 96 and 192 kHz that it accepts, for all that it does.

    None where that is unknown: another program holds the device, or it does not answer. Then those after it
    are unknown too, because a second question would wait for the first.

    Args:
        devices: as they are listed.
        patience_s: time for all of them.
    """
    sd = sound()
    found: list[list[int] | None] = [None] * len(devices)

    def ask() -> None:
        for place, device in enumerate(devices):
            found[place] = _ask(sd, device)

    asking = threading.Thread(target=ask, name="latentfx-rates", daemon=True)
    with quiet():
        asking.start()
        asking.join(patience_s)
    if asking.is_alive():
        forget_portaudio()
    return list(found)


def _ask(sd: Any, device: Device) -> list[int] | None:
    checks = [
        (check, min(2, channels))
        for check, channels in (
            (sd.check_input_settings, device.inputs),
            (sd.check_output_settings, device.outputs),
        )
        if channels
    ]
    accepted = []
    for rate in RATES:
        try:
            for check, channels in checks:
                check(device.index, channels, "float32", samplerate=rate)
        except sd.PortAudioError as error:
            if _UNAVAILABLE in error.args:
                return None
        else:
            accepted.append(rate)
    return accepted
