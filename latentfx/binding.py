"""Says which MIDI message turns which control, and how far. It needs no MIDI library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from latentfx.arrays import Float32
from latentfx.control import Control
from latentfx.errors import ControlError, MidiError
from latentfx.spec import Blend, PluginSpec

Curve = Literal["linear", "square", "root"]
Release = Literal["return", "latch"]

# Kind of source -> the largest number that may follow it; None where none follows.
KINDS: Final[Mapping[str, int | None]] = {
    "cc": 119,
    "cc14": 31,
    "nrpn": 16382,  # 16383 stands for none
    "bend": None,
    "pressure": None,
    "note": None,
    "velocity": None,
    "steps": 127,
}
_CHOOSE_PARAMETERS: Final = range(98, 102)  # controllers that say which (N)RPN the data entry is for
_CURVES: Final = ("linear", "square", "root")
_RELEASES: Final = ("return", "latch")
_MOST_MS: Final = 10_000
_FORM: Final = "SOURCE=CONTROL[:LOW..HIGH][,OPTION=VALUE ...]"
_OPTIONS: Final[Mapping[str, str]] = {
    "curve": "|".join(_CURVES),
    "smoothing_ms": f"0..{_MOST_MS}",
    "release": "|".join(_RELEASES),
}
_SOURCE = re.compile(r"(?P<kind>[a-z]+(?:14)?)(?::(?P<number>[A-Ga-g][#b]?-?\d+|\d+))?(?:@(?P<channel>\d+))?")
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_OCTAVE = 12


@dataclass(frozen=True)
class Source:
    """What a binding listens to, written `KIND[:NUMBER][@CHANNEL]`.

    `cc:21` is a control change, `cc14:1` one of 14 bits (1 and 33), `nrpn:300` a parameter number, `bend`,
    `pressure` (of the channel), `note` and `velocity` of the last note held, `steps:C4` its distance from a
    root.

    Args:
        kind: one of `KINDS`.
        number: of the controller, parameter or root note; None where the kind has none.
        channel: 1 to 16; None for all.

    Raises:
        MidiError: a kind, number or channel that MIDI does not have.

    >>> Source.parse("steps:C4@2")
    Source(kind='steps', number=60, channel=2)
    """

    kind: str
    number: int | None = None
    channel: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise MidiError(f"MIDI source {self.kind!r} is unknown; allowed {', '.join(KINDS)}")
        most = KINDS[self.kind]
        if (self.number is None) != (most is None) or not 0 <= (self.number or 0) <= (most or 0):
            allowed = f"a number from 0 to {most}, as {self.kind}:1" if most else "no number"
            raise MidiError(f"MIDI source {self.kind} has the number {self.number}; it takes {allowed}")
        if self.kind == "cc" and self.number in _CHOOSE_PARAMETERS:
            raise MidiError(
                f"MIDI source {self} never moves a control: controllers 98 to 101 say which NRPN or RPN is "
                "meant; listen to the NRPN itself, such as nrpn:300"
            )
        if self.channel is not None and not 1 <= self.channel <= 16:
            raise MidiError(f"MIDI channel {self.channel}; allowed 1 to 16, or none for all")

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read `cc:21`, `bend@3`, `steps:C4`.

        Raises:
            MidiError: text that says something else.
        """
        found = _SOURCE.fullmatch(text.strip())
        if found is None:
            raise MidiError(
                f"MIDI source {text!r} cannot be read; write KIND[:NUMBER][@CHANNEL], such as cc:21, "
                f"bend@3 or steps:C4. Kinds are {', '.join(KINDS)}"
            )
        number, channel = found["number"], found["channel"]
        return cls(
            found["kind"],
            None if number is None else _number(number),
            None if channel is None else int(channel),
        )

    def overlaps(self, other: Source) -> bool:
        """Whether one message may move both.

        >>> Source.parse("cc:33@2").overlaps(Source.parse("cc14:1"))
        True
        """
        same = (self.kind, self.number) == (other.kind, other.number)
        same = same or bool(self._controllers() & other._controllers())
        return same and (None in (self.channel, other.channel) or self.channel == other.channel)

    def _controllers(self) -> set[int | None]:
        """The controllers that it listens to; empty for another kind of source."""
        if self.kind == "cc14":
            return {self.number, (self.number or 0) + 32}
        return {self.number} if self.kind == "cc" else set()

    def __str__(self) -> str:
        number = "" if self.number is None else f":{self.number}"
        return f"{self.kind}{number}" + ("" if self.channel is None else f"@{self.channel}")


@dataclass(frozen=True)
class Binding:
    """A MIDI source and the control, or blend, that it turns.

    It is written `SOURCE=CONTROL[:LOW..HIGH]`, and after it the options `,curve=`, `,smoothing_ms=` and
    (of `steps`) `,release=`, such as `cc:21=mix:0..0.8,curve=square,smoothing_ms=50`; `str` writes what
    `parse` reads.

    Args:
        source: what is listened to.
        control: name of a control; or of a blend, which goes from the blend `low` to the blend `high`.
        low: value at the lower end, in native units; the control's minimum where None.
        high: value at the upper end; the control's maximum where None. It may be below `low`.
        curve: `linear` along the control's own curve, `square` finer at the lower end, `root` at the upper.
        smoothing_ms: time in which the control goes two thirds of the way.
        release: whether the control returns to where it was when the last key is let go; `latch`, that it
            stays, is for `steps` alone.

    Raises:
        MidiError: a curve, a time or a release that makes no sense; a range or a curve for `steps`.
    """

    source: Source
    control: str
    low: float | str | None = None
    high: float | str | None = None
    curve: Curve = "linear"
    smoothing_ms: float = 0.0
    release: Release = "return"

    def __post_init__(self) -> None:
        if self.curve not in _CURVES:
            raise MidiError(f"binding curve {self.curve!r}; allowed {', '.join(_CURVES)}")
        if self.release not in _RELEASES:
            raise MidiError(f"binding release {self.release!r}; allowed {', '.join(_RELEASES)}")
        if self.release == "latch" and self.source.kind != "steps":
            raise MidiError(
                f"binding of {self.source} has release=latch, which is for steps alone, such as steps:C4; "
                "other sources move nothing when a key is let go: leave it out"
            )
        if self.source.kind == "steps" and (self.low, self.high, self.curve) != (None, None, "linear"):
            raise MidiError(
                f"binding of {self.source} has a range or a curve; keys go step by step through the whole "
                f"control: write {self.source}={self.control}"
            )
        if not 0 <= self.smoothing_ms <= _MOST_MS:
            raise MidiError(f"smoothing_ms is {self.smoothing_ms!r}; allowed 0 to {_MOST_MS}")

    @classmethod
    def parse(cls, text: str) -> Binding:
        """Read `cc:21=mix`, `bend=pitch_st:-2..2`, `cc:1=gain:..0.5,curve=square,smoothing_ms=50`.

        Raises:
            MidiError: text that says something else.

        >>> Binding.parse("steps:C4=steps,release=latch").release
        'latch'
        """
        source, equals, rest = text.partition("=")
        target, *options = rest.split(",")
        control, colon, span = target.partition(":")
        low, dots, high = (part.strip() for part in span.partition(".."))
        if not equals or not control.strip() or bool(colon) != bool(dots and (low or high)):
            raise MidiError(
                f"binding {text!r} cannot be read; write {_FORM}, such as cc:21=mix, "
                "bend=pitch_st:-2..2 or cc:1=timbre:violin..trumpet,smoothing_ms=50"
            )
        return cls(Source.parse(source), control.strip(), _end(low), _end(high), **_options(text, options))

    def target(self, spec: PluginSpec) -> Target:
        """What the binding does to the controls of one plugin.

        Raises:
            ControlError: no such control or blend, or an end outside its range.
            MidiError: a blend without its two ends.
        """
        blend = next((blend for blend in spec.blends if blend.name == self.control), None)
        if blend is not None:
            return self._blend_target(spec, blend)
        index = spec.index(self.control)
        control = spec.controls[index]
        low = control.minimum if self.low is None else self.low
        high = control.maximum if self.high is None else self.high
        ends = [control.to_unit(low), control.to_unit(high)]  # type: ignore[arg-type]  # `check` refuses text
        return Target((index,), np.array([ends]), self.curve, control)

    def _blend_target(self, spec: PluginSpec, blend: Blend) -> Target:
        if not isinstance(self.low, str) or not isinstance(self.high, str) or self.source.kind == "steps":
            raise MidiError(
                f"{self.control} is a blend; a binding goes from one mixture to another, such as "
                f"cc:1={self.control}:{'..'.join(list(blend.choices)[:2])}"
            )
        low, high = (blend.shares(blend.weights(end)) for end in (self.low, self.high))
        names = [name for name in low if low[name] or high[name] or name in blend.controls]
        ends = np.array([(low[name], high[name]) for name in names])
        return Target(tuple(map(spec.index, names)), ends, self.curve, None)

    def __str__(self) -> str:
        whole = self.low is None and self.high is None
        span = "" if whole else f":{_text(self.low)}..{_text(self.high)}"
        options = "" if self.curve == "linear" else f",curve={self.curve}"
        options += f",smoothing_ms={_text(self.smoothing_ms)}" if self.smoothing_ms else ""
        options += "" if self.release == "return" else f",release={self.release}"
        return f"{self.source}={self.control}{span}{options}"


@dataclass(frozen=True, eq=False)
class Target:
    """Where a binding writes.

    Args:
        indices: positions of the controls.
        ends: knob positions of a control, or values of a blend's controls, at both ends.
        curve: on the way from one end to the other.
        control: the control; None for a blend.
    Shape:
        ends [len(indices), 2]
    """

    indices: tuple[int, ...]
    ends: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    curve: Curve
    control: Control | None

    def write(self, row: Float32, position: float) -> None:
        """Set the controls for a position from 0 to 1.

        Shape:
            row [P]
        """
        x = position**2 if self.curve == "square" else position**0.5 if self.curve == "root" else position
        for index, (low, high) in zip(self.indices, self.ends, strict=True):
            value = low + (high - low) * x
            row[index] = value if self.control is None else self.control.from_unit(value)

    def write_steps(self, row: Float32, steps: int) -> None:
        """Set the control to a number of steps. A number outside its range moves into it by octaves of 12.

        Shape:
            row [P]
        """
        control = self.control
        if control is None:
            raise ControlError("steps turn one control, not a blend")
        while steps > control.maximum and steps - _OCTAVE >= control.minimum:
            steps -= _OCTAVE
        while steps < control.minimum and steps + _OCTAVE <= control.maximum:
            steps += _OCTAVE
        row[self.indices[0]] = min(max(float(steps), control.minimum), control.maximum)


def has_steps(control: Control) -> bool:
    """Whether keys can step along a control: whole numbers, or an octave or more of semitones or numbers."""
    wide = control.maximum - control.minimum >= _OCTAVE
    return control.curve == "integer" or (wide and control.unit in ("", "st"))


def _number(text: str) -> int:
    """A number, or a note's name: C4 is 60."""
    if text.isdigit():
        return int(text)
    name, octave = re.fullmatch(r"([A-Ga-g][#b]?)(-?\d+)", text).groups()  # type: ignore[union-attr]
    shift = {"#": 1, "b": -1}.get(name[1:], 0)
    return _OCTAVE * (int(octave) + 1) + _SEMITONES[name[0].upper()] + shift


def _options(text: str, words: Iterable[str]) -> dict[str, Any]:
    """The options that follow the control of a binding."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        if name not in _OPTIONS or name in found or not value:
            allowed = ", ".join(f"{option}={values}" for option, values in _OPTIONS.items())
            raise MidiError(f"binding {text!r} has the option {word!r}; allowed, once each: {allowed}")
        found[name] = _end(value) if name == "smoothing_ms" else value
    if isinstance(found.get("smoothing_ms"), str):
        raise MidiError(f"smoothing_ms is {found['smoothing_ms']!r}; allowed 0 to {_MOST_MS}")
    return found


def _end(text: str) -> float | str | None:
    try:
        return float(text) if text else None
    except ValueError:
        return text


def _text(end: float | str | None) -> str:
    if end is None or isinstance(end, str):
        return end or ""
    return repr(float(end)).removesuffix(".0")
