"""The floors: a module imports only downward, and what plays a plugin does not load the lab."""

from __future__ import annotations

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from import_graph import Import, Module, loaded_with, read_package, resolve

# From the ground up. A name is a room or a module of one, below `latentfx`; the longest that fits counts.
FLOORS: tuple[frozenset[str], ...] = tuple(
    map(
        frozenset,
        (
            {"arrays", "errors", "files", "names", "page", "sound.level", "strict_json"},
            {"control", "forms"},
            {"spec"},
            {"plugin", "host.plugin_file", "dsp", "host.model", "host.runs", "host.sizes", "host.watch"}
            | {"host.code_map"},
            {"host.guard", "host.session", "host.blocks"},
            {"host.graph"},
            {"binding"},
            {"sound"},
            {"stages"},
            {"methods", "operators"},
            {"training"},
            {"effect", "testing"},
            {"host.layout", "host.stream", "host.processor"},
            {"host"},
            {"library"},
            {"preset"},
            {"automation"},
            {"keys"},
            {"board"},
            {"prepare"},
            {"offline"},
            {"batch"},
            {"export", "realtime", "presets"},
            {"cli"},
        ),
    )
)
LAB = {"plugin", "stages", "methods", "operators", "training", "effect", "testing", "export"}
# The room in which hosts play files for nn~ needs torch, its doors apart.
NN_TILDE = "latentfx.host.nn_tilde."
NN_TILDE_DOORS = {f"{NN_TILDE}first_use", f"{NN_TILDE}trial"}
LIGHT_DSP = {"latentfx.dsp", "latentfx.dsp.resample"}
# Hosts load these when someone asks for a picture, OSC, a QR code, a URL or a cluster; they name the extra.
ON_REQUEST = {"fsspec", "matplotlib", "pythonosc", "ray", "segno"}
# Distribution -> what it is imported as, where the two differ.
IMPORTED_AS = {
    "jack-client": "jack",
    "lightning-fabric": "lightning_fabric",
    "pillow": "PIL",
    "python-osc": "pythonosc",
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
}


def room(name: str) -> str:
    """First part of a module's name below `latentfx`: `export` for `latentfx.export.onnx`."""
    return name.partition(".")[2].partition(".")[0]


def floor(name: str) -> int:
    """How high a module lies."""
    parts = name.split(".")[1:]
    for length in range(len(parts), 0, -1):
        for height, rooms in enumerate(FLOORS):
            if ".".join(parts[:length]) in rooms:
                return height
    raise LookupError(f"{name} has no floor; give it one in tests/project/test_floors.py")


def is_for_nn_tilde(name: str) -> bool:
    """Whether a module plays files for nn~, which needs torch."""
    return name.startswith(NN_TILDE) and name not in NN_TILDE_DOORS


@pytest.fixture(scope="module")
def modules(package_folders: dict[str, Path]) -> dict[str, Module]:
    return read_package(package_folders)


@pytest.fixture(scope="module")
def host(modules: dict[str, Module]) -> list[str]:
    """Modules that run where torch is not installed."""
    return [
        name
        for name in modules
        if (room(name) not in LAB | {"dsp"} or name in LIGHT_DSP) and not is_for_nn_tilde(name)
    ]


def third_party(module: Module) -> list[Import]:
    """What a module imports from neither the project nor the standard library."""
    known = sys.stdlib_module_names | {"latentfx"}
    return [item for item in module.imports if item.level == 0 and item.module.split(".")[0] not in known]


def declared(settings: dict[str, Any], *extras: str) -> set[str]:
    """Names under which the declared dependencies are imported."""
    project = settings["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    names = {re.split(r"[\[<>=]", line)[0] for line in lines}
    return {IMPORTED_AS.get(name, name).replace("-", "_") for name in names} - {"latentfx"}


def test_no_module_imports_upward(modules: dict[str, Module]) -> None:
    upward = [
        f"{module.name}:{item.line} imports {target}"
        for module in modules.values()
        if module.name != "latentfx"
        for item in module.imports
        if (target := resolve(item.module, modules)) not in (None, "latentfx")
        and floor(str(target)) > floor(module.name)
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle(modules: dict[str, Module]) -> None:
    """Imports inside functions and for types alone count too."""
    graph = {
        name: {
            target for item in module.imports if (target := resolve(item.module, modules)) not in (None, name)
        }
        for name, module in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_only_the_root_takes_names_from_the_root(modules: dict[str, Module]) -> None:
    borrowed = [
        f"{module.name}:{item.line}"
        for module in modules.values()
        for item in module.imports
        if item.module.startswith("latentfx.") and resolve(item.module, modules) == "latentfx"
    ]
    assert borrowed == []


def test_hosts_import_nothing_of_the_lab(modules: dict[str, Module], host: list[str]) -> None:
    found = [
        f"{name}:{item.line} imports {target}"
        for name in host
        if room(name) not in {"", "cli"}
        for item in modules[name].imports
        if (target := resolve(item.module, modules)) is not None and room(target) in LAB
    ]
    assert found == []


def is_on_request(name: str) -> bool:
    """Whether its package imports a module only on request, and says which extra is missing."""
    return name.startswith("latentfx.realtime.ui.")


def test_what_plays_a_plugin_needs_only_the_light_core(
    modules: dict[str, Module], host: list[str], settings: dict[str, Any]
) -> None:
    allowed = declared(settings)
    heavy = {
        f"{name} loads {other}, which imports {item.module}"
        for name in host
        if not is_on_request(name)
        for other in loaded_with(name, modules)
        for item in third_party(modules[other])
        if item.when == "load" and item.module.split(".")[0] not in allowed
    }
    lazy = {
        f"{name}:{item.line} imports {item.module}"
        for name in host
        if room(name) != "cli" and not is_on_request(name)
        for item in third_party(modules[name])
        if item.when == "call" and item.module.split(".")[0] not in allowed | ON_REQUEST
    }
    assert heavy | lazy == set()


def test_hosts_open_the_room_of_nn_tilde_only_for_a_file_of_that_kind(
    modules: dict[str, Module], host: list[str]
) -> None:
    found = {
        (name, item.when)
        for name in host
        for item in modules[name].imports
        if (target := resolve(item.module, modules)) is not None and is_for_nn_tilde(target)
    }
    assert found == {("latentfx.host.door", "call"), (f"{NN_TILDE}trial", "call")}


def test_every_import_is_a_declared_dependency(modules: dict[str, Module], settings: dict[str, Any]) -> None:
    allowed = declared(settings, "plot", "lab", "neutone", "osc", "ui", "clap", "tensorboard", "s3", "ray")
    undeclared = [
        f"{module.name}:{item.line} imports {item.module}"
        for module in modules.values()
        for item in third_party(module)
        if item.module.split(".")[0] not in allowed
    ]
    assert undeclared == []


def test_what_tests_and_examples_import_is_declared(root: Path, settings: dict[str, Any]) -> None:
    folders = {"tests": root / "tests", "examples": root / "examples"}
    modules = read_package(folders)
    allowed = declared(settings, "plot", "lab", "docs", "osc", "ui", "tensorboard", "s3", "ray", "test") | {
        module.path.stem for module in modules.values()
    }
    undeclared = [
        f"{module.path.relative_to(root)}:{item.line} imports {item.module}"
        for module in modules.values()
        for item in third_party(module)
        if item.module.split(".")[0] not in allowed
    ]
    assert undeclared == []


def test_only_the_command_line_opens_the_mapped_rooms(modules: dict[str, Module]) -> None:
    """Elsewhere nobody names them; bare names would load a copy."""
    mapped = {"export", "realtime"}
    wrong = [
        f"{module.name}:{item.line} imports {item.module}"
        for module in modules.values()
        for item in module.imports
        if item.module.split(".")[0] in {*mapped, "presets"}
        or (
            (target := resolve(item.module, modules)) is not None
            and room(target) in mapped
            and room(module.name) not in {"", "cli", room(target)}  # the root names what users may ask for
        )
    ]
    assert wrong == []


def test_a_public_class_has_a_name_of_its_own(modules: dict[str, Module]) -> None:
    owners: dict[str, list[str]] = {}
    for name, module in modules.items():
        for node in ast.parse(module.path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners.setdefault(node.name, []).append(name)
    assert {word: found for word, found in owners.items() if len(found) > 1} == {}


def test_no_module_imports_a_pickle(modules: dict[str, Module]) -> None:
    """Ruff bans these names elsewhere, but its rule is off in the mapped folders."""
    banned = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    found = [
        f"{module.name}:{item.line}"
        for module in modules.values()
        for item in module.imports
        if item.module.split(".")[0] in banned
    ]
    assert found == []
