"""Presets as TOML that people can read and change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

import tomli_w

from latentfx.binding import Binding, Source
from latentfx.errors import PresetError
from latentfx.names import shown
from latentfx.preset.preset import Preset

_FIELDS: Final = {"plugin", "description", "program", "controls", "midi"}
_MIDI_FIELDS: Final = {"source", "control", "low", "high", "curve", "smoothing_ms", "release"}
_NEEDED: Final = {"source", "control"}
_DIGITS: Final = 6
_LARGEST: Final = 1e30


def dump_preset(preset: Preset) -> str:
    """Write a preset as the TOML that `parse_preset` reads."""
    table: dict[str, Any] = {"plugin": preset.plugin}
    if preset.description:
        table["description"] = preset.description
    if preset.program is not None:
        table["program"] = preset.program
    table["controls"] = {name: _rounded(value) for name, value in preset.settings.items()}
    if preset.bindings:
        table["midi"] = [_binding_table(binding) for binding in preset.bindings]
    return tomli_w.dumps(table)


def parse_preset(name: str, text: str) -> Preset:
    """Read a preset.

    Args:
        name: of the preset; the text does not hold it.
        text: the TOML.

    Raises:
        PresetError: a field that is unknown, missing or of the wrong kind.
        ValueError, TypeError, KeyError: text that is no TOML, or a binding that makes no sense.
    """
    raw = tomllib.loads(text)
    unknown = raw.keys() - _FIELDS
    if unknown:
        raise PresetError(f"it has {', '.join(sorted(unknown))}; allowed {', '.join(sorted(_FIELDS))}")
    if not isinstance(raw.get("plugin"), str) or not isinstance(raw.get("controls", {}), dict):
        raise PresetError('it needs plugin = "NAME" and a table [controls]')
    settings: dict[str, Any] = raw.get("controls", {})
    for control, value in settings.items():
        _check_setting(control, value)
    program = raw.get("program")
    if program is not None and not (isinstance(program, int) and 0 <= program <= 127):
        raise PresetError(f"program is {program!r}; allowed 0 to 127")
    bindings = tuple(map(_read_binding, _midi_tables(raw.get("midi", []))))
    description = str(raw.get("description", ""))
    return Preset(name, raw["plugin"], settings, description, bindings, program)


def _check_setting(control: str, value: object) -> None:
    """Refuse a value that no control has.

    Raises:
        PresetError: it is none.
    """
    if isinstance(value, str):
        return
    numbers = list(value.values()) if isinstance(value, dict) else [value]
    for number in numbers:
        if not isinstance(number, int | float):
            raise PresetError(f"{control} is {value!r}; write a number, a choice or a table of choices")
        if not abs(number) <= _LARGEST:
            raise PresetError(f"{control} is {shown(value, 40)}; allowed are numbers up to {_LARGEST:g}")


def _midi_tables(midi: object) -> list[Any]:
    if not isinstance(midi, list):
        raise PresetError("it has [midi]; write [[midi]], in double brackets, once for each binding")
    return midi


def _read_binding(table: object) -> Binding:
    """One table [[midi]]."""
    if not isinstance(table, dict):
        raise PresetError(f"midi holds {table!r}; write [[midi]] and below it source = and control =")
    unknown, missing = sorted(table.keys() - _MIDI_FIELDS), sorted(_NEEDED - table.keys())
    if unknown or missing:
        wrong = f"has {', '.join(unknown)}" if unknown else f"lacks {', '.join(missing)}"
        raise PresetError(f"a table [[midi]] {wrong}; allowed {', '.join(sorted(_MIDI_FIELDS))}")
    if not isinstance(table["control"], str):
        raise PresetError(f"a table [[midi]] has control = {table['control']!r}; write the name of a control")
    return Binding(**{**table, "source": Source.parse(str(table["source"]))})


def _binding_table(binding: Binding) -> dict[str, Any]:
    """A binding as a table; what is as usual is left out."""
    table = {
        "source": str(binding.source),
        "control": binding.control,
        "low": binding.low,
        "high": binding.high,
        "smoothing_ms": binding.smoothing_ms or None,
        "curve": None if binding.curve == "linear" else binding.curve,
        "release": None if binding.release == "return" else binding.release,
    }
    return {name: _rounded(value) for name, value in table.items() if value is not None}


def _rounded(value: Any) -> Any:
    """The same with floats that people can read: 0.7, where float32 gave 0.699999988."""
    if isinstance(value, Mapping):
        return {name: _rounded(entry) for name, entry in value.items()}
    return round(value, _DIGITS) if isinstance(value, float) else value
