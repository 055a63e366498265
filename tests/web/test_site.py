"""The folder of a page: what is in it, and what is refused."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import latentfx
from latentfx.cli import app
from latentfx.errors import ExportError, PluginFileError
from latentfx.export import export_checkpoint
from latentfx.export.web.runtime import FILES, VERSION, find_runtime, integrity_of
from latentfx.page import FILES as PARTS

Site = Callable[[str], Path]


def test_a_page_holds_the_plugin_itself_and_states_every_hash(site: Site, root: Path) -> None:
    folder = site("ring")
    facts = json.loads((folder / "plugin.json").read_text())
    assert (folder / "plugin.onnx").read_bytes() == (root / "presets" / "plugins" / "ring.onnx").read_bytes()
    for link in (facts["file"], *facts["runtime"].values()):
        assert integrity_of((folder / link["url"]).read_bytes()) == link["integrity"]
    spec = latentfx.load("ring").spec
    assert [control["name"] for control in facts["controls"]] == [c.name for c in spec.controls]
    assert (facts["sample_rate"], facts["latency"]) == (spec.sample_rate, spec.latency)


def test_a_page_holds_the_map_of_timbres(site: Site) -> None:
    facts = json.loads((site("timbre-swap") / "plugin.json").read_text())
    points = latentfx.load("timbre-swap").places("timbre")
    assert {name: tuple(at) for name, at in facts["maps"]["timbre"]["points"].items()} == points
    assert len(points) >= 8


def test_every_file_of_a_page_is_kept_for_later(site: Site) -> None:
    folder = site("ring")
    listed = json.loads(re.search(r"const SITE = (\{.*\});", (folder / "service.js").read_text())[1])["files"]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(listed) == (there - {"service.js"}) | {"./"}


def test_a_module_imports_only_what_is_in_the_page(site: Site) -> None:
    folder = site("ring")
    for module in folder.rglob("*.js"):
        for name in re.findall(r'from "(\.[^"]+)"', module.read_text()):
            assert (module.parent / name).is_file(), f"{module.name} imports {name}"


def test_a_page_fetches_nothing_from_elsewhere(site: Site) -> None:
    texts = [path.read_text() for path in site("ring").rglob("*") if path.suffix in (".js", ".html", ".css")]
    addresses = {found for text in texts for found in re.findall(r"https?://[\w./-]+", text)}
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert len(PARTS) > 5


def test_a_page_is_written_anew_over_an_older_one_alone(npm_package: Path, tmp_path: Path) -> None:
    for _ in range(2):
        export_checkpoint("ring", tmp_path / "page", to="web", runtime=str(npm_package))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="holds other files"):
        export_checkpoint("ring", tmp_path / "other", to="web", runtime=str(npm_package))
    with pytest.raises(ExportError, match="is a file"):
        export_checkpoint("ring", tmp_path / "other" / "thesis.txt", to="web", runtime=str(npm_package))


def test_a_name_is_text_in_the_page(
    npm_package: Path, plugin_file: Callable[..., Path], tmp_path: Path
) -> None:
    def rename(model: object) -> None:
        (entry,) = model.metadata_props  # type: ignore[attr-defined]
        entry.value = entry.value.replace("turns the volume", "<script>alert(1)</script>")

    export_checkpoint(plugin_file("gain", rename), tmp_path / "page", to="web", runtime=str(npm_package))
    page = (tmp_path / "page" / "index.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_a_damaged_plugin_is_not_given_to_visitors(npm_package: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    with pytest.raises(PluginFileError):
        export_checkpoint(tmp_path / "bad.onnx", tmp_path / "page", to="web", runtime=str(npm_package))
    assert not (tmp_path / "page").exists()


def archive(path: Path, version: str, content: bytes) -> Path:
    files = {"package.json": json.dumps({"version": version}).encode()}
    files |= {f"dist/{name}": content for name, _ in FILES.values()}
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_the_package_is_taken_as_a_folder_too(npm_package: Path, tmp_path: Path) -> None:
    with tarfile.open(npm_package) as tar:
        tar.extractall(tmp_path, filter="data")
    assert find_runtime(str(tmp_path / "package")) == find_runtime(str(npm_package))


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (None, f"npm pack onnxruntime-web@{VERSION}"),
        ("nothing.tgz", "is not the npm package"),
        (".", "is not the npm package"),
        ("http://example.org/onnxruntime-web@1.30.0/dist/", "allowed is https"),
        ("https://example.org/onnxruntime-web/dist/", "allowed is https"),
        ("https://example.org/onnxruntime-web@11.30.0/dist/", "allowed is https"),
        ("https://me:word@example.org/onnxruntime-web@1.30.0/dist/", "allowed is https"),
        ("https://example.org/onnxruntime-web@1.30.0/';x/", "allowed is https"),
    ],
)
def test_a_runtime_that_cannot_be_is_refused(
    wanted: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match=problem):
        find_runtime(wanted)


def test_another_version_and_changed_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"onnxruntime-web 1\.2\.3; this latentfx writes pages for"):
        find_runtime(str(archive(tmp_path / "old.tgz", "1.2.3", b"")))
    with pytest.raises(ExportError, match=f"is not that of onnxruntime-web {VERSION}"):
        find_runtime(str(archive(tmp_path / "changed.tgz", VERSION, b"other")))


def test_an_address_stands_in_the_page_with_its_hashes() -> None:
    runtime = find_runtime(f"https://example.org/npm/onnxruntime-web@{VERSION}/dist")
    assert runtime.files == {}
    assert runtime.origin == "https://example.org"
    for kind, (name, integrity) in FILES.items():
        assert runtime.links[kind] == {
            "url": f"https://example.org/npm/onnxruntime-web@{VERSION}/dist/{name}",
            "integrity": integrity,
        }


def test_a_runtime_is_for_pages(npm_package: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a runtime is for pages"):
        export_checkpoint("ring", tmp_path / "ring.ts", to="nn~", runtime=str(npm_package))


def test_the_commands_of_the_guide_write_a_page(
    root: Path, npm_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (root / "examples" / "guide.md").read_text()
    fetch, export, serve = re.search(r"```sh\n(npm pack .*)\n(latentfx .*)\n(python .*)\n```", guide).groups()
    assert fetch == f"npm pack onnxruntime-web@{VERSION}"
    monkeypatch.chdir(tmp_path)
    (tmp_path / npm_package.name).symlink_to(npm_package)  # where the first command puts it
    done = CliRunner().invoke(app, export.split()[1:])
    assert done.exit_code == 0, done.output
    assert "site/index.html: ring, 17." in done.output
    assert f"try it: {serve}" in done.output
    assert (tmp_path / "site" / "index.html").is_file()
