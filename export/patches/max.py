"""A help patch for Max, as JSON."""

from __future__ import annotations

import json
from typing import Any

from latentfx.control import Control

from .panel import Panel

_PER_ROW = 8
_UNIT_STYLES = {"dB": 4, "ms": 2, "Hz": 3, "st": 7}
_FLOAT, _INT = 0, 1


class _Patcher:
    """Boxes by number, and lines between them."""

    def __init__(self) -> None:
        self._boxes: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []

    def add(
        self,
        maxclass: str,
        place: tuple[float, float, float, float],
        ports: tuple[int, list[str]],
        **more: Any,
    ) -> str:
        """Add a box; returns its id.

        Args:
            maxclass: `newobj`, `message`, `comment`, or the name of a user interface object.
            place: x, y, width, height.
            ports: number of inlets, and the type of each outlet.
            more: anything else of the box.
        """
        name = f"obj-{len(self._boxes) + 1}"
        inlets, outlets = ports
        box = {"id": name, "maxclass": maxclass, "numinlets": inlets, "numoutlets": len(outlets)}
        box |= {"patching_rect": list(map(float, place)), **more}
        if outlets:
            box["outlettype"] = outlets
        self._boxes.append({"box": box})
        return name

    def connect(self, source: str, outlet: int, target: str, inlet: int) -> None:
        """Draw a line."""
        self._lines.append({"patchline": {"source": [source, outlet], "destination": [target, inlet]}})

    def __str__(self) -> str:
        patcher = {
            "fileversion": 1,
            "appversion": {"major": 8, "minor": 3, "revision": 1, "architecture": "x64", "modernui": 1},
            "classnamespace": "box",
            "rect": [60.0, 80.0, 900.0, 680.0],
            "default_fontsize": 12.0,
            "default_fontname": "Arial",
            "boxes": self._boxes,
            "lines": self._lines,
        }
        return json.dumps({"patcher": patcher}, indent=1) + "\n"


def max_patch(panel: Panel) -> str:
    """Write the patch: microphone or test tone, nn~, loudspeakers, and a dial for every control.

    The dials send their defaults when the patch opens. The third argument of nn~ is 0: Max's own audio thread
    runs the model, with the smallest delay that nn~ has.
    """
    patcher = _Patcher()
    for row, note in enumerate(panel.notes):
        patcher.add("comment", (20, 15 + 22 * row, 620, 22), (1, []), text=note)
    effect = _chain(patcher, panel)
    for index, control in enumerate(panel.dials):
        _dial(patcher, effect, control, 20 + 105 * (index % _PER_ROW), 420 + 110 * (index // _PER_ROW))
    for index, message in enumerate(panel.messages):
        place = (460.0 + 190 * (index % 2), 120.0 + 28 * (index // 2), 180.0, 22.0)
        button = patcher.add("message", place, (2, [""]), text=message)
        patcher.connect(button, 0, effect, 0)
    return str(patcher)


def _chain(patcher: _Patcher, panel: Panel) -> str:
    """Sound in, nn~ and sound out; returns nn~."""
    spec = panel.spec
    source = patcher.add("ezadc~", (20, 120, 45, 45), (1, ["signal", "signal"]))
    tone = patcher.add("newobj", (150, 120, 70, 22), (2, ["signal"]), text="saw~ 220.")
    toggle = patcher.add("toggle", (100, 120, 24, 24), (1, ["int"]), parameter_enable=0)
    quiet = patcher.add("newobj", (100, 150, 45, 22), (2, ["float"]), text="* 0.2")
    level = patcher.add("newobj", (150, 180, 40, 22), (2, ["signal"]), text="*~")
    patcher.add("comment", (230, 120, 120, 22), (1, []), text="<- a test tone")
    outlets = ["signal"] * spec.out_channels
    effect = patcher.add(
        "newobj",
        (20, 220, 260, 22),
        (spec.in_channels, outlets),
        text=f"nn~ {panel.file} forward 0",
    )
    for channel in range(spec.in_channels):
        patcher.connect(source, channel % 2, effect, channel)
    for sender, port, target, inlet in (
        (toggle, 0, quiet, 0),
        (tone, 0, level, 0),
        (quiet, 0, level, 1),
        (level, 0, effect, 0),
    ):
        patcher.connect(sender, port, target, inlet)
    speakers = patcher.add("ezdac~", (20, 360, 45, 45), (2, []))
    for channel in range(spec.out_channels):
        fader = patcher.add(
            "gain~",
            (20 + 120 * channel, 255, 110, 22),
            (1, ["signal", ""]),
            orientation=1,
            parameter_enable=0,
        )
        patcher.connect(effect, channel, fader, 0)
        for side in (0, 1) if spec.out_channels == 1 else (channel % 2,):
            patcher.connect(fader, 0, speakers, side)
    return effect


def _dial(patcher: _Patcher, effect: str, control: Control, x: float, y: float) -> None:
    """A dial that sends `set NAME value`; it shows the value itself."""
    integer = control.curve == "integer"
    dial = patcher.add(
        "live.dial",
        (x, y, 96, 48),
        (1, ["", "float"]),
        parameter_enable=1,
        varname=control.name,
        annotation=control.description,
        saved_attribute_attributes={
            "valueof": {
                "parameter_longname": control.name,
                "parameter_shortname": control.name,
                "parameter_type": _INT if integer else _FLOAT,
                "parameter_mmin": control.minimum,
                "parameter_mmax": control.maximum,
                "parameter_initial": [control.default],
                "parameter_initial_enable": 1,
                "parameter_exponent": 3.0 if control.curve == "log" else 1.0,
                "parameter_unitstyle": 0 if integer else _UNIT_STYLES.get(control.unit, 1),
            }
        },
    )
    send = patcher.add("newobj", (x, y + 56, 100, 22), (1, [""]), text=f"prepend set {control.name}")
    patcher.connect(dial, 0, send, 0)
    patcher.connect(send, 0, effect, 0)
