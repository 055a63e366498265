"""Presets as TOML that people can read and change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any, Final

import tomli_w

from latentfx.binding import Binding, Source
from latentfx.errors import PresetError
from latentfx.preset.preset import Preset

_FIELDS: Final = {"plugin", "description", "program", "controls", "midi"}
_DIGITS: Final = 6


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
        if not isinstance(value, int | float | str | dict):
            raise PresetError(f"{control} is {value!r}; write a number, a choice or a table of choices")
    program = raw.get("program")
    if program is not None and not (isinstance(program, int) and 0 <= program <= 127):
        raise PresetError(f"program is {program!r}; allowed 0 to 127")
    bindings = tuple(
        Binding(**{**binding, "source": Source.parse(str(binding["source"]))})
        for binding in raw.get("midi", ())
    )
    description = str(raw.get("description", ""))
    return Preset(name, raw["plugin"], settings, description, bindings, program)


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
