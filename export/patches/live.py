"""A device of Max for Live: the patcher behind the header that Live looks for."""

from __future__ import annotations

import struct

from .max import add_button, add_rate_warning
from .max_boxes import Patcher, add_dial
from .panel import Panel

_BUS = "---nn"  # Live makes of --- a name of this one device
_HEIGHT, _ROWS, _BUTTON_ROWS = 169, 2, 5
_DIAL_WIDTH, _DIAL_HEIGHT, _TOP = 100, 56, 46
_AUDIO_EFFECT = b"aaaa"
_TYPE = int.from_bytes(_AUDIO_EFFECT, "big")


def live_device(panel: Panel) -> bytes:
    """Write the device: Live's track through nn~, with every control as a parameter of Live.

    One channel in hears the mean of left and right. Of two channels with a side-chain, left is the main input
    and right the side-chain.
    """
    patcher = Patcher()
    _chain(patcher, panel)
    patcher.say((20, 20, 300, 20), panel.spec.name, (8, 4, 300, 20), fontface=1)
    add_rate_warning(patcher, panel, (20, 460), (8, 24, 420, 20))
    right = _dials(patcher, panel)
    right = _buttons(patcher, panel, right)
    more = {
        "devicewidth": float(right),
        "openrect": [0.0, 0.0, float(right), float(_HEIGHT)],
        "description": panel.spec.description,
        "project": {"version": 1, "amxdtype": _TYPE},
    }
    return amxd(patcher.text(right, _HEIGHT, more))


def amxd(text: str) -> bytes:
    """Put the header of an audio effect before the JSON of a patcher."""
    data = text.encode() + b"\0"
    chunks = ((b"ampf", _AUDIO_EFFECT), (b"meta", struct.pack("<I", 1)), (b"ptch", data))
    return b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)


def _chain(patcher: Patcher, panel: Panel) -> None:
    """Live's track, nn~, and back to the track."""
    spec = panel.spec
    source = patcher.obj(160, 60, "plugin~", 2, "signal", "signal")
    text = f"nn~ {panel.file} forward 0"
    effect = patcher.obj(20, 240, text, spec.in_channels, *["signal"] * spec.out_channels)
    patcher.chain(patcher.obj(20, 60, f"r {_BUS}", 0, ""), effect)
    target = patcher.obj(20, 300, "plugout~", 2, "signal", "signal")
    if spec.in_channels == 1:
        total = patcher.obj(160, 120, "+~", 2, "signal")
        mean = patcher.obj(160, 180, "*~ 0.5", 2, "signal")
        for side in (0, 1):
            patcher.connect(source, side, total, side)
        patcher.chain(total, mean, effect)
    else:
        for channel in range(spec.in_channels):
            patcher.connect(source, channel % 2, effect, channel)
    for side in (0, 1):
        patcher.connect(effect, side % spec.out_channels, target, side)


def _dials(patcher: Patcher, panel: Panel) -> int:
    """Dials in two rows, filled column by column; returns where they end."""
    for index, control in enumerate(panel.dials):
        column, row = index // _ROWS, index % _ROWS
        shown = (8 + _DIAL_WIDTH * column, _TOP + _DIAL_HEIGHT * row, _DIAL_WIDTH - 6, 48)
        add_dial(patcher, control, 20 + 210 * column, 700 + 130 * row, shown, _BUS)
    return max(440, 8 + _DIAL_WIDTH * -(-len(panel.dials) // _ROWS))


def _buttons(patcher: Patcher, panel: Panel, left: int) -> int:
    """Buttons in columns of five; returns where they end."""
    buttons = [button for group in panel.buttons.values() for button in group]
    for first in range(0, len(buttons), _BUTTON_ROWS):
        column = buttons[first : first + _BUTTON_ROWS]
        width = 14 + 6 * max(len(button.label) for button in column)
        for row, button in enumerate(column):
            shown = (left, _TOP + 24 * row, width, 20)
            add_button(patcher, button, (20 + 260 * row, 1000 + 22 * first), shown, _BUS)
        left += width + 6
    return left
