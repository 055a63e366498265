"""The device that a run computes on."""

from __future__ import annotations

import pytest
import torch
from lightning_fabric.accelerators import CUDAAccelerator, MPSAccelerator

from latentfx.errors import RecipeError
from latentfx.training.runs.fabric import make_fabric


def machine_with(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch and Fabric find an accelerator that this machine need not have."""
    found = None if kind == "cpu" else torch.device(kind)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: found)
    for accelerator in (CUDAAccelerator, MPSAccelerator):
        present = accelerator.name() == kind
        monkeypatch.setattr(accelerator, "is_available", staticmethod(lambda present=present: present))
    monkeypatch.setattr(CUDAAccelerator, "auto_device_count", staticmethod(lambda: 1))
    monkeypatch.setattr("lightning_fabric.accelerators.cuda.num_cuda_devices", lambda: 1)
    monkeypatch.setattr("lightning_fabric.accelerators.cuda._get_all_visible_cuda_devices", lambda: [0])


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_auto_takes_the_accelerator_of_the_machine(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with(kind, monkeypatch)
    assert make_fabric("auto").device.type == kind


def test_an_accelerator_that_training_does_not_know_leaves_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine_with("cpu", monkeypatch)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device("xpu"))
    assert make_fabric("auto").device.type == "cpu"


def test_bfloat16_is_autocast_and_float32_is_not() -> None:
    left = torch.ones(2, 2)
    with make_fabric("cpu", "bfloat16").autocast():
        assert (left @ left).dtype == torch.bfloat16
    with make_fabric("cpu", "float32").autocast():
        assert (left @ left).dtype == torch.float32


def test_unknown_device_is_told_without_a_list_of_pytorchs_own() -> None:
    with pytest.raises(
        RecipeError, match=r"'foo' cannot be used \(PyTorch knows no such device\); give auto"
    ):
        make_fabric("foo")


@pytest.mark.parametrize("name", ["warp", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_named_with_the_cure(name: str) -> None:
    with pytest.raises(RecipeError, match=rf"device '{name}' cannot be used .*give auto, cpu, cuda, cuda:1"):
        make_fabric(name)
