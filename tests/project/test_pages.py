"""Every page can be followed: links lead somewhere, commands exist, and what is shipped is named."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pages
import pytest
from import_graph import Module, read_package
from typer.main import get_command

from latentfx.cli import app
from latentfx.training.recipes.config import load_recipe

RECIPES = {path.stem for path in (pages.ROOT / "presets" / "recipes").glob("*.toml")}
every_page = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)


def parse(words: list[str]) -> None:
    """Read a command line as `latentfx` does, and run nothing."""
    command: Any = get_command(app)
    context = command.make_context("latentfx", [*words])
    while hasattr(command, "resolve_command") and (rest := [*context._protected_args, *context.args]):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@every_page
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    lost = []
    for link in pages.links(page):
        target, _, anchor = link.partition("#")
        file = (page.parent / target) if target else page
        if not file.exists() or (anchor and anchor not in pages.anchors(file)):
            lost.append(link)
    assert lost == []


@every_page
def test_commands_have_verbs_and_options_that_exist(page: Path) -> None:
    for _, *words in pages.commands(page):
        parse(words)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_commands_in_the_comments_of_a_recipe_exist_with_their_settings(name: str) -> None:
    text = (pages.ROOT / "presets" / "recipes" / f"{name}.toml").read_text(encoding="utf-8")
    found = pages.commands_in(re.sub(r"^#", "", text, flags=re.MULTILINE))
    assert found != []
    for _, *words in found:
        parse(words)
        if words[0] == "train":
            load_recipe(words[1], [value for option, value in pairwise(words) if option == "--set"])


def test_a_command_that_does_not_exist_is_found() -> None:
    for words in (["aply", "a.wav"], ["apply", "a.wav", "b.wav", "--timbr", "flute"], ["preset", "sve"]):
        with pytest.raises(Exception, match="No such"):
            parse(words)


@every_page
def test_programs_named_exist_and_know_their_options(page: Path) -> None:
    for file, words in pages.programs(page):
        source = file.read_text(encoding="utf-8")
        assert [word for word in words if word.startswith("--") and word not in source + "--help"] == []


@every_page
def test_recipes_named_in_commands_exist(page: Path) -> None:
    trained = [words[2] for words in pages.commands(page) if words[1:2] == ["train"] and len(words) > 2]
    assert [name for name in trained if name not in RECIPES and not (pages.ROOT / name).is_file()] == []


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(pages.text_of(pages.README).split()) <= 1300


def test_every_extra_is_in_the_table_of_installations(settings: dict[str, Any]) -> None:
    extras = settings["project"]["optional-dependencies"]
    listed = pages.text_of(pages.README)
    assert [name for name in extras if f"`pip install '.[{name}]'`" not in listed] == []


@pytest.mark.parametrize("folder", ["plugins", "recipes"])
def test_everything_shipped_is_explained(folder: str) -> None:
    explained = pages.text_of(pages.ROOT / "presets" / "README.md")
    shipped = [path.stem for path in sorted((pages.ROOT / "presets" / folder).iterdir())]
    assert [name for name in shipped if f"`{name}`" not in explained] == []


def test_every_benchmark_is_listed() -> None:
    folder = pages.ROOT / "examples" / "benchmarks"
    listed = pages.text_of(folder / "README.md")
    assert [path.name for path in sorted(folder.glob("*.py")) if f"`{path.name}`" not in listed] == []


def test_examples_import_only_names_that_exist(package_folders: dict[str, Path]) -> None:
    modules = read_package(package_folders)
    unknown = [
        f"{module.path.name}:{item.line} imports {item.module}"
        for module in read_package({"examples": pages.ROOT / "examples"}).values()
        for item in module.imports
        if item.module.startswith("latentfx.") and not exists(item.module, modules)
    ]
    assert unknown == []


def exists(name: str, modules: dict[str, Module]) -> bool:
    """Whether a dotted name is a module, or stands at the top level of one."""
    parent, _, last = name.rpartition(".")
    return name in modules or (parent in modules and last in names_in(modules[parent]))


def names_in(module: Module) -> set[str]:
    """Names that a module defines or imports at its top level."""
    found = {item.module.rpartition(".")[2] for item in module.imports}
    for node in ast.parse(module.path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
        found |= {node.name} if isinstance(node, ast.FunctionDef | ast.ClassDef) else set()
    return found


def test_every_paper_is_in_the_readme() -> None:
    papers = [pages.name_of(page) for page in sorted((pages.ROOT / "examples" / "papers").glob("*.md"))]
    assert papers != []
    assert [name for name in papers if name not in pages.links(pages.README)] == []
