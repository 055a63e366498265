"""Which rates sound devices accept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .devices import Device

RATES: Final = (44_100, 48_000, 88_200, 96_000, 192_000)
_PROGRAM: Final = Path(__file__).with_name("ask_rates.py")
_PATIENCE_S: Final = 5.0


def accepted_rates(
    devices: Sequence[Device], patience_s: float | None = _PATIENCE_S
) -> list[list[int] | None]:
    """For each device the rates of 44.1, 48, 88.2, 96 and 192 kHz that it accepts, for all that it does.

    None where that is unknown: another program holds the device, or it does not answer; then those after it
    are unknown too. Another process asks, so that neither that nor what sound libraries print is noticed.

    Args:
        devices: as they are listed.
        patience_s: time for all of them; None waits for ever.
    """
    if not devices:
        return []
    asked = json.dumps([(device.index, device.inputs, device.outputs) for device in devices])
    process = subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM), asked, *map(str, RATES)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    *lines, _ = said.split("\n")  # the last is empty, or not whole
    found: list[list[int] | None] = [json.loads(line) for line in lines]
    return found + [None] * (len(devices) - len(found))
