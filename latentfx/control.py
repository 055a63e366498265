"""A knob: a named number with a range, a unit and a curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from latentfx.errors import ControlError

Curve = Literal["linear", "log", "integer"]

_ROUNDING = 1e-6  # parts of the range: as far as 32-bit arithmetic may put a value beyond its end


@dataclass(frozen=True)
class Control:
    """One control of a plugin, in native units.

    Args:
        name: an identifier that carries its unit (`pitch_st`, `mix`, `output_db`).
        minimum: smallest allowed value, in `unit`.
        maximum: largest allowed value, in `unit`.
        default: value at start, in `unit`.
        unit: shown beside the value (`"st"`, `"dB"`, `"ms"`, `""` for none).
        curve: how 0..1 travels over the range: `linear`, `log` (minimum > 0), `integer` (steps).
        description: one line for people.
    Raises:
        ControlError: the name, range or curve makes no sense.

    >>> mix = Control("mix", 0.0, 1.0, 1.0)
    >>> mix.check(1.4)
    Traceback (most recent call last):
    ...
    latentfx.errors.ControlError: control 'mix' is 1.4; allowed 0 to 1
    """

    name: str
    minimum: float
    maximum: float
    default: float
    unit: str = ""
    curve: Curve = "linear"
    description: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ControlError(f"control name {self.name!r} is not an identifier")
        if self.curve not in ("linear", "log", "integer"):
            raise ControlError(f"control {self.name!r}: curve {self.curve!r} is not linear, log or integer")
        if not all(map(math.isfinite, (self.minimum, self.maximum, self.default))):
            raise ControlError(f"control {self.name!r}: the range and the default must be finite")
        if not self.minimum < self.maximum:
            raise ControlError(
                f"control {self.name!r}: minimum {self.minimum:g} is not below maximum {self.maximum:g}"
            )
        if self.curve == "log" and self.minimum <= 0:
            raise ControlError(f"control {self.name!r}: a log curve needs a minimum above 0")
        self.check(self.default)

    @property
    def allowed(self) -> str:
        """The range as people read it: `-12 to 12 st`."""
        return f"{self.minimum:g} to {self.maximum:g}{' ' + self.unit if self.unit else ''}"

    def check(self, value: float) -> float:
        """Return the value as a float, or raise when it is outside the range by more than a rounding error.

        Raises:
            ControlError: not a number, or outside minimum..maximum.
        """
        try:
            number = math.nan if getattr(value, "ndim", 0) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if math.isnan(number):
            raise ControlError(f"control {self.name!r} is {value!r}; allowed {self.allowed}")
        beyond = max(self.minimum - number, number - self.maximum)
        if 0 < beyond <= _ROUNDING * (self.maximum - self.minimum):
            number = min(max(number, self.minimum), self.maximum)
        if not self.minimum <= number <= self.maximum:
            raise ControlError(f"control {self.name!r} is {number:g}; allowed {self.allowed}")
        return float(round(number)) if self.curve == "integer" else number

    def from_unit(self, position: float) -> float:
        """Map a knob position 0..1 (clamped) to a value in native units."""
        x = min(max(float(position), 0.0), 1.0)
        if self.curve == "log":
            value = self.minimum * (self.maximum / self.minimum) ** x
        else:
            value = self.minimum + x * (self.maximum - self.minimum)
        if self.curve == "integer":
            value = round(value)
        return min(max(float(value), self.minimum), self.maximum)

    def to_unit(self, value: float) -> float:
        """Map a value in native units to the knob position 0..1."""
        number = self.check(value)
        if self.curve == "log":
            return math.log(number / self.minimum) / math.log(self.maximum / self.minimum)
        return (number - self.minimum) / (self.maximum - self.minimum)
