"""The contract as a function: run these on your own plugin. Needs the extra `lab`."""

from __future__ import annotations

from latentfx.testing.contract import check_contract, verify_contract
from latentfx.testing.drive import Terms
from latentfx.testing.latency import measure_latency
from latentfx.testing.method import check_method, verify_method
from latentfx.testing.parity import Agreement, ParityReport, verify_parity
from latentfx.testing.report import Check, ContractReport, MethodReport

__all__ = [
    "Agreement",
    "Check",
    "ContractReport",
    "MethodReport",
    "ParityReport",
    "Terms",
    "check_contract",
    "check_method",
    "measure_latency",
    "verify_contract",
    "verify_method",
    "verify_parity",
]
