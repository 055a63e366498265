"""A help patch for Max, as JSON."""

from __future__ import annotations

from .max_boxes import Patcher, Place, add_dial
from .panel import TONE_HZ, VOLUME_DB, Button, Panel

_PER_ROW = 6
_LEFT, _TOP, _DIALS = 20, 110, 400
_DIAL_WIDTH, _DIAL_HEIGHT = 110, 72
_UNITY, _STEP_DB = 128, 0.6  # of gain~
_BLUE, _PINK, _GREEN = (0.83, 0.89, 0.97, 1.0), (0.97, 0.84, 0.84, 1.0), (0.84, 0.94, 0.84, 1.0)
_RED = [0.8, 0.1, 0.1, 1.0]


def max_patch(panel: Panel) -> str:
    """Write the patch: sound in, nn~ and sound out from top to bottom; dials in rows beside them.

    It opens in presentation mode, with the sound off and the volume low. The dials send their defaults. The
    third argument of nn~ is 0: Max's own audio thread runs the model, with the smallest delay that nn~ has.
    """
    patcher, bus = Patcher(), f"{panel.file}-nn"
    width = max(620, _DIALS + _DIAL_WIDTH * min(_PER_ROW, len(panel.dials)))
    for row, note in enumerate(panel.notes):
        where = (_LEFT, 12 + 20 * row, 8 * len(note) + 20, 20)
        patcher.say(where, note, where)
    add_rate_warning(patcher, panel, (_LEFT, 700), (_LEFT, 76, 420, 20))
    bottom = _flow(patcher, panel, bus)
    bottom = max(bottom, _dials(patcher, panel, bus))
    bottom = _buttons(patcher, panel, bus, bottom)
    return patcher.text(width + 40, bottom + 40)


def add_rate_warning(patcher: Patcher, panel: Panel, place: tuple[float, float], shown: Place) -> None:
    """Say in the patch and in the console that the host runs at another rate; read when the sound starts."""
    x, y = place
    begin, state = (
        patcher.obj(x, y, "loadbang", 1, "bang"),
        patcher.obj(x, y + 30, "dspstate~", 1, "int", "float", "int", "int"),
    )
    differs = patcher.obj(x, y + 60, f"!= {panel.spec.sample_rate}.", 2, "int")
    which = patcher.obj(x, y + 90, "sel 1 0", 1, "bang", "bang", "")
    wrong = patcher.msg(x, y + 120, f"set {panel.wrong_rate}: see Options/Audio Status")
    right = patcher.msg(x + 560, y + 120, "set")
    said = patcher.say((x, y + 150, 420, 20), "", shown, textcolor=_RED, fontface=1)
    patcher.chain(begin, state)
    patcher.connect(state, 1, differs, 0)
    patcher.chain(differs, which, wrong, said)
    patcher.connect(which, 1, right, 0)
    patcher.connect(right, 0, said, 0)
    patcher.connect(wrong, 0, patcher.obj(x + 560, y + 90, f"print {panel.file}"), 0)


def _flow(patcher: Patcher, panel: Panel, bus: str) -> float:
    """Sound in, nn~ and sound out; returns where they end in the presentation."""
    spec = panel.spec
    height = 34 + 30 * len(panel.inputs)
    _area(patcher, 0, _TOP, height, _BLUE, "1  SOUND IN")
    model = _TOP + height + 10
    _area(patcher, 1, model, 64, _PINK, "2  THE MODEL")
    text = f"nn~ {panel.file} forward 0"
    size = 7 * len(text) + 20
    effect = patcher.add(
        "newobj",
        (_LEFT, 460, size, 22),
        (spec.in_channels, ["signal"] * spec.out_channels),
        (_LEFT, model + 32, size, 22),
        text=text,
    )
    patcher.chain(patcher.obj(_LEFT, 120, f"r {bus}", 0, ""), effect)
    for index, name in enumerate(panel.inputs):
        _input(patcher, name, index, effect)
    _area(patcher, 2, model + 74, 92, _GREEN, "3  SOUND OUT")
    _sound_out(patcher, spec.out_channels, effect, model + 74)
    return model + 74 + 92


def _area(
    patcher: Patcher, index: int, y: float, height: float, colour: tuple[float, ...], heading: str
) -> None:
    """A coloured ground with its heading; in the patch itself both lie aside."""
    shown = (_LEFT - 10, y, _DIALS - _LEFT - 10, height)
    look = {"background": 1, "bgcolor": list(colour), "bordercolor": list(colour)}
    patcher.add("panel", (1300, 20 + 40 * index, 30, 30), (1, []), shown, **look)
    patcher.say((1340, 20 + 40 * index, 150, 20), heading, (_LEFT, y + 6, 150, 20), fontface=1)


def _input(patcher: Patcher, name: str, index: int, effect: str) -> None:
    """One input: the microphone, a test tone, and a file, each with a switch."""
    x, y = 150 + 560 * index, _TOP + 32 + 30 * index
    patcher.say((x, 110, 90, 20), name, (_LEFT, y, 90, 20))
    microphone = patcher.obj(x, 200, f"adc~ {1 + index % 2}", 1, "signal")
    tone = patcher.obj(x + 140, 200, f"saw~ {TONE_HZ * (2 + index) / 2:g}", 2, "signal")
    soft = patcher.obj(x + 140, 230, "*~ 0.2", 2, "signal")
    patcher.chain(tone, soft)
    for source, left, shown, label in ((microphone, 0, 110, "mic"), (soft, 140, 170, "tone")):
        switch = patcher.toggle(x + left + 60, 140, (shown, y))
        patcher.say((x + left + 90, 140, 40, 20), label, (shown + 22, y, 34, 20))
        message = patcher.msg(x + left + 60, 170, "$1 20")
        ramp = patcher.obj(x + left + 60, 200 if left == 0 else 262, "line~", 2, "signal", "bang")
        level = patcher.obj(x + left, 300, "*~", 2, "signal")
        patcher.chain(switch, message, ramp)
        patcher.connect(ramp, 0, level, 1)
        patcher.connect(source, 0, level, 0)
        patcher.connect(level, 0, effect, index)
    player = patcher.obj(x + 300, 300, "sfplay~ 1", 2, "signal", "bang")
    choose = patcher.button(x + 300, 140, "file..", (235, y, 60, 20))
    play = patcher.toggle(x + 430, 140, (305, y))
    patcher.say((x + 460, 140, 40, 20), "play", (327, y, 40, 20))
    patcher.chain(choose, patcher.msg(x + 300, 200, "open"), player)
    patcher.chain(
        patcher.obj(x + 300, 230, "loadbang", 1, "bang"), patcher.msg(x + 390, 230, "loop 1"), player
    )
    patcher.connect(play, 0, player, 0)
    patcher.connect(player, 0, effect, index)


def _sound_out(patcher: Patcher, channels: int, effect: str, y: float) -> None:
    """The volume, which begins low, and the switch of all sound."""
    begin = patcher.obj(_LEFT + 300, 500, f"loadmess {_UNITY + round(VOLUME_DB / _STEP_DB)}", 1, "")
    speakers = patcher.add("ezdac~", (_LEFT, 600, 45, 45), (2, []), (_LEFT, y + 34, 45, 45))
    patcher.say((_LEFT + 60, 600, 70, 20), "sound on", (_LEFT + 50, y + 46, 70, 20))
    patcher.say((_LEFT + 140, 600, 60, 20), "volume", (_LEFT + 130, y + 28, 150, 20))
    first = ""
    for channel in range(channels):
        shown = None if channel else (_LEFT + 130.0, y + 48, 200.0, 24.0)
        place = (_LEFT + 150 * channel, 540, 140, 22)
        fader = patcher.add("gain~", place, (1, ["signal", ""]), shown, orientation=1, parameter_enable=0)
        patcher.connect(effect, channel, fader, 0)
        for side in (0, 1) if channels == 1 else (channel % 2,):
            patcher.connect(fader, 0, speakers, side)
        patcher.connect(first or begin, 1 if first else 0, fader, 0)
        first = first or fader


def _dials(patcher: Patcher, panel: Panel, bus: str) -> float:
    """Dials in rows; returns where they end in the presentation."""
    for index, control in enumerate(panel.dials):
        column, row = index % _PER_ROW, index // _PER_ROW
        shown = (_DIALS + _DIAL_WIDTH * column, _TOP + _DIAL_HEIGHT * row, 96, 48)
        add_dial(patcher, control, 20 + 210 * column, 900 + 130 * row, shown, bus)
    return _TOP + _DIAL_HEIGHT * -(-len(panel.dials) // _PER_ROW)


def _buttons(patcher: Patcher, panel: Panel, bus: str, top: float) -> float:
    """What can be clicked, in groups with a heading; returns where they end in the presentation."""
    y, below = top + 16, 940 + 130 * -(-len(panel.dials) // _PER_ROW)
    number = 0
    for heading, buttons in panel.buttons.items():
        patcher.say((1340, 160 + below + y, 120, 20), heading.upper(), (_LEFT, y, 120, 20), fontface=1)
        y += 24
        width = 10 + 7 * max(len(button.label) for button in buttons)
        across = max(1, 560 // (width + 10))
        for index, button in enumerate(buttons):
            shown = (_LEFT + (width + 10) * (index % across), y + 28 * (index // across), width, 22)
            place = 20 + 260 * (number % 5), below + 110 * (number // 5)
            add_button(patcher, button, place, shown, bus)
            number += 1
        y += 28 * -(-len(buttons) // across) + 8
    return y


def add_button(patcher: Patcher, button: Button, place: tuple[float, float], shown: Place, bus: str) -> None:
    """Add a button and what it sends to nn~."""
    x, y = place
    patcher.chain(
        patcher.button(x, y, button.label, shown),
        patcher.msg(x, y + 30, button.message),
        patcher.obj(x, y + 60, f"s {bus}"),
    )
