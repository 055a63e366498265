"""The screen of `latentfx live`, and what its keys do."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment, SegmentLines
from rich.table import Table
from rich.text import Text

from latentfx.errors import LatentFXError

if TYPE_CHECKING:
    from latentfx.realtime import LiveStream, Stats

_METER = 30
_FLOOR_DB = -60.0
_STEP = 0.05
_LEAST_ROWS = 4  # of the table of controls: its heading, the chosen control and what is beside it
_HELP = "arrows control   b bypass   p panic   [ ] presets   l learn   s save   q quit"


class Screen(AbstractContextManager["Screen"]):
    """Shows a stream. Without a terminal it prints one line at the start, and one for each trouble.

    Args:
        stream: what is shown.
    """

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream
        self._host = stream.host
        self._recorder = stream.recorder
        self._selected = 0
        self._note = ""
        self._console = Console(stderr=True, markup=False, emoji=False)  # names are shown as they are
        self._live: Live | None = None
        self._keys: dict[str, Callable[[], None]] = {
            "b": self._bypass,
            "p": self._panic,
            "[": lambda: self._preset(-1),
            "]": lambda: self._preset(1),
            "l": self._learn,
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
            stats = self._host.stats()
            self._console.print(
                f"playing {stats.plugin} on {self._stream.wire.label} at {stats.sample_rate:g} Hz, inference "
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
        while self._host.troubles:
            trouble = self._host.troubles.popleft()
            self._console.print(f"note: {trouble}", style="yellow", highlight=False, soft_wrap=True)

    def obey(self, key: str) -> None:
        """Do what a key asks for. An error is shown on the screen."""
        action = self._keys.get(key)
        if action is None:
            return
        try:
            self._note = self._host.trouble = ""
            action()
        except LatentFXError as error:
            self._note = str(error)

    def draw(self) -> SegmentLines:
        """The whole screen, no higher than the terminal: first the table is cut, and then the facts."""
        height, rows = self._console.height, self._rows()
        note = Text(self._host.trouble or self._note)
        foot = self._lines(Group("", Text(_HELP, style="dim"), note))[:height]
        facts = self._lines(self._facts())[: max(height - len(foot) - min(len(rows) + 1, _LEAST_ROWS), 0)]
        room = height - len(foot) - len(facts)
        return SegmentLines(
            [*facts, *self._lines(self._controls(rows, max(room - 1, 0)))[:room], *foot], new_lines=True
        )

    def _lines(self, part: RenderableType) -> list[list[Segment]]:
        return self._console.render_lines(part, pad=False)

    def _facts(self) -> Group:
        stats = self._host.stats()
        state = "waiting for the device" if self._stream.waiting else "BYPASS" if self._host.bypass else "on"
        title = Text.assemble(
            (stats.plugin, "bold"), "  ", stats.preset, f"  {self._stream.wire.label}  ", state
        )
        facts = Table(box=None, pad_edge=False, show_header=False)
        facts.add_row("in", _meter(stats.input_db))
        facts.add_row(
            "out", _meter(stats.output_db) + (f"  limited {stats.limited}" if stats.limited else "")
        )
        facts.add_row("load", _load(stats))
        facts.add_row("latency", _latency(stats))
        facts.add_row("trouble", _trouble(stats))
        if self._recorder is not None:
            error, seconds = self._recorder.error, self._recorder.frames / stats.sample_rate
            facts.add_row(
                "record", f"{self._recorder.wet}  {seconds:.0f} s" if error is None else f"NOT: {error}"
            )
        return Group(title, "", facts, "")

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

    def _rows(self) -> list[tuple[str, ...]]:
        """The table of controls, whole."""
        rows: list[tuple[str, ...]] = []
        learning = self._host.midi.learning
        spec = self._host.plugin.spec
        for index, control in enumerate(spec.controls):
            value = self._host.controls[control.name]
            bound = ", ".join(str(b.source) for b in self._host.midi.bindings if b.control == control.name)
            rows.append(
                (
                    ">" if index == self._selected else "",
                    control.name,
                    f"{value:.4g} {control.unit}".rstrip(),
                    _bar(control.to_unit(value), 12),
                    "move a controller ..." if learning == control.name else bound,
                )
            )
        for blend in spec.blends:
            bound = ", ".join(str(b) for b in self._host.midi.bindings if b.control == blend.name)
            if bound:
                rows.append(("", blend.name, "", "", bound))
        return rows

    def _bypass(self) -> None:
        self._host.bypass = not self._host.bypass

    def _panic(self) -> None:
        self._host.panic()
        self._note = "silenced"

    def _preset(self, step: int) -> None:
        self._host.next_preset(step)
        self._selected = 0

    def _learn(self) -> None:
        midi = self._host.midi
        name = self._name()
        if midi.learning is not None:
            midi.learning = None
        elif name is not None:
            midi.learn(name)

    def _save(self) -> None:
        from latentfx.preset import Preset, save_preset

        name = time.strftime("live-%Y%m%d-%H%M%S")
        preset = Preset.of(self._host.plugin, name, self._host.source)
        preset = replace(preset, bindings=self._host.midi.bindings)
        path = save_preset(preset)
        self._host.bank.add(preset)
        self._note = f"saved {name} ({path})"

    def _select(self, step: int) -> None:
        count = len(self._host.controls)
        self._selected = (self._selected + step) % count if count else 0

    def _turn(self, direction: int) -> None:
        name = self._name()
        if name is None:
            return
        control = self._host.plugin.spec.controls[self._selected]
        step = 1 / (control.maximum - control.minimum) if control.curve == "integer" else _STEP
        position = control.to_unit(self._host.controls[name]) + direction * step
        self._host.controls[name] = control.from_unit(position)

    def _name(self) -> str | None:
        controls = self._host.plugin.spec.controls
        return controls[self._selected].name if self._selected < len(controls) else None


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
    return f"{stats.xruns} xruns, {late}, {stats.non_finite} bad samples"


def _latency(stats: Stats) -> str:
    parts = stats.latency
    device = "unknown" if parts.device != parts.device else f"{parts.device:.1f}"
    return (
        f"{parts.algorithmic:.1f} algorithmic + {parts.buffering:.1f} buffering + {device} device "
        f"= {parts.total:.1f} ms"
    )
