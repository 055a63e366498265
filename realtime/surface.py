"""What a player sees of a stream, and what the player can do with it.

The terminal's screen, OSC and whatever else shows a stream stand on a `Surface`: none of them asks the host
itself.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from latentfx.errors import ControlError, PluginNotFoundError, PresetError
from latentfx.preset import Preset, load_preset, morph, same_plugin, save_preset
from latentfx.spec import Blend, Setting

from .choices import Choices
from .recorder import plain_name
from .stats import Stats
from .stream import LiveStream
from .view import BlendView, ControlView, SignalView, State, TakeView, View
from .walk import Path2D, Steps, Walk

_STEP: Final = 0.05


class Surface:
    """The state and the actions of a player. Every method may be called from any thread but the audio's.

    Args:
        stream: what is played.
    """

    def __init__(self, stream: LiveStream) -> None:
        self._stream = stream
        self._host = stream.host
        self._walk = Walk(lambda values: self.set(**values), lambda: self._host.meters.seconds)
        self.choices = Choices(stream)

    def view(self, stats: Stats | None = None) -> View:
        """The stream as it is now.

        Args:
            stats: those to show, which take the longest to gather; those of this moment where None.
        """
        spec = self._host.plugin.spec
        return View(
            state=self._state(),
            devices=self._stream.wire.label,
            source=self._host.source,
            description=spec.description,
            controls=tuple(self.control(control.name) for control in spec.controls),
            blends=tuple(map(self._blend, spec.blends)),
            presets=tuple(preset.name for preset in self._host.bank.presets),
            hears_midi=bool(self._stream.midi),
            keys=self._host.midi.keys,
            loop=self._walk.loop,
            take=self._take(),
            trouble=self._host.trouble,
            stats=self._host.stats() if stats is None else stats,
        )

    def watch(self, on: bool) -> None:
        """Let `signal` tell of pitch and spectrum, or no longer."""
        self._host.meters.scope.watched = on

    def signal(self) -> SignalView:
        """What moves by itself; takes half a millisecond where it is watched."""
        meters, scope = self._host.meters, self._host.meters.scope
        return SignalView(
            meters.seconds,
            *self.levels(),
            meters.late,
            scope.note() if scope.watched else None,
            scope.spectrum() if scope.watched else [],
        )

    def control(self, name: str) -> ControlView:
        """One control as it is now.

        Raises:
            ControlError: a control that the plugin does not have.
        """
        host, midi = self._host, self._host.midi
        spec = host.plugin.spec
        control = spec.controls[spec.index(name)]
        value = min(max(host.controls[name], control.minimum), control.maximum)
        sources = tuple(str(binding.source) for binding in midi.bindings if binding.control == name)
        return ControlView(control, value, control.to_unit(value), sources, midi.learning == name)

    def names(self) -> list[str]:
        """Names of the controls, in the plugin's order."""
        return list(self._host.controls)

    def has(self, name: str) -> bool:
        """Whether there is a control or a blend of a name."""
        return name in self._host.controls or name in self._host.plugin.blends

    def clip(self, name: str, value: object) -> Setting:
        """A value for a control, moved into its range; for a blend, its text as it is.

        Raises:
            ControlError: a control that the plugin does not have, or no value for it.
        """
        if name in self._host.plugin.blends and isinstance(value, str):
            return value
        control = self.control(name).control
        if not isinstance(value, int | float) or value != value:
            raise ControlError(f"control {name!r} is {value!r}; allowed {control.allowed}")
        return min(max(float(value), control.minimum), control.maximum)

    def levels(self) -> tuple[float, float]:
        """Peaks of what comes in and of what is heard, in dB."""
        return self._host.meters.input_db, self._host.meters.output_db

    def troubles(self) -> list[str]:
        """What went wrong since the last time, a line each."""
        troubles = self._host.troubles
        return [troubles.popleft() for _ in range(len(troubles))]

    def forget_trouble(self) -> None:
        """Show the last trouble no longer."""
        self._host.trouble = ""

    def set(self, **settings: Setting) -> None:
        """Set controls and blends by name.

        Raises:
            ControlError: one that does not exist, or a value that is not allowed; then none is changed.
        """
        self._host.set(**settings)

    def set_at(self, time_s: float, **settings: Setting) -> None:
        """Set controls and blends at a time of day, to the hop.

        Args:
            time_s: seconds since 1970; a time that is over is now.
            settings: values by name.

        Raises:
            ControlError: one that does not exist, a value that is not allowed, or too many that wait.
        """
        self._host.desk.schedule(time_s, settings)

    def turn(self, name: str, steps: int) -> None:
        """Turn a control by twentieths of its way, or by whole numbers where it has only those.

        Raises:
            ControlError: a control that the plugin does not have.
        """
        shown = self.control(name)
        control = shown.control
        step = 1 / (control.maximum - control.minimum) if control.curve == "integer" else _STEP
        self._host.controls[name] = control.from_unit(shown.position + steps * step)

    def put_back(self, name: str) -> None:
        """Turn a control to its default.

        Raises:
            ControlError: a control that the plugin does not have.
        """
        self._host.controls[name] = self.control(name).control.default

    def change_plugin(self, name: str) -> None:
        """Play another plugin of `choices`, its controls at their defaults, and wait until it fades in.

        Raises:
            PluginNotFoundError: none of those.
            ShapeError: it takes other channels than there are.
            LiveError: it is too slow for this machine, or another one is fading in.
        """
        if name not in (known := self.choices.plugins()):
            raise PluginNotFoundError(
                f"plugin {name!r} is not to be chosen here; there are {', '.join(known)}"
            )
        self._walk.stop()
        self._host.change_plugin(name)

    def change_devices(self, source: str, target: str) -> None:
        """Play on other devices, by name; where they refuse, the ones from before play on.

        Raises:
            LiveError: no such device, feedback, or a device that refuses.
        """
        self._stream.change_devices(source, target)

    def loop(self, blend: str, seconds: float, points: Path2D, steps: Steps) -> None:
        """Walk a loop of settings: straight from step to step, and from the last one to the first.

        Args:
            blend: name of the map on which it was drawn.
            seconds: how long a round takes, 0.1 to 600.
            points: the path as it was drawn, for those who look.
            steps: the controls at each of the points.

        Raises:
            ControlError: controls that the plugin does not have, values that are not allowed, or no loop.
        """
        self._walk.start(blend, seconds, points, steps)

    def unloop(self) -> None:
        """Walk on no longer; the controls stay where they are."""
        self._walk.stop()

    def recall(self, preset: str) -> None:
        """Choose a preset by name, and wait until it is there.

        Raises:
            PresetError: no preset of that name, or one that does not fit its plugin.
            PluginNotFoundError: its plugin is not there.
            LiveError: its plugin is too slow for this machine.
        """
        self._walk.stop()
        self._host.recall(self._preset(preset))

    def call(self, preset: str) -> None:
        """Choose a preset by name, and go on: it is there soon, or `trouble` says why not.

        Raises:
            PresetError: no preset of that name.
        """
        self._walk.stop()
        self._host.bank.call(self._preset(preset))

    def next_preset(self, step: int = 1) -> None:
        """Choose the preset so many places further in the list, and round.

        Raises:
            PresetError: the list is empty, or the preset does not fit its plugin.
        """
        self._walk.stop()
        self._host.next_preset(step)

    def morph(self, a: str, b: str, t: float) -> None:
        """Put the controls between two presets of the plugin that plays: at 0 those of `a`, at 1 of `b`.

        Raises:
            PresetError: no preset of that name, one of another plugin, or `t` outside 0 to 1.
        """
        first, second = self._preset(a), self._preset(b)
        if not same_plugin(first.plugin, self._host.source):
            raise PresetError(
                f"preset {a!r} plays {first.plugin}, and {self._host.source} is on; morph two presets of the "
                "plugin that plays"
            )
        wanted = self._host.plugin.copy()
        morph(first, second, t, wanted).set(wanted)
        self._walk.stop()
        np.copyto(self._host.controls.values_row, wanted.controls.values_row)  # in one step

    def bypass(self, on: bool | None = None) -> None:
        """Let the input through as it is, or not; None changes over."""
        self._host.bypass = not self._host.bypass if on is None else on

    def panic(self) -> None:
        """Silence now: the loop ends, every key is let go, and what was heard is forgotten."""
        self._walk.stop()
        self._host.panic()

    def learn(self, name: str | None) -> None:
        """Bind the next controller that moves to a control; None, or the same control again, ends the wait.

        Raises:
            ControlError: a control that the plugin does not have.
        """
        midi = self._host.midi
        if name is None or name == midi.learning:
            midi.learning = None
        else:
            midi.learn(name)

    def unbind(self, name: str) -> None:
        """Take all of MIDI off a control or blend."""
        self._host.midi.unbind(name)

    def save(self, name: str | None = None) -> Path:
        """Save a preset of the controls and of what MIDI turns, under a name or the time of day.

        Returns:
            The file.

        Raises:
            PresetError: a name that makes no file, a preset of this name, or a choice that was learnt.
        """
        name = name or time.strftime("live-%Y%m%d-%H%M%S")
        preset = Preset.of(self._host.plugin, name, self._host.source)
        preset = replace(preset, bindings=self._host.midi.bindings)
        path = save_preset(preset)
        self._host.bank.add(preset)
        return path

    def record(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Begin to record: what is heard, and what comes in to NAME-dry.

        Raises:
            AudioFileError: a path without a file name, a take of that name, or a place that refuses it.
            LiveError: a recording is under way.
        """
        self._stream.record(path, overwrite)

    def record_here(self, name: str) -> None:
        """Begin to record in the folder of the program: who asks from elsewhere chooses no other place.

        Raises:
            ControlError: a path.
            AudioFileError: a take of that name, or a folder that refuses it.
            LiveError: a recording is under way.
        """
        self._stream.record(plain_name(name))

    def stop_recording(self) -> None:
        """End the recording, if there is one; its files are whole then.

        Raises:
            AudioFileError: the end of it could not be written.
        """
        self._stream.stop_recording()

    def _state(self) -> State:
        if self._stream.waiting:
            return "waiting"
        return "bypass" if self._host.bypass else "on"

    def _blend(self, blend: Blend) -> BlendView:
        controls = self._host.controls
        return BlendView(
            blend.name,
            {label: controls[name] for label, name in blend.labels.items()},
            blend.labels,
            self._host.plugin.places(blend.name),
            blend.description,
            tuple(str(b) for b in self._host.midi.bindings if b.control == blend.name),
        )

    def _take(self) -> TakeView | None:
        recorder = self._stream.recorder
        if recorder is None:
            return None
        seconds = recorder.frames / self._host.sample_rate
        error = "" if recorder.error is None else str(recorder.error)
        return TakeView(str(recorder.wet), seconds, self._stream.recording, error)

    def _preset(self, name: str) -> Preset:
        """A preset of the list, which may be nowhere else; or one that is saved."""
        presets = {preset.name: preset for preset in self._host.bank.presets}
        return presets[name] if name in presets else load_preset(name)
