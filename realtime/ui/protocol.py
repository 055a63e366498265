"""What a page and its host say to each other; `latentfx/page/surface.js` has it in words.

What comes from a page may be anything, from anybody: `read` takes what fits the schema, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta, Struct

from latentfx.control import Control
from latentfx.errors import ControlError
from latentfx.realtime.stats import Stats
from latentfx.realtime.surface import Surface
from latentfx.realtime.view import DeviceView, SignalView, View

MAX_BYTES: Final = 1 << 16

_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
_Part = Annotated[float, Meta(ge=0, le=1)]
_Values = Annotated[dict[_Name, _Number], Meta(max_length=64)]


class PageAction(Struct, tag_field="do", forbid_unknown_fields=True):
    """Something that a page asks for. `SLOW` ones take their time, and are done one after the other."""

    SLOW: ClassVar[bool] = False

    def obey(self, surface: Surface) -> None:
        """Do it.

        Raises:
            LatentFXError: it cannot be done; nothing is changed then.
        """
        raise NotImplementedError


class _Set(PageAction, tag="set"):
    values: _Values

    def obey(self, surface: Surface) -> None:
        surface.set(**{name: surface.clip(name, value) for name, value in self.values.items()})


class _Reset(PageAction, tag="reset"):
    name: _Name

    def obey(self, surface: Surface) -> None:
        surface.put_back(self.name)


class _Learn(PageAction, tag="learn"):
    name: _Name | None

    def obey(self, surface: Surface) -> None:
        surface.learn(self.name)


class _Unbind(PageAction, tag="unbind"):
    name: _Name

    def obey(self, surface: Surface) -> None:
        surface.unbind(self.name)


class _Loop(PageAction, tag="loop"):
    blend: _Name
    seconds: _Number
    points: Annotated[list[tuple[_Part, _Part]], Meta(max_length=256)]
    steps: Annotated[list[_Values], Meta(max_length=256)]

    def obey(self, surface: Surface) -> None:
        surface.loop(self.blend, self.seconds, tuple(self.points), self.steps)


class _Unloop(PageAction, tag="unloop"):
    def obey(self, surface: Surface) -> None:
        surface.unloop()


class _Preset(PageAction, tag="preset"):
    name: _Name

    def obey(self, surface: Surface) -> None:
        surface.call(self.name)


class _Morph(PageAction, tag="morph"):
    a: _Name
    b: _Name
    t: _Part

    def obey(self, surface: Surface) -> None:
        surface.morph(self.a, self.b, self.t)


class _Save(PageAction, tag="save"):
    SLOW: ClassVar[bool] = True
    name: _Name | None

    def obey(self, surface: Surface) -> None:
        surface.save(self.name)


class _Bypass(PageAction, tag="bypass"):
    on: bool

    def obey(self, surface: Surface) -> None:
        surface.bypass(self.on)


class _Panic(PageAction, tag="panic"):
    def obey(self, surface: Surface) -> None:
        surface.panic()


class _Record(PageAction, tag="record"):
    SLOW: ClassVar[bool] = True
    file: _Name

    def obey(self, surface: Surface) -> None:
        surface.record_here(self.file)


class _Stop(PageAction, tag="stop"):
    SLOW: ClassVar[bool] = True

    def obey(self, surface: Surface) -> None:
        surface.stop_recording()


class _Plugin(PageAction, tag="plugin"):
    SLOW: ClassVar[bool] = True
    name: _Name

    def obey(self, surface: Surface) -> None:
        surface.change_plugin(self.name)


class _Devices(PageAction, tag="devices"):
    SLOW: ClassVar[bool] = True
    input: _Name
    output: _Name

    def obey(self, surface: Surface) -> None:
        surface.change_devices(self.input, self.output)


_Any = (
    _Set | _Reset | _Learn | _Unbind | _Loop | _Unloop | _Preset | _Morph
    | _Save | _Bypass | _Panic | _Record | _Stop | _Plugin | _Devices
)  # fmt: skip
_DECODER: Final = msgspec.json.Decoder(_Any)


def read(text: str | bytes) -> PageAction:
    """Read what a page asks for.

    Raises:
        ControlError: it is not in the schema.
    """
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ControlError(f"the message is not understood: {error}") from None


def state(view: View, devices: DeviceView, plugins: list[str]) -> dict[str, Any]:
    """All that a page shows and that does not move by itself, as JSON can hold it."""
    return {
        "plugin": {
            "name": view.stats.plugin,
            "description": view.description,
            "controls": _described(tuple(shown.control for shown in view.controls)),
            "blends": [
                {"name": blend.name, "description": blend.description, "labels": dict(blend.labels)}
                for blend in view.blends
            ],
            "maps": {blend.name: {"points": blend.places} for blend in view.blends if blend.places},
        },
        "values": {shown.control.name: shown.value for shown in view.controls},
        **({"sources": {s.control.name: s.sources for s in view.controls}} if view.hears_midi else {}),
        "learning": next((shown.control.name for shown in view.controls if shown.learning), None),
        "keys": view.keys,
        "loop": None if view.loop is None else asdict(view.loop),
        "state": view.state,
        "preset": view.stats.preset,
        "presets": view.presets,
        "plugins": plugins,
        "source": view.source,
        "devices": asdict(devices),
        "take": None if view.take is None else asdict(view.take),
        "trouble": view.trouble,
    }


@lru_cache(maxsize=4)
def _described(controls: tuple[Control, ...]) -> list[dict[str, Any]]:
    """What does not change while a plugin plays, made once."""
    return [asdict(control) for control in controls]


def news(known: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The message that leads from one state to another: what changed, and of `values` those that did."""
    changed = {key: value for key, value in now.items() if key not in known or known[key] != value}
    if "values" in changed and "plugin" not in changed:
        before = known.get("values", {})
        changed["values"] = {name: v for name, v in now["values"].items() if before.get(name) != v}
    return {"type": "state", **changed} if changed else {}


def meters(signal: SignalView, stats: Stats) -> dict[str, Any]:
    """What moves by itself."""
    return {
        "type": "meters",
        **asdict(signal),
        "seconds": round(signal.seconds, 3),
        "input_db": round(signal.input_db, 1),
        "output_db": round(signal.output_db, 1),
        "load": round(stats.load, 3),
        "latency": {key: part for key, part in asdict(stats.latency).items() if part == part},
    }


def encode(message: Mapping[str, Any]) -> str:
    """A message as text."""
    return msgspec.json.encode(message).decode()
