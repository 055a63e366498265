"""Where the boxes of a patch lie, by what a letter and a slider take on the screen."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import combinations

Place = tuple[float, float, float, float]
LETTER, LINE, BORDER = 7, 16, 5


@dataclass
class Laid:
    """One canvas of Pure Data: boxes by number and text, and the cords between them by these names."""

    places: dict[str, Place] = field(default_factory=dict)
    cords: list[tuple[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def overlaps(places: dict[str, Place]) -> list[tuple[str, str]]:
    """Pairs of boxes that lie on each other."""
    return [
        (first, second)
        for (first, (x, y, w, h)), (second, (u, v, p, q)) in combinations(places.items(), 2)
        if x < u + p and u < x + w and y < v + q and v < y + h
    ]


def max_places(text: str, view: str) -> dict[str, Place]:
    """Places of all boxes but grounds in a patcher of Max, and no text wider than its box."""
    found: dict[str, Place] = {}
    for entry in json.loads(text)["patcher"]["boxes"]:
        box = entry["box"]
        if view in box and box["maxclass"] != "panel":
            x, y, width, height = box[view]
            needed = 5.5 * len(box.get("text", ""))
            found[f"{box['id']} {box.get('text', box['maxclass'])}"] = x, y, max(width, needed), height
    return found


def canvases(text: str) -> list[Laid]:
    """Every canvas of a patch, the outermost last."""
    done: list[Laid] = []
    stack: list[Laid] = []
    for line in re.findall(r"#.*?(?<!\\);", text, re.DOTALL):
        words = line[:-1].split()
        if words[0] == "#N":
            stack.append(Laid())
        elif words[1] == "connect":
            stack[-1].cords.append((stack[-1].names[int(words[2])], stack[-1].names[int(words[4])]))
        else:
            if words[1] == "restore":
                done.append(stack.pop())
            _place(stack[-1], words)
    return [*done, *stack]


def _place(canvas: Laid, words: list[str]) -> None:
    kind, x, y, rest = words[1], int(words[2]), int(words[3]), words[4:]
    name = f"{len(canvas.names)} {' '.join(rest)[:40]}"
    canvas.names.append(name)
    if rest[0] != "cnv":
        canvas.places[name] = (x, y, *_size(kind, rest))


def _size(kind: str, rest: list[str]) -> tuple[int, int]:
    if kind == "floatatom":
        return LETTER * int(rest[0]) + BORDER, LINE + BORDER
    if rest[0] in ("tgl", "bng"):
        return int(rest[1]), int(rest[1])
    if rest[0] == "hsl":
        return int(rest[1]) + BORDER, int(rest[2])
    columns = int(rest[-1]) if kind == "text" else 60
    words = rest[:-2] if kind == "text" else rest
    lines = _wrapped(" ".join(words).rstrip(",").replace(" \\,", ",").replace("\\$", "$"), columns)
    border = 0 if kind == "text" else BORDER
    return LETTER * max(map(len, lines)) + border, LINE * len(lines) + border


def _wrapped(text: str, columns: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > columns:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
