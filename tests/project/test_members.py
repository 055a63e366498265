"""The public face: its names, their documentation, and what importing it loads."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import latentfx
from latentfx import errors

PUBLIC = {
    "latentfx": [
        "Applied",
        "AudioWarning",
        "Automated",
        "Automation",
        "Board",
        "Branch",
        "Control",
        "ControlWarning",
        "LatentFXError",
        "LatentPlugin",
        "LiveHost",
        "Outcome",
        "PluginSpec",
        "Preset",
        "SideChained",
        "Split",
        "apply",
        "apply_many",
        "live",
        "load",
        "load_automation",
        "load_preset",
        "morph",
        "plugins",
    ],
    "latentfx.realtime": [
        "Device",
        "Latency",
        "LiveHost",
        "LiveStream",
        "MidiMap",
        "Recorder",
        "Spread",
        "Stats",
        "accepted_rates",
        "list_devices",
        "list_midi_inputs",
        "live",
    ],
    "latentfx.testing": [
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
    ],
    "latentfx.export": [
        "Exported",
        "REQUIRED_PROVENANCE",
        "export_checkpoint",
        "export_nn_tilde",
        "export_onnx",
    ],
}
HEAVY = {"torch", "torchaudio", "librosa", "scipy", "matplotlib", "onnx", "onnxscript", "sounddevice"}


def loaded_after(program: str, folder: Path) -> set[str]:
    """Top-level modules that a fresh interpreter holds after a program."""
    program += "\nimport json, sys; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_module_exports_the_listed_names_and_no_others(name: str) -> None:
    module = importlib.import_module(name)
    assert sorted(module.__all__) == PUBLIC[name]
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    undocumented = []
    for public in PUBLIC[name]:
        value = getattr(module, public)
        members = inspect.getmembers(value) if inspect.isclass(value) else []
        parts = [(public, value), *((f"{public}.{k}", v) for k, v in members if not k.startswith("_"))]
        undocumented += [
            label
            for label, part in parts
            if (inspect.isroutine(part) or inspect.isclass(part) or isinstance(part, property))
            and not (inspect.getdoc(part) or "").strip()
        ]
    assert undocumented == []


def test_a_wrong_name_raises_an_error_that_lists_the_right_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'laod'.*load"):
        _ = latentfx.laod  # type: ignore[attr-defined]


def test_the_version_is_that_of_the_installed_package() -> None:
    assert latentfx.__version__ == importlib.metadata.version("latentfx")
    assert "__version__" in dir(latentfx)


def test_the_error_tree_in_the_docstring_names_every_error() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and not issubclass(value, Warning)
    }
    drawn = {
        line.strip(" ├└─").split()[0] for line in (errors.__doc__ or "").splitlines() if "Error" in line[:30]
    }
    assert classes == drawn
    assert all(issubclass(getattr(errors, name), errors.LatentFXError) for name in classes)


def test_importing_latentfx_loads_no_dependency(tmp_path: Path) -> None:
    assert loaded_after("import latentfx", tmp_path).isdisjoint(
        HEAVY | {"numpy", "onnxruntime", "pedalboard"}
    )


def test_playing_a_plugin_never_loads_the_lab(tmp_path: Path) -> None:
    names = "; ".join(f"latentfx.{name}" for name in PUBLIC["latentfx"])
    assert loaded_after(f"import latentfx; {names}; latentfx.plugins()", tmp_path).isdisjoint(HEAVY)
