"""Draw the rooms of latentfx as boxes on floors, with an arrow from each room to those that it imports.

    python examples/house.py examples/pictures/house.svg

Everything is read from the source. Rooms are folders, and groups of files of the top folder. A room stands
one floor above the highest room that it imports. The number at an arrow counts the import statements. An
arrow is left out when other arrows lead to the same room. Needs the extra `plot`.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from types import ModuleType

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).resolve().parents[1]
MAPPED = ("export", "realtime", "presets")
# Files of the top folder that stand in one box.
TOGETHER = {
    "common words": ("control", "errors", "files", "names", "spec"),
    "contract": ("plugin", "stages"),
    "effect, testing": ("effect", "testing"),
    "recordings, chains": (
        "binding", "board", "library", "offline", "preset"
    ),
}  # fmt: skip
PURPOSE = {
    "import latentfx": "what a program sees",
    "cli": "the command, a file a verb",
    "export": "plugin files, and their checks",
    "realtime": "live sound and MIDI",
    "presets": "shipped plugins, recipes, settings",
    "batch": "many recordings, here or on a cluster",
    "host": "a plugin file, loaded and run",
    "sound": "sound files, levels, plots",
    "training": "models made from recipes",
    "effect, testing": "a model as a plugin, and its check",
    "methods": "a folder a paper",
    "operators": "swap, rotate, mix",
    "page": "ring, map and knobs in a browser",
    "dsp": "streaming signal processing",
}
Point = tuple[float, float]
LIGHT, LAB = "#dbe9f6", "#fde3cf"
WIDTH, HEIGHT, FLOOR, STEP = 2.8, 1.1, 1.75, 3.2
LEGEND = (
    "blue: plays a plugin, without torch",
    "orange: the lab, with torch",
    "arrow: imports, as many statements as it says;",
    "left out where other arrows lead to the same room",
)


@dataclass(frozen=True)
class Room:
    """A box of the picture.

    Args:
        name: as it is drawn.
        inside: folders in the room, or files that stand together in it.
        files: number of Python files.
        lab: whether it needs torch.
        imports: name of another room -> number of import statements.
    """

    name: str
    inside: tuple[str, ...]
    files: int
    lab: bool
    imports: Mapping[str, int]


def main() -> None:
    """Draw the house."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path, help="where to draw it: .svg or .png")
    picture = parser.parse_args().picture
    rooms = read_rooms(ROOT)
    draw(rooms, picture)
    print(f"{picture}: {len(rooms)} rooms, {sum(sum(room.imports.values()) for room in rooms)} imports")


def read_rooms(root: Path) -> list[Room]:
    """Read the rooms of a checkout from its source."""
    reader = _import_graph()
    folders = {"latentfx": root / "latentfx"} | {f"latentfx.{name}": root / name for name in MAPPED}
    modules = reader.read_package(folders)
    members: dict[str, list[str]] = {}
    for name in modules:
        members.setdefault(room_of(name), []).append(name)
    found = []
    for name, names in members.items():
        targets = [
            room_of(target)
            for module in names
            for item in modules[module].imports
            if (target := reader.resolve(item.module, modules)) is not None
        ]
        lab = any(
            item.module.split(".")[0] == "torch" and item.when == "load"
            for each in names
            for item in modules[each].imports
        )
        imports = Counter(target for target in targets if target not in (name, "import latentfx"))
        found.append(Room(name, tuple(_inside(name, names, modules)), len(names), lab, imports))
    return found


def room_of(module: str) -> str:
    """Name of the box that a module of latentfx stands in."""
    part = (module.split(".") + [""])[1]
    for box, parts in TOGETHER.items():
        if part in parts:
            return box
    return part or "import latentfx"


def floors(rooms: Sequence[Room]) -> dict[str, int]:
    """Height of every room: one above the highest that it imports; rooms that import each other are level.

    A room that neither imports nor is imported, such as the shipped files, stands just below the top.
    """
    by_name = {room.name: room for room in rooms}
    reach = {room.name: _reached(room.name, by_name) for room in rooms}
    below = {
        name: {other for other in reached if name not in reach[other]} for name, reached in reach.items()
    }
    heights: dict[str, int] = {}
    for name in sorted(below, key=lambda name: len(below[name])):
        level = [name, *(other for other in reach[name] if name in reach[other])]
        lower = set().union(*(below[other] for other in level))
        heights[name] = 1 + max((heights[other] for other in lower), default=-1)
    alone = [name for name, room in by_name.items() if not room.imports and not _users(name, rooms)]
    return heights | dict.fromkeys(alone, max(heights.values()) - 1)


def draw(rooms: Sequence[Room], picture: Path) -> None:
    """Draw the rooms into a file."""
    rcParams["svg.hashsalt"] = "latentfx"
    heights = floors(rooms)
    places = _places(rooms, heights)
    figure = Figure(figsize=(12.5, 1.55 * (max(heights.values()) + 1)), dpi=110)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    for room in rooms:
        for target, count in direct(room, rooms).items():
            _arrow(axes, places[room.name], places[target], count)
    for room in rooms:
        _box(axes, room, *places[room.name])
    xs, ys = zip(*places.values(), strict=True)
    axes.set_xlim(min(xs) - WIDTH * 0.6, max(xs) + WIDTH * 0.6)
    axes.set_ylim(min(ys) - HEIGHT * 0.75, max(ys) + HEIGHT * 0.75)
    axes.axis("off")
    axes.text(min(xs) - WIDTH / 2, min(ys), "\n".join(LEGEND), fontsize=8, va="center", linespacing=1.6)
    figure.savefig(picture, metadata={"Date": None} if picture.suffix == ".svg" else None)


def direct(room: Room, rooms: Sequence[Room]) -> dict[str, int]:
    """Imports of a room to which no other of its imports leads."""
    by_name = {each.name: each for each in rooms}
    reach = {name: _reached(name, by_name) for name in room.imports}
    led_to = {
        target
        for target in room.imports
        for other in room.imports
        if target in reach[other] and other not in reach[target] and room.name not in reach[other]
    }
    return {target: count for target, count in room.imports.items() if target not in led_to}


def _import_graph() -> ModuleType:
    """The reader of imports that the tests use."""
    path = ROOT / "tests" / "project" / "import_graph.py"
    spec = importlib.util.spec_from_file_location("import_graph", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not there; run this from a clone of the repository")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


def _inside(room: str, names: Sequence[str], modules: Mapping[str, object]) -> list[str]:
    """Folders one level inside a room; for files that stand together, their names."""
    if room in TOGETHER and room not in PURPOSE:
        return sorted({name.split(".")[1] for name in names})
    packages = {name.rpartition(".")[0] for name in modules}
    return sorted(name.split(".")[2] for name in names if name.count(".") == 2 and name in packages)


def _reached(name: str, rooms: Mapping[str, Room]) -> set[str]:
    seen: set[str] = set()
    queue = [*rooms[name].imports]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue += rooms[current].imports
    return seen


def _users(name: str, rooms: Sequence[Room]) -> list[str]:
    return [room.name for room in rooms if name in room.imports]


def _places(rooms: Sequence[Room], heights: Mapping[str, int]) -> dict[str, Point]:
    """Centre of each box: what plays a plugin to the left, the lab to the right, near what it is joined to.

    The fullest floor is laid out first, then those above it, then those below it; twice, for the second time
    knows what the fullest floor is joined to.
    """
    rows: dict[int, list[Room]] = {}
    for room in rooms:
        rows.setdefault(heights[room.name], []).append(room)
    fullest = max(rows, key=lambda height: len(rows[height]))
    above = [height for height in sorted(rows) if height > fullest]
    below = [height for height in sorted(rows, reverse=True) if height < fullest]
    xs: dict[str, float] = {}
    for _ in range(2):
        order = sorted(rows[fullest], key=lambda room: (room.lab, _middle(room, rooms, xs), room.name))
        xs = {room.name: index * STEP for index, room in enumerate(order)}
        for height in (*above, *below):
            xs |= _spread({(room.lab, room.name): _middle(room, rooms, xs) for room in rows[height]})
    return {room.name: (xs[room.name], heights[room.name] * FLOOR) for room in rooms}


def _spread(wanted: Mapping[tuple[bool, str], float]) -> dict[str, float]:
    """Move the boxes of one floor apart, and leave their middle where it is."""
    order = sorted(wanted, key=lambda key: (key[0], wanted[key]))
    xs: list[float] = []
    for key in order:
        xs.append(max(wanted[key], xs[-1] + STEP) if xs else wanted[key])
    shift = (sum(wanted.values()) - sum(xs)) / len(xs)
    return {name: x + shift for (_, name), x in zip(order, xs, strict=True)}


def _middle(room: Room, rooms: Sequence[Room], xs: Mapping[str, float]) -> float:
    """Mean place of the rooms that one is joined to by a drawn arrow and that have their place already."""
    joined = [*direct(room, rooms), *(user.name for user in rooms if room.name in direct(user, rooms))]
    found = [xs[name] for name in joined if name in xs] or [*xs.values()]
    return sum(found) / len(found) if found else 0.0


def _box(axes: Axes, room: Room, x: float, y: float) -> None:
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    colour = LAB if room.lab else LIGHT
    patch = FancyBboxPatch(corner, WIDTH, HEIGHT, "round,pad=0.02", facecolor=colour, edgecolor="#555555")
    patch.set_gid("room: " + " ".join((room.name, *room.inside)))
    axes.add_patch(patch)
    files = f"{room.files} files" if room.files > 1 else "1 file"
    lines = [*wrap(PURPOSE.get(room.name, ""), 38), *wrap(", ".join(room.inside), 36), files]
    axes.text(x, y + HEIGHT * 0.32, room.name, ha="center", va="center", fontsize=10, fontweight="bold")
    axes.text(x, y - HEIGHT * 0.13, "\n".join(lines), ha="center", va="center", fontsize=8)


def _arrow(axes: Axes, start: Point, end: Point, count: int) -> None:
    side = 1 if start[0] < end[0] else -1
    if start[1] > end[1]:
        tail, head, at = (start[0], start[1] - HEIGHT / 2), (end[0], end[1] + HEIGHT / 2), 0.4
    else:  # on one floor: one arrow above the other
        lift = 0.2 * side
        tail = (start[0] + side * WIDTH / 2, start[1] + lift)
        head, at = (end[0] - side * WIDTH / 2, end[1] + lift), 0.45
    style = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 0.5 + count / 14, "color": "#777777"}
    axes.add_patch(FancyArrowPatch(tail, head, shrinkA=1, shrinkB=3, **style))
    x, y = (tail[i] * (1 - at) + head[i] * at for i in (0, 1))
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    axes.text(x, y, str(count), fontsize=8, ha="center", va="center", bbox=behind)


if __name__ == "__main__":
    main()
