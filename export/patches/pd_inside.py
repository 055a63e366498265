"""What lies inside the subpatches of a help patch for Pure Data: sources, loudspeakers, and what is sent."""

from __future__ import annotations

from latentfx.control import Control

from .canvas import Canvas
from .panel import TONE_HZ, VOLUME_DB, Panel

_MILLISECONDS = 20
_ACROSS = 4


def sound_in(inputs: int) -> Canvas:
    """A microphone, a test tone and a file for every input, each with a switch."""
    canvas = Canvas(760, 90 + 330 * inputs)
    for index in range(inputs):
        top = 20 + 330 * index
        outlet = canvas.obj(20, top + 290, "outlet~")
        (microphone,) = canvas.chain(20, top, f"adc~ {1 + index % 2}")
        *_, tone = canvas.chain(180, top, f"phasor~ {TONE_HZ * (2 + index) // 2}", "-~ 0.5", "*~ 0.2")
        for source, x, name in ((microphone, 20, "mic"), (tone, 180, "tone")):
            canvas.connect(_switched(canvas, x, top + 90, f"{name}-{index}", source), 0, outlet, 0)
        canvas.connect(_file(canvas, 380, top, index), 0, outlet, 0)
    return canvas


def _switched(canvas: Canvas, x: int, y: int, name: str, source: int) -> int:
    """A sound that a toggle lets through; returns its last box."""
    *_, ramp = canvas.chain(x + 50, y, f"r \\$0-{name}", f"msg \\$1 {_MILLISECONDS}", "line~")
    level = canvas.obj(x, y + 100, "*~")
    canvas.connect(source, 0, level, 0)
    canvas.connect(ramp, 0, level, 1)
    return level


def _file(canvas: Canvas, x: int, y: int, index: int) -> int:
    """A sound file that is chosen, played and played again; returns its player."""
    chosen = canvas.chain(x, y, f"r \\$0-file-{index}", "openpanel")
    name = canvas.obj(x, y + 150, "symbol")
    *_, player = canvas.chain(x, y + 180, "msg open \\$1 \\, 1", "readsf~ 1")
    canvas.connect(chosen[1], 0, name, 1)
    toggle = canvas.chain(x + 130, y, f"r \\$0-play-{index}", "sel 1 0")
    stop = canvas.msg(x + 200, y + 60, "0")
    again = canvas.chain(x + 240, y, f"r \\$0-play-{index}", "spigot")
    canvas.connect(toggle[1], 0, name, 0)
    canvas.connect(toggle[1], 1, stop, 0)
    canvas.connect(stop, 0, player, 0)
    canvas.connect(name, 0, player - 1, 0)
    canvas.connect(again[0], 0, again[1], 1)
    canvas.connect(player, 1, again[1], 0)
    canvas.connect(again[1], 0, name, 0)
    return player


def sound_out(outputs: int) -> Canvas:
    """The volume, a limit at full scale, the loudspeakers, and the switch of all sound."""
    canvas = Canvas(560, 380)
    *_, level = canvas.chain(
        320, 20, "r \\$0-volume", "+ 100", "dbtorms", f"msg \\$1 {_MILLISECONDS}", "line~"
    )
    speakers = canvas.obj(20, 290, "dac~")
    for channel in range(outputs):
        _, gain, limit = canvas.chain(20 + 100 * channel, 150, "inlet~", "*~", "clip~ -1 1")
        canvas.connect(level, 0, gain, 1)
        for side in (0, 1) if outputs == 1 else (channel % 2,):
            canvas.connect(limit, 0, speakers, side)
    canvas.chain(20, 20, "r \\$0-dsp", "msg \\; pd dsp \\$1")
    _shown(canvas, 430, 20, "volume", [])
    _begun(canvas, 430, 150, "volume", str(VOLUME_DB))
    return canvas


def dials(controls: tuple[Control, ...]) -> Canvas:
    """What every slider sends to nn~, what its number shows, and its default at the start."""
    canvas = Canvas(40 + 660 * 2, 40 + 140 * -(-len(controls) // 2))
    for index, control in enumerate(controls):
        x, y = 20 + 660 * (index % 2), 20 + 140 * (index // 2)
        value = ["int"] if control.curve == "integer" else []
        canvas.chain(x, y, f"r \\$0-{control.name}", *value, f"msg set {control.name} \\$1", "s \\$0-nn")
        _shown(canvas, x + 210, y, control.name, value)
        _begun(canvas, x + 430, y + 0, control.name, f"{control.default:g}")
    return canvas


def _shown(canvas: Canvas, x: int, y: int, name: str, value: list[str]) -> None:
    """The number beside a slider follows it."""
    canvas.chain(x, y, f"r \\$0-{name}", *value, "msg set \\$1", f"s \\$0-{name}-show")


def _begun(canvas: Canvas, x: int, y: int, name: str, default: str) -> None:
    """A slider begins at its default."""
    canvas.chain(x, y, "loadbang", f"msg {default}", f"s \\$0-{name}-set")


def actions(panel: Panel) -> Canvas:
    """What every button sends to nn~, and what is sent at the start."""
    buttons = [button for group in panel.buttons.values() for button in group]
    canvas = Canvas(40 + 300 * _ACROSS, 150 + 110 * -(-len(buttons) // _ACROSS))
    canvas.chain(20, 20, "loadbang", "msg bufsize 0", "s \\$0-nn")
    canvas.chain(320, 20, "r \\$0-pause", "== 0", "msg enable \\$1", "s \\$0-nn")
    for index, button in enumerate(buttons):
        x, y = 20 + 300 * (index % _ACROSS), 150 + 110 * (index // _ACROSS)
        canvas.chain(x, y, f"r \\$0-button-{index}", f"msg {button.message}", "s \\$0-nn")
    return canvas


def rate(panel: Panel) -> Canvas:
    """Say in the console and in the patch that the host runs at another rate."""
    canvas = Canvas(900, 360)
    _, ask, _, which = canvas.chain(
        20, 20, "loadbang", "samplerate~", f"!= {panel.spec.sample_rate}", "sel 1 0"
    )
    switched = canvas.chain(160, 20, "r \\$0-dsp")
    say = canvas.msg(20, 150, f"{panel.wrong_rate} - see Media/Audio Settings")
    console = canvas.obj(20, 200, "print")
    wrong = canvas.msg(20, 240, f"label {panel.wrong_rate.replace(' ', '_')}!")
    right = canvas.msg(600, 240, "label empty")
    shown = canvas.obj(20, 290, "s \\$0-rate")
    for source, outlet, target in (
        (switched[0], 0, ask),
        (which, 0, say),
        (say, 0, console),
        (which, 0, wrong),
        (which, 1, right),
        (wrong, 0, shown),
        (right, 0, shown),
    ):
        canvas.connect(source, outlet, target, 0)
    return canvas
