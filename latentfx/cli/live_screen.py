"""The screen of `latentfx live`, and what its keys do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment, SegmentLines
from rich.table import Table
from rich.text import Text

from latentfx.errors import LatentFXError
from latentfx.names import shown as as_text

if TYPE_CHECKING:
    from latentfx.realtime import Stats
    from latentfx.realtime.surface import Surface
    from latentfx.realtime.view import View

_METER = 30
_FLOOR_DB = -60.0
_LEAST_ROWS = 4  # of the table of controls: its heading, the chosen control and what is beside it
_HELP = "arrows control   b bypass   p panic   [ ] presets   l learn   s save   q quit"


class Screen(AbstractContextManager["Screen"]):
    """Shows a stream. Without a terminal it prints one line at the start, and one for each trouble.

    Args:
        surface: of the stream that is shown.
        hears_midi: whether a MIDI port is open, so that learning can end.
    """

    def __init__(self, surface: Surface, hears_midi: bool) -> None:
        self._hears_midi = hears_midi
        self._surface = surface
        self._selected = 0
        self._note = ""
        self._console = Console(stderr=True, markup=False, emoji=False)  # names are shown as they are
        self._live: Live | None = None
        self._keys: dict[str, Callable[[], None]] = {
            "b": self._surface.bypass,
            "p": self._panic,
            "[": lambda: self._preset(-1),
            "]": lambda: self._preset(1),
            "l": self._learn,
            "escape": lambda: self._surface.learn(None),
            "s": self._save,
            "up": lambda: self._select(-1),
            "down": lambda: self._select(1),
            "left": lambda: self._turn(-1),
            "right": lambda: self._turn(1),
        }

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(self.draw(), console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        else:
            view = self._surface.view()
            stats = view.stats
            self._console.print(
                f"playing {stats.plugin} on {view.devices} at {stats.sample_rate:g} Hz, inference "
                f"in the {stats.place}, latency {_latency(stats)}; Ctrl-C stops",
                highlight=False,
                soft_wrap=True,
            )
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):  # the terminal is gone
            if self._live is not None:
                self._live.stop()
            else:
                self._say_trouble()

    def show(self) -> None:
        """Draw the stream as it is now."""
        try:
            if self._live is not None:
                self._live.update(self.draw(), refresh=True)
            else:
                self._say_trouble()
        except OSError:  # the terminal is gone; the music goes on
            self.__exit__()
            self._live = None

    def _say_trouble(self) -> None:
        """A line for each thing that went wrong since the last one."""
        for trouble in self._surface.troubles():
            note = Text(f"note: {as_text(trouble)}", style="yellow")
            self._console.print(note, highlight=False, soft_wrap=True)

    def obey(self, key: str) -> None:
        """Do what a key asks for. An error is shown on the screen."""
        action = self._keys.get(key)
        if action is None:
            return
        try:
            self._note = ""
            self._surface.forget_trouble()
            action()
        except LatentFXError as error:
            self._note = str(error)

    def draw(self) -> SegmentLines:
        """The whole screen, no higher than the terminal: first the table is cut, and then the facts."""
        view = self._surface.view()
        height, rows = self._console.height, self._rows(view)
        note = Text(view.trouble or self._note)
        foot = self._lines(Group("", Text(_HELP, style="dim"), note))[:height]
        facts = self._lines(_facts(view))[: max(height - len(foot) - min(len(rows) + 1, _LEAST_ROWS), 0)]
        room = height - len(foot) - len(facts)
        return SegmentLines(
            [*facts, *self._lines(self._controls(rows, max(room - 1, 0)))[:room], *foot], new_lines=True
        )

    def _lines(self, part: RenderableType) -> list[list[Segment]]:
        return self._console.render_lines(part, pad=False)

    def _controls(self, rows: list[tuple[str, ...]], room: int) -> Table:
        """Some rows of the table, around the chosen control, and how many more there are."""
        table = Table(box=None, pad_edge=False)
        for heading in ("", "control", "value", "", "MIDI"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        first = max(min(self._selected - room // 2, len(rows) - room), 0)
        below = len(rows) - first - room
        shown = rows[first : first + room]
        if first > 0 and room > 2:
            shown[0] = ("", f"↑ {first + 1} more")
        if below > 0 and room > 2:
            shown[-1] = ("", f"↓ {below + 1} more")
        for row in shown:
            table.add_row(*row)
        return table

    def _rows(self, view: View) -> list[tuple[str, ...]]:
        """The table of controls, whole."""
        rows: list[tuple[str, ...]] = []
        for index, shown in enumerate(view.controls):
            control = shown.control
            rows.append(
                (
                    ">" if index == self._selected else "",
                    control.name,
                    f"{shown.value:.4g} {control.unit}".rstrip(),
                    _bar(shown.position, 12),
                    "move a controller, or Esc" if shown.learning else ", ".join(shown.sources),
                )
            )
        rows += [
            ("", blend.name, "", "", ", ".join(blend.bindings)) for blend in view.blends if blend.bindings
        ]
        return rows

    def _panic(self) -> None:
        self._surface.panic()
        self._note = "silenced"

    def _preset(self, step: int) -> None:
        self._surface.next_preset(step)
        self._selected = 0

    def _learn(self) -> None:
        if (name := self._name()) is not None:
            self._surface.learn(name)
            if self._surface.control(name).learning and not self._hears_midi:
                self._note = "no MIDI port is open: Esc ends learning; begin again with --midi PORT"

    def _save(self) -> None:
        path = self._surface.save()
        self._note = f"saved {path.stem} ({path})"

    def _select(self, step: int) -> None:
        count = len(self._surface.names())
        self._selected = (self._selected + step) % count if count else 0

    def _turn(self, direction: int) -> None:
        if (name := self._name()) is not None:
            self._surface.turn(name, direction)

    def _name(self) -> str | None:
        names = self._surface.names()
        return names[self._selected] if self._selected < len(names) else None


def _facts(view: View) -> Group:
    stats = view.stats
    state = {"waiting": "waiting for the device", "bypass": "BYPASS", "on": "on"}[view.state]
    title = Text.assemble((stats.plugin, "bold"), "  ", stats.preset, f"  {view.devices}  ", state)
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_row("in", _meter(stats.input_db))
    facts.add_row("out", _meter(stats.output_db) + (f"  limited {stats.limited}" if stats.limited else ""))
    facts.add_row("load", _load(stats))
    facts.add_row("latency", _latency(stats))
    facts.add_row("trouble", _trouble(stats))
    if view.take is not None:
        take = view.take
        facts.add_row("record", f"NOT: {take.error}" if take.error else f"{take.file}  {take.seconds:.0f} s")
    return Group(title, "", facts, "")


def _meter(level_db: float) -> str:
    return f"{_bar(1 - level_db / _FLOOR_DB, _METER)} {level_db:6.1f} dB"


def _bar(part: float, width: int) -> str:
    filled = round(min(max(part, 0.0), 1.0) * width)
    return "━" * filled + "╌" * (width - filled)


def _load(stats: Stats) -> str:
    """The load: time of a callback per block, or of a worker's step per hop."""
    works = stats.place == "worker"
    times, deadline_ms = (stats.step_ms, stats.hop_ms) if works else (stats.callback_ms, stats.deadline_ms)
    return (
        f"{stats.load:.0%} of the time in the {stats.place}; {'step' if works else 'callback'} "
        f"{times.p50:.2f} ms, p99 {times.p99:.2f}, worst {times.worst:.2f} of {deadline_ms:.2f}"
    )


def _trouble(stats: Stats) -> str:
    late = f"{stats.late} late blocks" + (f" ({stats.faded} faded)" if stats.faded else "")
    flood = f", MIDI {stats.midi.replaced} replaced" if stats.midi.replaced else ""
    flood += f", {stats.midi.dropped} dropped" if stats.midi.dropped else ""
    return f"{stats.xruns} xruns, {late}, {stats.non_finite + stats.silenced} bad samples{flood}"


def _latency(stats: Stats) -> str:
    parts = stats.latency
    device = "unknown" if parts.device != parts.device else f"{parts.device:.1f}"
    return (
        f"{parts.algorithmic:.1f} algorithmic + {parts.buffering:.1f} buffering + {device} device "
        f"= {parts.total:.1f} ms"
    )
