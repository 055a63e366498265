"""The law of `latentfx.plugin` as a function."""

from __future__ import annotations

from collections.abc import Callable

from latentfx.plugin import Plugin
from latentfx.testing import purity, robustness
from latentfx.testing.drive import Terms, evaluating
from latentfx.testing.report import Check, ContractReport, Progress, in_silence

_PURITY = (purity.check_inputs_unchanged, purity.check_pure)
_LAWS = (
    purity.check_splits,
    purity.check_rows,
    robustness.check_latency,
    robustness.check_finite,
    robustness.check_recovery,
    robustness.check_silence,
    robustness.check_inaudible,
    robustness.check_clicks,
)


def check_contract(
    plugin: Plugin,
    terms: Terms | None = None,
    *,
    stop_where_impure: bool = True,
    progress: Progress = in_silence,
) -> ContractReport:
    """Measure a plugin against the contract, and report without raising.

    Args:
        plugin: any plugin.
        terms: under which terms; those of `verify_contract` by default.
        stop_where_impure: whether a plugin whose calls are not pure is measured no further; what is found
            beyond holds for the run at hand.
        progress: called with the name of each check as it begins.
    """
    terms = terms or Terms()
    with evaluating(plugin):
        progress("form")
        checks = [purity.check_form(plugin, terms)]
        for group in (_PURITY, _laws(plugin)):
            if all(check.passed for check in checks if stop_where_impure or check.name == "form"):
                for check in group:
                    progress(name_of(check))
                    checks.append(check(plugin, terms))
    return ContractReport(plugin.spec.name, tuple(checks))


def verify_contract(
    plugin: Plugin,
    *,
    nonlinear: bool = False,
    tolerance: float = 1e-4,
    settle_s: float = 1.0,
    latency_slack: int | None = None,
    splits: int = 3,
    seed: int = 0,
    progress: Progress = in_silence,
) -> ContractReport:
    """Check a plugin against the contract that every host relies on.

    1. `splits`: any split of the input into whole blocks gives the output of one call. 2. `latency` (and
    `dry_latency` where there is a control `mix`): sound comes out `spec.latency` samples later. 3. `form`,
    `inputs_unchanged`, `pure`: state is float32, batch first, explicit; a call changes nothing that it was
    given, and the same input and state give the same output. 4. `rows`: batch rows are independent. 5.
    `finite`, `recovery`: NaN and Inf in give finite sound out, and the sound comes back. 6. `silence`:
    silence in, silence out; `inaudible`: what nobody hears becomes no sound. 7. `clicks`: a control that
    jumps does not click.

    Args:
        plugin: any plugin; it is run in `eval()` and without gradients.
        nonlinear: for models that do not keep the waveform: latency is measured by energy, recovery by level.
        tolerance: allowed difference of samples where two runs must agree, relative to the peak of the output
            where that is above 1 (controls such as `output_db` are set at random).
        settle_s: seconds after which silence must be silent; half of it after which bad samples must be
            forgotten.
        latency_slack: samples that the measured latency may differ; 0 for linear plugins, one block or 5 ms
            (whichever is more) for others.
        splits: random splits to try, beside that into single blocks.
        seed: of the signals, splits and control values.
        progress: called with the name of each check as it begins.
    Raises:
        ContractError: with every failed check, the number measured, the one allowed and the cure.
    """
    terms = Terms(nonlinear, tolerance, settle_s, latency_slack, splits, seed)
    return check_contract(plugin, terms, progress=progress).require()


def name_of(check: Callable[..., Check]) -> str:
    """What the check of a function `check_latency` is called: `latency`."""
    return check.__name__.removeprefix("check_")


def _laws(plugin: Plugin) -> list[Callable[[Plugin, Terms], Check]]:
    laws: list[Callable[[Plugin, Terms], Check]] = list(_LAWS)
    if any(control.name == "mix" and control.minimum == 0.0 for control in plugin.spec.controls):
        laws.insert(laws.index(robustness.check_latency) + 1, robustness.check_dry_latency)
    return laws
