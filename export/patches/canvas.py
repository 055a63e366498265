"""A canvas of Pure Data, written as the text of a patch."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

CHARACTER = 7
"""Width of a letter in a box, in pixels, at the font size of these canvases."""
LINE = 16
_FONT_SIZE = 12
_INK, _PAPER, _WARNING = -1, -262144, -258049
_LABEL = "0 10"


@dataclass
class Canvas:
    """Boxes in order, and the cords between them.

    Args:
        width: pixels.
        height: pixels.
    """

    width: int
    height: int
    _boxes: list[str] = field(default_factory=list)
    _cords: list[str] = field(default_factory=list)

    def obj(self, x: int, y: int, text: str) -> int:
        """Add an object; returns its number."""
        return self._add(f"#X obj {x} {y} {text};")

    def msg(self, x: int, y: int, text: str) -> int:
        """Add a message box; returns its number."""
        return self._add(f"#X msg {x} {y} {text};")

    def text(self, x: int, y: int, text: str, columns: int = 0) -> int:
        """Add a comment, of that many letters a line, or of one line; returns its lines."""
        text = text.replace(";", ",")  # Pure Data breaks a line at every semicolon
        lines = textwrap.wrap(text, columns) if columns else [text]
        said = " ".join(lines).replace(",", " \\,").replace("$", "\\$")
        self._add(f"#X text {x} {y} {said}, f {max(map(len, lines)) + 2};")
        return len(lines)

    def ground(self, receive: str = "empty") -> Callable[[int, int, int, int, int], None]:
        """Keep a place for a coloured area behind what is added later.

        Returns:
            A function that draws it, once its x, y, width, height and colour are known.
        """
        number = self._add("")

        def draw(x: int, y: int, width: int, height: int, colour: int) -> None:
            shape = (
                f"cnv 10 {width} {height} empty {receive} empty {width - 400} 70 0 14 {colour} {_WARNING} 0"
            )
            self._boxes[number] = f"#X obj {x} {y} {shape};"

        return draw

    def slider(self, x: int, y: int, name: str, low: float, high: float, log: bool = False) -> int:
        """Add a slider that sends to `NAME` and hears `NAME-set`."""
        ends = f"{low:g} {high:g} {int(log)} 0 {local(name)} {local(name + '-set')}"
        return self.obj(x, y, f"hsl 128 16 {ends} empty -2 -8 {_LABEL} {_PAPER} {_INK} {_INK} 0 1")

    def number(self, x: int, y: int, name: str) -> int:
        """Add a number that hears `NAME-show` and sends what is typed to `NAME-set`."""
        places = f"0 0 0 - {local(name + '-show')} {local(name + '-set')} {_FONT_SIZE}"
        return self._add(f"#X floatatom {x} {y} 7 {places};")

    def toggle(self, x: int, y: int, name: str) -> int:
        """Add a toggle that sends 0 or 1 to `NAME`."""
        return self.obj(x, y, f"tgl 18 0 {local(name)} empty empty 22 9 {_LABEL} {_PAPER} {_INK} {_INK} 0 1")

    def button(self, x: int, y: int, name: str) -> int:
        """Add a button that sends a bang to `NAME`."""
        return self.obj(
            x, y, f"bng 18 200 50 0 {local(name)} empty empty 22 9 {_LABEL} {_PAPER} {_INK} {_INK}"
        )

    def sub(self, x: int, y: int, name: str, inner: Canvas) -> int:
        """Add a subpatch; returns its number."""
        head = f"#N canvas 100 100 {inner.width} {inner.height} {name} 0;"
        body = "\n".join([head, *inner._boxes, *inner._cords, f"#X restore {x} {y} pd {name};"])
        return self._add(body)

    def chain(self, x: int, y: int, *boxes: str) -> tuple[int, ...]:
        """Add objects, or messages that begin with `msg `, one below the other, joined first to first."""
        numbers: list[int] = []
        for row, box in enumerate(boxes):
            text = box.removeprefix("msg ")
            add = self.obj if text == box else self.msg
            numbers.append(add(x, y + 30 * row, text))
        for source, target in itertools.pairwise(numbers):
            self.connect(source, 0, target, 0)
        return tuple(numbers)

    def connect(self, source: int, outlet: int, target: int, inlet: int) -> None:
        """Draw a cord."""
        self._cords.append(f"#X connect {source} {outlet} {target} {inlet};")

    def __str__(self) -> str:
        head = f"#N canvas 40 40 {self.width} {self.height} {_FONT_SIZE};"
        return "\n".join([head, *self._boxes, *self._cords, ""])

    def _add(self, text: str) -> int:
        self._boxes.append(text)
        return len(self._boxes) - 1


def local(name: str) -> str:
    """A name to send to, of this one patch."""
    return f"\\$0-{name}"
