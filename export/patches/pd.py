"""A help patch for Pure Data, as text."""

from __future__ import annotations

from dataclasses import dataclass

from .canvas import CHARACTER, LINE, Canvas
from .panel import Panel
from .pd_inside import actions, dials, rate, sound_in, sound_out

_PINK, _BLUE, _GREEN, _SAND, _GREY = -257398, -220799, -220982, -257914, -237178
_LEFT, _FLOW_X, _TOP, _FLOW = 20, 120, 110, 370
_ABOUT_COLUMNS = 38
_ROWS = 20
_WIDE = 13


def pd_patch(panel: Panel) -> str:
    """Write the patch: sound in, nn~ and sound out from top to bottom; dials in rows beside them.

    The sound is off and the volume is low when the patch opens. The dials send their defaults. `bufsize 0`
    runs the model in Pure Data's own thread, with the smallest delay that nn~ has.
    """
    columns = _columns(panel)
    canvas = Canvas(columns.right + 20, 0)
    _head(canvas, panel, columns.right)
    bottom = _buttons(canvas, panel, _flow(canvas, panel))
    canvas.height = max(bottom, _dials(canvas, panel, columns)) + 20
    return str(canvas)


@dataclass(frozen=True)
class _Columns:
    """Where the parts of a dial's row begin, and how wide it is."""

    name: int
    slider: int
    number: int
    unit: int
    about: int
    width: int
    right: int


def _columns(panel: Panel) -> _Columns:
    longest = max((len(control.name) for control in panel.dials), default=4)
    name = _LEFT + _FLOW + 10
    slider = name + CHARACTER * (longest + 2)
    number, unit, about = slider + 140, slider + 205, slider + 235
    width = about + CHARACTER * (_ABOUT_COLUMNS + 1) - name + 20
    count = max(1, -(-len(panel.dials) // _ROWS))
    return _Columns(name, slider, number, unit, about, width, name + count * width)


def _head(canvas: Canvas, panel: Panel, right: int) -> None:
    ground = canvas.ground("\\$0-rate")
    for row, note in enumerate(panel.notes):
        canvas.text(_LEFT, 16 + 20 * row, note)
    canvas.sub(right - 60, 16, "rate", rate(panel))
    ground(_LEFT - 10, 10, right - _LEFT + 10, 88, _GREY)


def _flow(canvas: Canvas, panel: Panel) -> int:
    """Sound in, nn~, sound out; returns where they end."""
    spec = panel.spec
    grounds = [canvas.ground() for _ in range(3)]
    y = _TOP
    canvas.text(_LEFT, y + 6, "1  SOUND IN")
    for index, name in enumerate(panel.inputs):
        _input(canvas, name, index, y + 34 + 30 * index)
    height = 34 + 30 * len(panel.inputs) + 34
    source = canvas.sub(_FLOW_X, y + height - 32, "sound-in", sound_in(len(panel.inputs)))
    grounds[0](_LEFT - 10, y, _FLOW, height, _BLUE)

    y += height + 10
    message = canvas.obj(_LEFT, y + 28, "r \\$0-nn")
    effect = canvas.obj(_FLOW_X, y + 56, f"nn~ {panel.file} forward")
    canvas.text(_LEFT, y + 6, "2  THE MODEL")
    grounds[1](_LEFT - 10, y, _FLOW, 88, _PINK)

    y += 98
    speakers = canvas.sub(_FLOW_X, y + 10, "sound-out", sound_out(spec.out_channels))
    canvas.text(_LEFT, y + 10, "3  SOUND OUT")
    canvas.toggle(_LEFT, y + 44, "dsp")
    canvas.text(_LEFT + 24, y + 44, "sound on")
    canvas.text(_LEFT, y + 72, "volume")
    canvas.slider(_LEFT + 60, y + 73, "volume", -60, 6)
    canvas.number(_LEFT + 200, y + 71, "volume")
    canvas.text(_LEFT + 265, y + 72, "dB")
    grounds[2](_LEFT - 10, y, _FLOW, 102, _GREEN)

    for channel in range(spec.in_channels):
        canvas.connect(source, channel, effect, channel)
    for channel in range(spec.out_channels):
        canvas.connect(effect, channel, speakers, channel)
    canvas.connect(message, 0, effect, 0)
    return y + 112


def _input(canvas: Canvas, name: str, index: int, y: int) -> None:
    """One input: its name, the microphone, the test tone, and a file."""
    canvas.text(_LEFT, y, name)
    for x, label, kind in (
        (100, "mic", canvas.toggle),
        (160, "tone", canvas.toggle),
        (230, "file..", canvas.button),
        (300, "play", canvas.toggle),
    ):
        kind(_LEFT + x, y, f"{label.strip('.')}-{index}")
        canvas.text(_LEFT + x + 20, y, label)


def _buttons(canvas: Canvas, panel: Panel, top: int) -> int:
    """What can be clicked, in groups; returns where they end."""
    ground, y, number = canvas.ground(), top + 6, 0
    canvas.sub(_LEFT + 270, y, "messages", actions(panel))
    for heading, buttons in panel.buttons.items():
        canvas.text(_LEFT, y, heading.upper())
        across = 1 if max(len(button.label) for button in buttons) > _WIDE else 3
        for index, button in enumerate(buttons):
            place = _LEFT + 118 * (index % across), y + 26 + 26 * (index // across)
            canvas.button(*place, f"button-{number}")
            canvas.text(place[0] + 22, place[1], button.label)
            number += 1
        y += 30 + 26 * -(-len(buttons) // across)
    canvas.toggle(_LEFT, y - 4, "pause")
    canvas.text(_LEFT + 22, y - 4, "pause the model: silence, no load")
    ground(_LEFT - 10, top, _FLOW, y + 26 - top, _SAND)
    return y + 26


def _dials(canvas: Canvas, panel: Panel, columns: _Columns) -> int:
    """One row a control: name, slider, value, unit, and what it does; returns where they end."""
    ground, lowest = canvas.ground(), _TOP
    canvas.text(columns.name, _TOP + 6, "CONTROLS")
    canvas.sub(columns.slider, _TOP + 4, "controls", dials(panel.dials))
    for first in range(0, len(panel.dials), _ROWS):
        shift, y = columns.width * (first // _ROWS), _TOP + 36
        for control in panel.dials[first : first + _ROWS]:
            canvas.text(columns.name + shift, y, control.name)
            ends = control.minimum, control.maximum, control.curve == "log"
            canvas.slider(columns.slider + shift, y + 1, control.name, *ends)
            canvas.number(columns.number + shift, y - 1, control.name)
            if control.unit:
                canvas.text(columns.unit + shift, y, control.unit)
            about = control.description or control.allowed
            y += max(26, 10 + LINE * canvas.text(columns.about + shift, y, about, _ABOUT_COLUMNS))
        lowest = max(lowest, y)
    ground(columns.name - 10, _TOP, columns.right - columns.name + 10, lowest + 4 - _TOP, _SAND)
    return lowest + 4
