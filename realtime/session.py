"""`latentfx.live`: from a plugin's name to sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from latentfx.binding import Binding
from latentfx.errors import ControlError, LiveError
from latentfx.host.processor import Processor
from latentfx.host.runtime import LatentPlugin
from latentfx.library import DEFAULT_PLUGIN
from latentfx.prepare import Reference, prepare
from latentfx.preset import Preset, list_presets
from latentfx.spec import Setting

from .checks import check_block, check_channels, check_place, check_rate, read_bindings, read_presets
from .devices import Device, find_device, share_a_clock, sound
from .feedback import refuse_feedback
from .host import LiveHost
from .keyed import Keyed
from .ports import VIRTUAL, MidiInput, list_midi_inputs, open_midi
from .recorder import Recorder, take_files
from .stats import Place
from .stream import LiveStream
from .wires import Wire, make_wire

PathLike = str | os.PathLike[str]


def live(
    plugin: PathLike | LatentPlugin | Preset = DEFAULT_PLUGIN,
    *,
    input: str | int | None = None,
    output: str | int | None = None,
    midi: str | Iterable[str] = (),
    bindings: Iterable[Binding | str] = (),
    presets: Iterable[Preset | str] | None = None,
    reference: Reference | None = None,
    sample_rate: float | None = None,
    block: int | None = None,
    input_channels: Sequence[int] | None = None,
    output_channels: Sequence[int] | None = None,
    place: Place | None = None,
    reserve_s: float | None = None,
    record: PathLike | None = None,
    overwrite: bool = False,
    allow_feedback: bool = False,
    keys: bool = False,
    **controls: Setting,
) -> LiveStream:
    """Play a plugin on a microphone and a loudspeaker, under MIDI.

    It sounds in a `with` block, which gives the host:

        with latentfx.live("timbre-swap", timbre="cello") as host:
            input("Enter ends it. ")

    A stream may end by itself, when its sound server is gone. Then leaving the block raises what happened;
    `running` tells before:

        stream = latentfx.live("timbre-swap", timbre="cello")
        with stream as host:
            while stream.running:
                host.controls["mix"] = knob()
                time.sleep(0.05)

    Args:
        plugin: name or file of a plugin, a loaded one, or a preset, whose MIDI bindings are taken too.
        input: name or number of the input device, or a part of its name; the system's default where None.
        output: the same of the output device.
        midi: MIDI inputs: names, `virtual`, `socket:PORT`.
        bindings: what MIDI turns: `Binding`s, or texts such as `"cc:21=mix"`.
        presets: those to choose from while playing, or their names; all of this plugin where None.
        reference: a recording to learn a choice from, as in `apply`.
        sample_rate: of the devices, 1000 to 768000 Hz; the plugin's where they have it.
        block: samples at once, 16 to 4096; 0 lets the sound system choose.
        input_channels: channels of the input device, from 1; as many as the plugin takes where None.
        output_channels: channels of the output device, from 1; the first two where None.
        place: where inference runs: `"callback"`, `"worker"`, or by measurement where None.
        reserve_s: sound that a worker keeps in hand, 0.001 to 0.5 s, against stalls of the machine; by
            measurement where None.
        record: file for what is heard; what came in goes beside it, to NAME-dry.
        overwrite: record over a take of this name, which is gone then.
        allow_feedback: play a microphone to the loudspeaker beside it.
        keys: MIDI keys play a tone into the plugin, and no microphone is open; `midi` is every input that
            there is where none is named, or a virtual one.
        controls: controls and blends by name: `timbre="trumpet", mix=0.8`.

    Raises:
        AudioFileError: a recording without a file name, or a take of that name and no `overwrite`.
        LiveError: PortAudio or a device is missing or refuses, feedback, a slow plugin, a bad place or
            reserve.
        ShapeError: a rate, a block or channels that cannot be, or that the plugin cannot take.
        MidiError: a MIDI port or a binding that makes no sense.
        ControlError: a control that does not exist, or a value that is not allowed.
        PluginNotFoundError: no plugin of that name.
        PresetError: no preset of that name, or one that does not fit its plugin.
    """
    check_place(place, reserve_s)
    if keys and (input is not None or input_channels is not None):
        raise LiveError(
            f"keys play in place of an input, and input is {input!r}, input_channels {input_channels!r}; "
            "leave those out, or the keys"
        )
    wanted_rate = None if sample_rate is None else check_rate(sample_rate)
    check_block(block, least=0)
    if record is not None:
        take_files(record, overwrite)
    wanted_inputs = check_channels("input_channels", input_channels)
    wanted_outputs = check_channels("output_channels", output_channels, once=True)
    bindings = read_bindings(bindings)
    start = plugin if isinstance(plugin, Preset) else None
    source_name = _name(plugin)
    loaded = _prepared(plugin, reference, controls)
    bank = list_presets(source_name) if presets is None else read_presets(presets)
    target = find_device(output, "output")
    source = target if keys else find_device(input, "input")
    if not (keys or allow_feedback):
        refuse_feedback(source, target)
    rate = wanted_rate or _rate(None if keys else source, target, loaded.sample_rate)
    outputs = wanted_outputs or list(range(1, min(2, target.outputs) + 1))
    if keys:
        channels = loaded.spec.in_channels
        wire: Wire = Keyed(target, rate, block, channels, outputs)
    else:
        inputs = wanted_inputs or list(range(1, min(loaded.spec.in_channels, source.inputs) + 1))
        channels = len(inputs)
        wire = make_wire(source, target, rate, block, inputs, outputs)
    with ExitStack() as stack:
        host = LiveHost(
            loaded,
            rate,
            channels=channels,
            outputs=len(outputs),
            place=place,
            reserve_s=reserve_s,
            bindings=bindings,
            presets=bank,
            source=source_name,
            keys=keys,
        )
        stack.callback(host.close)
        if start is not None:
            host.bank.current = start
            host.midi.choose(start.bindings)
        if host.keyboard is not None:
            host.keyboard.check()
        recorder = None if record is None else Recorder(record, host, overwrite)
        ports = _open_ports([midi] if isinstance(midi, str) else list(midi), host)
        stack.pop_all()  # the stream closes the host from here on
    return LiveStream(host, wire, ports, recorder, allow_feedback)


def _prepared(
    plugin: PathLike | LatentPlugin | Preset, reference: Reference | None, controls: dict[str, Setting]
) -> LatentPlugin:
    processor: Processor = prepare(plugin, reference, controls)
    if not isinstance(processor, LatentPlugin):
        raise ControlError("live plays one latent plugin, not a board; give the plugin")
    return processor


def _name(plugin: PathLike | LatentPlugin | Preset) -> str:
    if isinstance(plugin, Preset):
        return plugin.plugin
    return plugin.name if isinstance(plugin, LatentPlugin) else os.fspath(plugin)


def _rate(source: Device | None, target: Device, plugin_rate: float) -> float:
    """The plugin's rate where the devices have it, else the output's own."""
    sd = sound()
    try:
        sd.check_output_settings(target.index, None, "float32", samplerate=plugin_rate)
        if source is not None and share_a_clock(source, target):
            sd.check_input_settings(source.index, None, "float32", samplerate=plugin_rate)
    except (sd.PortAudioError, ValueError):
        return target.sample_rate
    return float(plugin_rate)


def _open_ports(names: list[str], host: LiveHost) -> list[MidiInput]:
    """Open the inputs that are named; keys without a name are those of every input, or of a virtual one."""
    if host.keyboard is not None and not names:
        names = list_midi_inputs() or [VIRTUAL]
    with ExitStack() as stack:
        ports = []
        for name in names:
            port = open_midi(name, host.send, lambda: host.desk.messages.is_flooded())
            stack.callback(port.close)
            ports.append(port)
        stack.pop_all()
    return ports
