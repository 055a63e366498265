"""The contract as a function: run these on your own plugin. Needs the extra `lab`."""

from __future__ import annotations

from latentfx.testing.contract import check_contract, verify_contract
from latentfx.testing.drive import Terms
from latentfx.testing.latency import measure_latency
from latentfx.testing.parity import Agreement, ParityReport, verify_parity
from latentfx.testing.report import Check, ContractReport

__all__ = [
    "Agreement",
    "Check",
    "ContractReport",
    "ParityReport",
    "Terms",
    "check_contract",
    "measure_latency",
    "verify_contract",
    "verify_parity",
]
