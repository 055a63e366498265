"""A plugin, played: blocks of any size in, blocks out, no device inside."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

import numpy as np
from mido import Message
from numpy.typing import ArrayLike

from latentfx.arrays import Float32
from latentfx.automation.desk import Desk
from latentfx.automation.midi_map import MidiMap
from latentfx.binding import Binding
from latentfx.errors import LatentFXError, LiveError
from latentfx.host.layout import find_layout, from_channels, to_channels
from latentfx.host.runtime import Controls, LatentPlugin
from latentfx.keys import Keyboard
from latentfx.preset import Preset, same_plugin
from latentfx.spec import Setting

from . import checks
from .bank import Bank
from .crossfade import Crossfade
from .gather import gather
from .meters import Meters
from .mixing import MAX_BLOCK
from .output import OutputStage
from .stats import Place, Stats
from .voice import Voice

# Takes what came in, what is heard, and by how many samples that is later from here on: a gap of so many.
Tap = Callable[[Float32, Float32, int], None]


class LiveHost:
    """Plays a plugin block by block, and lets its controls be turned meanwhile. Use it in a `with` block.

    Args:
        plugin: what is played. It is copied: turn the host's controls, not the plugin's.
        sample_rate: of the blocks, in Hz; the plugin's own where None.
        channels: channels in. A plugin with one channel in runs every channel on its own.
        outputs: channels out; as many as the plugin makes of them where None.
        block: samples of every block, from 16, where it is known: that saves latency. None for any number.
        place: where inference runs, `"callback"` or `"worker"`; None measures a step of the plugin, and
            takes the callback when the worst block fits three times into its time.
        reserve_s: sound that a worker keeps in hand, 0.001 to 0.5 s; the stream is as much later. None
            measures, and keeps more after a late block, up to 50 ms.
        bindings: what MIDI turns, whatever preset is chosen: `Binding`s, or texts such as `"cc:21=mix"`.
        presets: those that `next_preset` and program changes choose from, or their names.
        source: what presets call the plugin; its name where None.
        keys: MIDI keys play a tone into the plugin, in place of the blocks that come in.

    Raises:
        LiveError: the plugin is too slow for this machine, no such place, a reserve that cannot be kept.
        ShapeError: a rate, a block, or a number of channels that cannot be, or that the plugin cannot take.
        MidiError: a binding that makes no sense.
        PresetError: no preset of that name.
    """

    def __init__(
        self,
        plugin: LatentPlugin,
        sample_rate: float | None = None,
        *,
        channels: int = 1,
        outputs: int | None = None,
        block: int | None = None,
        place: Place | None = None,
        reserve_s: float | None = None,
        bindings: Iterable[Binding | str] = (),
        presets: Iterable[Preset | str] = (),
        source: str | None = None,
        keys: bool = False,
    ) -> None:
        checks.check_place(place, reserve_s)
        self.sample_rate = checks.check_rate(plugin.sample_rate if sample_rate is None else sample_rate)
        self.channels = checks.check_count("channels", channels)
        self.bank = Bank(checks.read_presets(presets))
        self.trouble = ""
        self.troubles: deque[str] = deque(maxlen=64)
        self.tap: Tap | None = None
        self.device_latency_s = float("nan")
        self.xruns = self.dropped = self.reconnects = 0
        self.source = plugin.name if source is None else source
        self._place, self._reserve_s = place, reserve_s
        self._block = checks.check_block(block)
        self.meters = Meters(self.sample_rate)
        self.desk = Desk(plugin, 0.0, self.meters.clock.position)
        self.midi = self._map(self.desk, checks.read_bindings(bindings))
        self.keyboard = Keyboard(plugin, self.sample_rate, lambda: self.midi.bindings) if keys else None
        outputs = None if outputs is None else checks.check_count("outputs", outputs)
        self._voice = self._sound(self.desk)
        self.outputs = outputs or self._voice.engine.outputs
        self._coming: Crossfade | None = None
        self._lateness = self._voice.latency
        self._panicking = False
        self._done: deque[Voice] = deque()
        self._choosing = threading.Lock()
        self._attending = threading.Lock()
        self.output = OutputStage(self.outputs, self.sample_rate)

    @property
    def plugin(self) -> LatentPlugin:
        """The plugin as its controls are set now."""
        return self.desk.panel

    @property
    def controls(self) -> Controls:
        """The controls: `host.controls["mix"] = 0.5` is heard from the next hop on."""
        return self.plugin.controls

    @property
    def place(self) -> Place:
        """Where inference runs."""
        return self._voice.place

    @property
    def latency(self) -> int:
        """Samples from input to output, the device apart."""
        return self._voice.latency

    @property
    def bypass(self) -> bool:
        """Whether the input goes through as it is, as late as the effect would be."""
        return self.output.bypass

    @bypass.setter
    def bypass(self, on: bool) -> None:
        self.output.bypass = on

    def set(self, /, **settings: Setting) -> None:
        """Set controls and blends by name: `host.set(timbre="cello", mix=0.8)`.

        Raises:
            ControlError: one that does not exist, or a value that is not allowed; then none is changed.
        """
        self.plugin.set(**settings)

    def send(self, message: Message) -> None:
        """Hand in a MIDI message, from any thread; it is heard from the next hop on.

        Raises:
            MidiError: no `mido.Message`.
        """
        self.desk.messages.append(checks.check_message(message))
        if self.keyboard is not None:
            self.keyboard.send(message)

    def panic(self) -> None:
        """Silence now: let every key go, forget what was heard, and begin anew."""
        self.send(Message("reset"))
        self._panicking = True
        self.rise()

    def rise(self) -> None:
        """Fade in, as soon as what comes in now is heard."""
        still = max(v.latency + 2 * round(v.engine.hop_s * self.sample_rate) for v in self._sounding())
        self.output.mute(still + self.meters.block)

    def recall(self, preset: Preset | str) -> None:
        """Choose a preset, or one by its name: its values glide in, one of another plugin fades in.

        Raises:
            PresetError: no preset of that name, or one that does not fit its plugin.
            PluginNotFoundError: its plugin is not there.
            LiveError: its plugin is too slow for this machine.
        """
        (preset,) = checks.read_presets([preset])
        with self._choosing:
            if self._coming is not None:  # one change of plugins at a time
                self.bank.call(preset)
                return
            if same_plugin(preset.plugin, self.source):
                self.desk.recall(preset)
                self.midi.choose(preset.bindings)
            else:
                self._change_plugin(preset)
            self.bank.current = preset
            self.trouble = ""

    def change_plugin(self, source: str) -> None:
        """Play another plugin, its controls at their defaults: it fades in. `source` is what `load` takes.

        Raises:
            PluginNotFoundError: the plugin is not there.
            ShapeError: it takes other channels than there are.
            LiveError: it is too slow for this machine, or another one is fading in.
        """
        with self._choosing:
            if self._coming is not None:
                raise LiveError("another plugin is fading in; wait until it is there")
            self._change_plugin(Preset(source, source))
            self.bank.current = None
            self.trouble = ""
            self.bank.suit(source)

    def next_preset(self, step: int = 1) -> None:
        """Choose the preset so many places further in the list, and round; PresetError if there is none."""
        self.recall(self.bank.neighbour(step))

    def attend(self) -> None:
        """Do what must not be done while sound is made: presets that MIDI called, plugins that are done with.

        A stream calls it beside the sound; so does every `process`, unless it is told not to. A preset of
        another plugin takes about a second; `trouble` says why one cannot be recalled.
        """
        if self._attending.acquire(blocking=False):
            try:
                self._recall_called()
            finally:
                self._attending.release()

    def _recall_called(self) -> None:
        while self._done:
            self._done.popleft().close()
        for preset in self.bank.called(self.source) if self._coming is None else ():
            try:
                self.recall(preset)
            except LatentFXError as error:
                self._tell(f"preset {preset.name!r} is not recalled: {error}")

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.troubles.append(trouble)
        self.trouble = trouble

    def process(self, audio: ArrayLike, attend: bool = True) -> Float32:
        """Play the next block of a stream; after `latency` samples, the output is what `apply` makes.

        It waits for the plugin, and about a second for a preset of another one. A loop that must not wait
        calls `render`, and `attend()` in a thread of its own, every 50 ms or so.

        Args:
            audio: the block.
            attend: do first what `attend` does.
        Shape:
            audio [T], [C, T] or [T, C] -> the same, with the channels out

        Raises:
            ShapeError: audio with other channels.
        """
        if attend:
            self.attend()
        layout = find_layout(np.shape(audio), self.channels, "channels first")
        rows = to_channels(np.asarray(audio), layout)
        out = np.zeros((self.outputs, rows.shape[1]), np.float32)
        self._render(rows, out, in_step=True)
        return from_channels(out, layout)

    def render(self, audio: Float32, out: Float32) -> None:
        """Play a block into memory that is there: what an audio callback calls. A late block is a short fade.

        Shape:
            audio [C_in, T], out [C_out, T]

        Raises:
            ShapeError: audio with other channels.
        """
        self._render(audio, out, in_step=False)

    def _render(self, audio: Float32, out: Float32, in_step: bool) -> None:
        size = audio.shape[1]
        checks.check_shapes(audio.shape, out.shape, (self.channels, self.outputs))
        begin, good = time.perf_counter_ns(), True
        if self.keyboard is not None:
            audio = self.keyboard.render(*audio.shape)
        self.meters.begin(audio)
        for at in range(0, size, MAX_BLOCK):
            end = min(at + MAX_BLOCK, size)
            good &= self._play(audio[:, at:end], out[:, at:end], in_step)
        self.meters.end(time.perf_counter_ns() - begin, good)

    def prepare(self, block: int | None) -> None:
        """Begin anew with blocks of another size; not while blocks come in.

        Raises:
            LiveError: the plugin is too slow for it.
        """
        self._block = checks.check_block(block, 1)
        self.close()
        self._coming = None
        self.desk = self.desk.anew(self.meters.seconds)
        self.midi.attach(self.desk)
        self._voice = self._sound(self.desk)

    def stats(self) -> Stats:
        """The stream so far."""
        return gather(self, self._voice)

    def close(self) -> None:
        """End what runs beside the blocks."""
        for voice in (*self._sounding(), *self._done):
            voice.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _sound(self, desk: Desk) -> Voice:
        return Voice(desk, self.channels, self.sample_rate, self._block, self._place, self._reserve_s)

    def _map(self, desk: Desk, bindings: Iterable[Binding] = ()) -> MidiMap:
        return MidiMap(desk, bindings, self.bank.call)

    def _change_plugin(self, preset: Preset) -> None:
        """Start the preset's plugin beside the one that plays; blocks fade over to it."""
        desk = self.desk.next(preset, self.meters.seconds)
        midi = self._map(desk)
        midi.own = self.midi.own
        midi.choose(preset.bindings)
        voice = self._sound(desk)
        if self.keyboard is not None:
            self.keyboard.fit(desk.panel)
        self.desk, self.midi, self.source = desk, midi, preset.plugin
        self._coming = Crossfade(voice, self.outputs, self.sample_rate)

    def _sounding(self) -> list[Voice]:
        """The voice that plays, and the one that fades in."""
        coming = self._coming
        return [self._voice] if coming is None else [self._voice, coming.voice]

    def _play(self, audio: Float32, out: Float32, in_step: bool) -> bool:
        good = self._voice.play(audio, out, in_step)
        if self._voice.failure is not None:
            self._tell(f"the plugin failed, and you hear the input: {self._voice.failure}")
            self.output.bypass = True
        later = self._voice.latency - self._lateness  # a voice that takes over is as late as it is
        coming = self._coming
        if coming is not None:
            good &= coming.play(audio, out, in_step)
            if coming.over:
                self._done.append(self._voice)
                self._voice, self._coming = coming.voice, None
        self.meters.hear(self.output.process(audio, out, self._voice.latency), audio, out)
        if self._panicking and self.output.silent:
            for voice in self._sounding():
                voice.engine.wants_reset = True
            self._panicking = False
        if self.tap is not None:
            self.tap(audio, out, later)
        self._lateness = self._voice.latency
        return good
