"""A help patch for Pure Data, as text."""

from __future__ import annotations

from latentfx.control import Control

from .panel import Panel

_COLOURS = "-262144 -1 -1"
_WIDTH = 128
_TALLEST = 10


class _Canvas:
    """Objects in order, and lines between them."""

    def __init__(self) -> None:
        self._objects: list[str] = []
        self._lines: list[str] = []

    def add(self, kind: str, x: int, y: int, text: str) -> int:
        """Add `obj`, `msg` or `text`; returns its number."""
        if kind == "text":
            text = text.replace(",", " \\,").replace(";", " \\;").replace("$", "\\$")
        self._objects.append(f"#X {kind} {x} {y} {text};")
        return len(self._objects) - 1

    def connect(self, source: int, outlet: int, target: int, inlet: int) -> None:
        """Draw a line."""
        self._lines.append(f"#X connect {source} {outlet} {target} {inlet};")

    def __str__(self) -> str:
        return "\n".join(["#N canvas 60 60 860 640 12;", *self._objects, *self._lines, ""])


def pd_patch(panel: Panel) -> str:
    """Write the patch: microphone or test tone, nn~, loudspeakers, and a dial for every control.

    The dials send their defaults when the patch opens; `bufsize 0` runs the model in Pure Data's own thread,
    with the smallest delay that nn~ has.
    """
    canvas = _Canvas()
    for row, note in enumerate(panel.notes):
        canvas.add("text", 20, 15 + 20 * row, note)
    effect = _chain(canvas, panel)
    begin = canvas.add("obj", 20, 268, "loadbang")
    for index, control in enumerate(panel.dials):
        _dial(canvas, begin, effect, control, 20 + 420 * (index // _TALLEST), 290 + 32 * (index % _TALLEST))
    for index, message in enumerate(panel.messages):
        button = canvas.add("msg", 440 + 190 * (index % 2), 110 + 26 * (index // 2), message)
        canvas.connect(button, 0, effect, 0)
    _rate_warning(canvas, panel)
    return str(canvas)


def _chain(canvas: _Canvas, panel: Panel) -> int:
    """Sound in, nn~ and sound out; returns nn~."""
    spec = panel.spec
    effect = canvas.add("obj", 20, 180, f"nn~ {panel.file} forward")
    source = canvas.add("obj", 20, 110, "adc~")
    for channel in range(spec.in_channels):
        canvas.connect(source, channel % 2, effect, channel)
    volume = canvas.add(
        "obj", 200, 210, f"hsl {_WIDTH} 15 0 1 0 1 empty empty volume -2 -8 0 10 {_COLOURS} 6400 1"
    )
    smooth = canvas.add("obj", 200, 232, "line~")
    pack = canvas.add("msg", 280, 232, "\\$1 20")
    canvas.connect(volume, 0, pack, 0)
    canvas.connect(pack, 0, smooth, 0)
    speakers = canvas.add("obj", 20, 250, "dac~")
    for channel in range(spec.out_channels):
        gain = canvas.add("obj", 20 + 60 * channel, 215, "*~")
        canvas.connect(effect, channel, gain, 0)
        canvas.connect(smooth, 0, gain, 1)
        for side in (0, 1) if spec.out_channels == 1 else (channel % 2,):
            canvas.connect(gain, 0, speakers, side)
    _test_tone(canvas, effect)
    switch = canvas.add("obj", 20, 145, f"tgl 19 0 empty empty sound_on 24 9 0 10 {_COLOURS} 0 1")
    power = canvas.add("msg", 140, 145, "\\; pd dsp \\$1")
    canvas.connect(switch, 0, power, 0)
    begin, small = canvas.add("obj", 300, 110, "loadbang"), canvas.add("msg", 300, 135, "bufsize 0")
    canvas.connect(begin, 0, small, 0)
    canvas.connect(small, 0, effect, 0)
    return effect


def _test_tone(canvas: _Canvas, effect: int) -> None:
    """A saw of 220 Hz for those without a microphone."""
    toggle = canvas.add("obj", 140, 110, f"tgl 19 0 empty empty test_tone 24 9 0 10 {_COLOURS} 0 1")
    quiet, wave, level = (
        canvas.add("obj", 220, y, text) for y, text in ((110, "* 0.2"), (135, "phasor~ 220"), (160, "*~"))
    )
    canvas.connect(toggle, 0, quiet, 0)
    canvas.connect(wave, 0, level, 0)
    canvas.connect(quiet, 0, level, 1)
    canvas.connect(level, 0, effect, 0)


def _dial(canvas: _Canvas, begin: int, effect: int, control: Control, x: int, y: int) -> None:
    """A slider that sends `set NAME value`, with its value beside it; it is sent its default at the start."""
    log = int(control.curve == "log")
    slider = canvas.add(
        "obj",
        x,
        y,
        f"hsl {_WIDTH} 15 {control.minimum:g} {control.maximum:g} {log} 0 empty empty "
        f"{control.name} 192 8 0 10 {_COLOURS} 0 1",
    )
    start = canvas.add("msg", x + 350, y - 2, f"{control.default:g}")
    canvas.connect(begin, 0, start, 0)
    canvas.connect(start, 0, slider, 0)
    shown = canvas.add("floatatom", x + 138, y, "6 0 0 0 - - -")
    send = canvas.add("msg", x + 290, y - 2, f"set {control.name} \\$1")
    canvas.connect(slider, 0, shown, 0)
    if control.curve == "integer":
        whole = canvas.add("obj", x + 250, y - 2, "int")
        canvas.connect(slider, 0, whole, 0)
        canvas.connect(whole, 0, send, 0)
    else:
        canvas.connect(slider, 0, send, 0)
    canvas.connect(send, 0, effect, 0)


def _rate_warning(canvas: _Canvas, panel: Panel) -> None:
    """A line in the console where the host runs at another rate."""
    rate = panel.spec.sample_rate
    begin, ask = canvas.add("obj", 640, 15, "loadbang"), canvas.add("obj", 640, 38, "samplerate~")
    differs, only = canvas.add("obj", 640, 61, f"!= {rate}"), canvas.add("obj", 720, 61, "sel 1")
    say = canvas.add(
        "msg", 720, 84, f"{panel.file} needs a sample rate of {rate} Hz - see Media/Audio Settings"
    )
    console = canvas.add("obj", 640, 84, "print")
    for source, target in ((begin, ask), (ask, differs), (differs, only), (only, say), (say, console)):
        canvas.connect(source, 0, target, 0)
