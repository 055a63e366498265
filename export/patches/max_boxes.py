"""A patcher of Max, written as JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

from latentfx.control import Control

_UNIT_STYLES = {"dB": 4, "ms": 2, "Hz": 3, "st": 7}
_FLOAT, _INT = 0, 1
_BUTTON_INK = [0.2, 0.2, 0.2, 1.0]

Place = tuple[float, float, float, float]


class Patcher:
    """Boxes by number, and cords between them. A place is x, y, width, height."""

    def __init__(self) -> None:
        self._boxes: list[dict[str, Any]] = []
        self._cords: list[dict[str, Any]] = []

    def add(
        self,
        maxclass: str,
        place: Place,
        ports: tuple[int, list[str]],
        shown: Place | None = None,
        **more: Any,
    ) -> str:
        """Add a box; returns its id.

        Args:
            maxclass: `newobj`, `message`, `comment`, or the name of a user interface object.
            place: where it lies in the patch.
            ports: number of inlets, and the type of each outlet.
            shown: where it lies in the presentation, which is what a player sees.
            more: anything else of the box.
        """
        name = f"obj-{len(self._boxes) + 1}"
        inlets, outlets = ports
        box = {"id": name, "maxclass": maxclass, "numinlets": inlets, "numoutlets": len(outlets)}
        box |= {"patching_rect": list(map(float, place)), **more}
        if shown is not None:
            box |= {"presentation": 1, "presentation_rect": list(map(float, shown))}
        if outlets:
            box["outlettype"] = outlets
        self._boxes.append({"box": box})
        return name

    def obj(self, x: float, y: float, text: str, inlets: int = 1, *outlets: str) -> str:
        """Add an object that a player does not see."""
        return self.add("newobj", (x, y, max(40, 7 * len(text) + 10), 22), (inlets, list(outlets)), text=text)

    def msg(self, x: float, y: float, text: str) -> str:
        """Add a message that a player does not see."""
        return self.add("message", (x, y, 7 * len(text) + 10, 22), (2, [""]), text=text)

    def say(self, place: Place, text: str, shown: Place | None = None, **more: Any) -> str:
        """Add a line for people."""
        return self.add("comment", place, (1, []), shown, text=text, **more)

    def toggle(self, x: float, y: float, shown: tuple[float, float]) -> str:
        """Add a switch."""
        return self.add("toggle", (x, y, 24, 24), (1, ["int"]), (*shown, 20, 20), parameter_enable=0)

    def button(self, x: float, y: float, label: str, shown: Place) -> str:
        """Add a button with its label."""
        more = {"text": label, "fontsize": 11.0, "textcolor": _BUTTON_INK, "parameter_enable": 0}
        return self.add("textbutton", (x, y, 120, 22), (1, ["", "", "int"]), shown, **more)

    def chain(self, *boxes: str) -> None:
        """Draw cords from first outlet to first inlet along some boxes."""
        for source, target in itertools.pairwise(boxes):
            self.connect(source, 0, target, 0)

    def connect(self, source: str, outlet: int, target: str, inlet: int) -> None:
        """Draw a cord."""
        self._cords.append({"patchline": {"source": [source, outlet], "destination": [target, inlet]}})

    def text(self, width: float, height: float, more: Mapping[str, Any] | None = None) -> str:
        """The patcher as JSON."""
        patcher = {
            "fileversion": 1,
            "appversion": {"major": 8, "minor": 3, "revision": 1, "architecture": "x64", "modernui": 1},
            "classnamespace": "box",
            "rect": [60.0, 80.0, float(width), float(height)],
            "openinpresentation": 1,
            "default_fontsize": 12.0,
            "default_fontname": "Arial",
            "boxes": self._boxes,
            "lines": self._cords,
            **(more or {}),
        }
        return json.dumps({"patcher": patcher}, indent=1) + "\n"


def add_dial(patcher: Patcher, control: Control, x: float, y: float, shown: Place, bus: str) -> None:
    """Add a dial with its name, value and unit, and what it sends to nn~: `set NAME value`."""
    integer = control.curve == "integer"
    value = {
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
    dial = patcher.add(
        "live.dial",
        (x, y, 96, 48),
        (1, ["", "float"]),
        shown,
        parameter_enable=1,
        varname=control.name,
        annotation=control.description,
        hint=control.description,
        saved_attribute_attributes={"valueof": value},
    )
    send = patcher.obj(x, y + 56, f"prepend set {control.name}", 1, "")
    patcher.chain(dial, send, patcher.obj(x, y + 84, f"s {bus}"))
