"""What a check found, and all of them together."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

from latentfx.errors import ContractError

Progress = Callable[[str], None]
"""Called with the name of what begins."""


def in_silence(name: str) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True)
class Check:
    """One measured law.

    Args:
        name: which check, one word (`splits`, `latency`, ...).
        measured: the number found; smaller is better.
        allowed: the largest number that passes.
        unit: of both numbers.
        advice: what to do when it fails.
    """

    name: str
    measured: float
    allowed: float
    unit: str
    advice: str

    @property
    def passed(self) -> bool:
        """Whether the number found is allowed; NaN never is."""
        return self.measured <= self.allowed

    def __str__(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        line = f"{verdict}  {self.name}: {self.measured:.4g} {self.unit}; allowed {self.allowed:.4g}"
        return line if self.passed else f"{line}. {self.advice}"


class Report(ABC):
    """Every check that was run on one thing."""

    checks: tuple[Check, ...]

    @property
    @abstractmethod
    def subject(self) -> str:
        """What was checked: a kind and a name."""

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it: a number that is none, or infinite, becomes None."""
        rows = {check.name: asdict(check) | {"passed": check.passed} for check in self.checks}
        for row in rows.values():
            row["measured"] = row["measured"] if math.isfinite(row["measured"]) else None
            del row["name"], row["advice"]
        return {"passed": self.passed, "checks": rows}

    def require(self) -> Self:
        """Return the report, or raise when a check failed.

        Raises:
            ContractError: with every failed check, its number, the allowed one and the cure.
        """
        if not self.passed:
            lines = "\n".join(f"  {check}" for check in self.failures)
            raise ContractError(f"{self.subject} breaks the contract:\n{lines}")
        return self

    def __str__(self) -> str:
        return "\n".join([self.subject, *(f"  {check}" for check in self.checks)])


@dataclass(frozen=True)
class ContractReport(Report):
    """Every check that was run on one plugin.

    Args:
        plugin: its name.
        checks: in the order in which they ran. A plugin that fails the checks of form or purity is not
            asked the rest: nothing that is measured on it would mean anything.
    """

    plugin: str
    checks: tuple[Check, ...]

    @property
    def subject(self) -> str:
        return f"plugin {self.plugin!r}"


@dataclass(frozen=True)
class MethodReport(Report):
    """Every check that was run on one method.

    Args:
        method: name of the class of its objective.
        checks: in the order in which they ran.
    """

    method: str
    checks: tuple[Check, ...]

    @property
    def subject(self) -> str:
        return f"method {self.method!r}"
