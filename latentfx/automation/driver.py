"""A plugin whose controls an automation moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from mido import Message

from latentfx.arrays import Float32
from latentfx.automation.desk import Desk, ends
from latentfx.automation.midi_map import MidiMap
from latentfx.automation.moves import Automation, Move, Rebind, Recall, Turn
from latentfx.binding import Binding
from latentfx.control import Control
from latentfx.errors import MidiError, PresetError
from latentfx.host.runs import in_runs
from latentfx.host.runtime import LatentPlugin
from latentfx.host.side_chain import Around
from latentfx.host.stream import PluginStream
from latentfx.preset import Preset, list_presets, load_preset, programs, same_plugin
from latentfx.spec import PluginSpec

_MOST_HOPS: Final = 32
_NEARLY: Final = 1e-6  # of a hop: a time that was computed may lie so much before it


class Automated(Around[LatentPlugin]):
    """A plugin whose controls an automation moves; it may stand on a `Board`.

    Every stream begins with the plugin's controls where they are now, and at the start of the automation.

    Args:
        plugin: what is moved. It is copied for every stream: its own controls stay where they are.
        automation: the moves.
        preset: the preset that the plugin was set by, whose bindings hold too.
        source: what presets call the plugin; its name where None.

    Raises:
        ControlError: a control that the plugin does not have, or a value that it does not allow.
        MidiError: messages that nothing listens to, or a binding that makes no sense.
        PresetError: a preset that is not there, or one of another plugin.
    """

    def __init__(
        self,
        plugin: LatentPlugin,
        automation: Automation,
        preset: Preset | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(plugin)
        self.automation = automation
        self._bindings = () if preset is None else preset.bindings
        self._source = source or (plugin.name if preset is None else preset.plugin)
        self._check()

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """What MIDI turns, at the start."""
        return self._driver().midi.bindings

    def open(self, channels: int, sample_rate: float) -> PluginStream:
        return PluginStream(self.spec, self._blocks, channels, sample_rate)

    def _blocks(self, batch: int) -> MovedBlocks:
        return MovedBlocks(self._driver(), batch)

    def _driver(self) -> Driver:
        return Driver(self.plugin, self.automation, self._bindings, self._source)

    def _check(self) -> None:
        driver = self._driver()
        kinds = [_kind(move) for move in self.automation.moves]
        binds = bool(driver.midi.bindings) or "binds" in kinds
        if "played" in kinds and not binds:
            raise MidiError(
                "the automation holds MIDI messages, and nothing listens to them; say what they turn, such "
                "as --bind cc:1=mix (bindings= in Python), or take a preset that does"
            )

    def __repr__(self) -> str:
        return f"Automated({self.plugin!r}, {len(self.automation.moves)} moves)"


class MovedBlocks:
    """Blocks through a plugin, whose controls move between them.

    Args:
        driver: moves them.
        batch: rows run side by side.
    """

    def __init__(self, driver: Driver, batch: int) -> None:
        self._driver = driver
        self._blocks = driver.desk.playing.blocks(batch)
        self.batch = batch

    def step(self, audio: Float32) -> Float32:
        """Run one block, or several.

        Shape:
            audio [B, C_in, T] -> [B, C_out, T], T a multiple of the block
        """
        spec = self._driver.desk.panel.spec
        size, total = spec.block_size, audio.shape[-1]
        out = np.empty((self.batch, spec.out_channels, total), np.float32)
        start = 0
        while start < total:
            run = next(in_runs((total - start) // size, _MOST_HOPS))
            end = start + self._driver.before_hops(run) * size
            out[:, :, start:end] = self._blocks.step(audio[:, :, start:end])
            start = end
        return out

    @property
    def silenced(self) -> int:
        """Blocks so far in which the plugin made numbers that are no sound."""
        return self._blocks.silenced

    def state(self, name: str) -> Float32:
        """The state of every row as the next step will read it.

        Shape:
            -> [B, ...]
        """
        return self._blocks.state(name)


class Driver:
    """Moves the controls of one stream, hop by hop, as a live host would.

    Args:
        plugin: where the controls start; it is copied.
        automation: the moves.
        bindings: of the preset that was chosen.
        source: what presets call the plugin.

    Raises:
        ControlError: a control that the plugin does not have, or a value that it does not allow.
        MidiError: a binding that makes no sense.
        PresetError: a preset that is not there, or one of another plugin.
    """

    def __init__(
        self, plugin: LatentPlugin, automation: Automation, bindings: tuple[Binding, ...], source: str
    ) -> None:
        spec = plugin.spec
        self.desk = Desk(plugin)
        self.midi = MidiMap(self.desk, automation.bindings)
        self.midi.choose(bindings)
        self._source = source
        self._hop_s = spec.block_size / spec.sample_rate
        self._hop = 0
        self._presets = automation.presets
        self._programs: dict[int, Preset] | None = None
        self._actions, lines = self._prepare(spec, automation.moves)
        self._next = 0
        self._played: list[Message] = []
        self._lines = [_Line(spec.controls[index], index, points) for index, points in lines.items()]
        row = self.desk.panel.controls.values_row
        for line in self._lines:
            line.write(row, 0, self._hop_s)
        np.copyto(self.desk.playing.controls.values_row, row)  # where a control begins, it need not glide to

    def before_hops(self, hops: int) -> int:
        """Move what is due, and say for how many of the hops the controls stay."""
        while self._next < len(self._actions) and self._actions[self._next][0] <= self._hop:
            self._actions[self._next][1]()
            self._next += 1
        stays = hops
        row = self.desk.panel.controls.values_row
        for line in self._lines:
            stays = min(stays, line.write(row, self._hop, self._hop_s))
        for message in self._played:  # after what was turned, as the desk of a live host does
            self.midi.handle(message)
        self._played.clear()
        if self._next < len(self._actions):
            stays = min(stays, self._actions[self._next][0] - self._hop)
        moved = self.desk.before_hops(next(in_runs(stays, _MOST_HOPS)))
        self._hop += moved
        return moved

    def _prepare(
        self, spec: PluginSpec, moves: tuple[Move, ...]
    ) -> tuple[list[tuple[int, Callable[[], None]]], dict[int, list[_Point]]]:
        """Moves as actions at hops, and the points of lines by control."""
        actions: list[tuple[int, Callable[[], None]]] = []
        points: dict[int, list[_Point]] = {}
        for move in moves:
            hop = int(move.time_s / self._hop_s + _NEARLY)
            if isinstance(move.what, Turn):
                for index, value in ends(self.desk.panel, move.what.control, move.what.value):
                    points.setdefault(index, []).append(_Point(move.time_s, value, move.what.line))
            else:
                actions.append((hop, self._action(move.what)))
        return actions, points

    def _action(self, what: Message | Recall | Rebind) -> Callable[[], None]:
        if isinstance(what, Message):
            if what.type == "program_change":
                self._find_program(what.program)  # one that does not fit is refused now
                return lambda: self._program(what.program)
            return lambda: self._played.append(what)
        if isinstance(what, Rebind):
            for binding in what.bindings:
                binding.target(self.desk.panel.spec)
            return lambda: self._rebind(what)
        preset = self._checked(self._named(what.preset) if isinstance(what.preset, str) else what.preset)
        return lambda: self._recall(preset)

    def _rebind(self, what: Rebind) -> None:
        self.midi.own = what.own
        self.midi.replace(what.bindings)

    def _recall(self, preset: Preset) -> None:
        self.desk.recall(preset)
        self.midi.choose(preset.bindings)

    def _program(self, number: int) -> None:
        if (preset := self._find_program(number)) is not None:
            self._recall(preset)

    def _find_program(self, number: int) -> Preset | None:
        if self._programs is None:
            presets = list_presets(self._source) if self._presets is None else self._presets
            self._programs = programs(presets)
        preset = self._programs.get(number)
        return None if preset is None else self._checked(preset)

    def _named(self, name: str) -> Preset:
        named = {preset.name: preset for preset in self._presets or ()}
        return named[name] if name in named else load_preset(name)

    def _checked(self, preset: Preset) -> Preset:
        """A preset that fits.

        Raises:
            PresetError: one of another plugin, or one that does not fit.
        """
        if not same_plugin(preset.plugin, self._source):
            raise PresetError(
                f"the automation chooses preset {preset.name!r} of {preset.plugin}; a file runs through one "
                f"plugin, here {self._source}: take that move out, or cut the recording there"
            )
        preset.set(self.desk.panel.copy())
        return preset


@dataclass(frozen=True)
class _Point:
    """Where a control is at a time; `line`, that it goes there in a straight line."""

    time_s: float
    value: float
    line: bool


class _Line:
    """The points of one control, in order; between the first and the last, it writes the control."""

    def __init__(self, control: Control, index: int, points: list[_Point]) -> None:
        self._control = control
        self._index = index
        self._points = points
        self._passed = 0  # points whose time is over

    def write(self, row: Float32, hop: int, hop_s: float) -> int:
        """Put the control where it is at a hop, and say for how many hops it stays there at least.

        Shape:
            row [P]
        """
        points, before = self._points, self._passed
        while self._passed < len(points) and int(points[self._passed].time_s / hop_s + _NEARLY) <= hop:
            self._passed += 1
        if self._passed > before:
            row[self._index] = points[self._passed - 1].value
        if self._passed == len(points):
            return 1 << 30
        coming = points[self._passed]
        if self._passed == 0 or not coming.line:
            return int(coming.time_s / hop_s + _NEARLY) - hop
        last = points[self._passed - 1]
        part = (hop * hop_s - last.time_s) / (coming.time_s - last.time_s)
        start, end = (self._control.to_unit(point.value) for point in (last, coming))
        row[self._index] = self._control.from_unit(start + (end - start) * max(part, 0.0))
        return 1


def _kind(move: Move) -> str:
    """Whether a move may bind MIDI, needs a binding, or neither."""
    what = move.what
    if isinstance(what, Rebind | Recall) or (isinstance(what, Message) and what.type == "program_change"):
        return "binds"
    return "played" if isinstance(what, Message) else "turns"
