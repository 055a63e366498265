"""Presets as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentfx.preset import Preset

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dump_preset(preset: Preset) -> str:
    """Write a preset as the TOML that `load_preset` reads."""
    return "\n".join(_lines(preset)) + "\n"


def _lines(preset: Preset) -> Iterator[str]:
    yield _entry("plugin", preset.plugin)
    if preset.description:
        yield _entry("description", preset.description)
    if preset.program is not None:
        yield _entry("program", preset.program)
    yield "\n[controls]"
    yield from (_entry(name, value) for name, value in preset.settings.items())
    for binding in preset.bindings:
        yield "\n[[midi]]"
        yield _entry("source", str(binding.source))
        yield _entry("control", binding.control)
        rest = {"low": binding.low, "high": binding.high, "smoothing_ms": binding.smoothing_ms or None}
        rest |= {"curve": None if binding.curve == "linear" else binding.curve}
        rest |= {"release": None if binding.release == "return" else binding.release}
        yield from (_entry(name, value) for name, value in rest.items() if value is not None)


def _entry(name: str, value: Any) -> str:
    key = name if _BARE.fullmatch(name) else _value(name)
    return f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    """A value as TOML writes it; its strings are those of JSON."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_entry(name, entry) for name, entry in value.items()) + " }"
    if isinstance(value, float):
        return repr(round(value, 6))
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
