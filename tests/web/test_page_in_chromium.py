"""A plugin in a browser sounds as it does here, at the latency that the page states."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from browser import fetch_axe
from browsing import difference_db, hear, listen, run, visit
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from static_server import serving

import latentfx
from latentfx.dsp.resample import StreamResampler
from latentfx.export import export_checkpoint
from latentfx.host.runtime import LatentPlugin

Site = Callable[[str], Path]
Note = Callable[[str, object], None]
# In hand for a busy machine: a late block would not be what Python makes.
RESERVE = "reserve_s=1.2"
SECONDS = 4.0


def expected(plugin: LatentPlugin, heard: dict[str, object]) -> np.ndarray:
    """What Python makes of what came in, moved by what the page says that it keeps in hand."""
    dry, rate = heard["dry"], int(str(heard["rate"]))
    there = StreamResampler(rate, plugin.sample_rate, len(dry))
    audio = np.concatenate([there.process(dry), there.flush()], axis=1)
    whole = audio.shape[1] // plugin.spec.block_size * plugin.spec.block_size
    out = plugin.blocks().step(audio[None, :, :whole])[0]
    back = StreamResampler(plugin.sample_rate, rate, len(out))
    sound = np.concatenate([back.process(out), back.flush()], axis=1)
    held = int(str(heard["latency"])) - plugin.latency_at(rate)
    return np.pad(sound[0], (held, 0))


@pytest.mark.parametrize(
    ("wish", "shared"), [("rate=48000", True), ("rate=48000&messages", False), ("rate=44100", True)]
)
def test_the_violin_at_the_microphone_sounds_as_in_python(
    chromium: webdriver.Chrome, site: Site, wish: str, shared: bool, record_property: Note
) -> None:
    with serving(site("ring")) as server:
        visit(chromium, f"{server.address}?{wish}&{RESERVE}")
        heard = listen(chromium, SECONDS)
    assert heard["shared"] is shared
    assert np.abs(heard["dry"]).max() > 0.1
    found = difference_db(heard["wet"][0], expected(latentfx.load("ring"), heard))
    record_property("difference_db", found)
    record_property("times_as_fast_as_the_sound", heard["speed"])
    assert found < -60
    assert heard["speed"] > 0


def test_knobs_that_were_turned_before_sound_as_in_python(chromium: webdriver.Chrome, site: Site) -> None:
    with serving(site("timbre-swap")) as server:
        visit(chromium, f"{server.address}?rate=48000&{RESERVE}")
        run(
            chromium,
            "latentfx.send({do: 'set', values: {timbre_violin: 0, timbre_flute: 1, pitch_st: -5}});",
        )
        heard = listen(chromium, SECONDS)
    plugin = latentfx.load("timbre-swap", pitch_st=-5)
    plugin.set(**{name: 0.0 for name in plugin.controls if name.startswith("timbre_")})
    plugin.controls["timbre_flute"] = 1
    assert difference_db(heard["wet"][0], expected(plugin, heard)) < -60


def test_the_ring_is_turned_by_its_keys(chromium: webdriver.Chrome, site: Site) -> None:
    with serving(site("ring")) as server:
        visit(chromium, f"{server.address}?rate=48000&{RESERVE}")
        ring = chromium.find_element("css selector", "[aria-label='steps round the ring']")
        for _ in range(7):
            ring.send_keys(Keys.ARROW_RIGHT)
        heard = listen(chromium, SECONDS)
    assert difference_db(heard["wet"][0], expected(latentfx.load("ring", steps=7), heard)) < -60


def test_the_dry_path_is_as_late_as_the_effect(chromium: webdriver.Chrome, site: Site) -> None:
    with serving(site("ring")) as server:
        visit(chromium, f"{server.address}?rate=48000&{RESERVE}")
        run(chromium, "await latentfx.open(); latentfx.send({do: 'bypass', on: true});")
        heard = listen(chromium, SECONDS)
    dry, wet, latency = heard["dry"][0], heard["wet"][0], heard["latency"]
    np.testing.assert_array_equal(wet[latency:], dry[: len(dry) - latency])


def test_a_sound_file_is_played(chromium: webdriver.Chrome, site: Site, violin: Path) -> None:
    with serving(site("ring")) as server:
        visit(chromium, f"{server.address}?rate=48000&{RESERVE}")
        chooser = chromium.find_element("css selector", "input[type=file]")
        chromium.execute_script("latentfx.tap()")
        chooser.send_keys(str(violin))
        heard = hear(chromium, "", SECONDS)
    assert np.abs(heard["dry"]).max() > 0.1
    assert difference_db(heard["wet"][0], expected(latentfx.load("ring"), heard)) < -60


def test_the_page_works_without_a_server_from_the_second_visit_on(
    chromium: webdriver.Chrome, site: Site
) -> None:
    with serving(site("ring")) as server:
        visit(chromium, f"{server.address}?{RESERVE}")
        address = server.address
    visit(chromium, f"{address}?rate=48000&{RESERVE}")
    assert chromium.execute_script("return crossOriginIsolated") is True
    heard = listen(chromium, 2.0)
    assert difference_db(heard["wet"][0], expected(latentfx.load("ring"), heard)) < -60


def test_the_runtime_comes_from_a_pinned_address(
    chromium: webdriver.Chrome, site: Site, npm_package: Path, tmp_path: Path
) -> None:
    version = npm_package.stem.rpartition("-")[2]
    elsewhere = tmp_path / f"onnxruntime-web@{version}"
    elsewhere.mkdir()
    (elsewhere / "dist").symlink_to(site("ring") / "runtime")
    with serving(tmp_path, {"Access-Control-Allow-Origin": "*"}) as other:
        folder = tmp_path / "page"
        export_checkpoint("ring", folder, to="web", runtime=f"{other.address}onnxruntime-web@{version}/dist/")
        assert not (folder / "runtime").exists()
        with serving(folder) as server:
            visit(chromium, f"{server.address}?rate=48000&{RESERVE}")
            heard = listen(chromium, 2.0)
    assert difference_db(heard["wet"][0], expected(latentfx.load("ring"), heard)) < -60


def test_a_file_that_was_changed_on_its_way_is_not_run(
    chromium: webdriver.Chrome, site: Site, tmp_path: Path
) -> None:
    for file in site("ring").rglob("*"):
        if file.is_file():
            target = tmp_path / "page" / file.relative_to(site("ring"))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    with (tmp_path / "page" / "plugin.onnx").open("ab") as file:
        file.write(b"more")
    with serving(tmp_path / "page") as server:
        visit(chromium, server.address)
        chromium.find_element("xpath", "//button[text()='Microphone']").click()
        end = time.monotonic() + 30
        while not (said := chromium.find_element("id", "trouble").text) and time.monotonic() < end:
            time.sleep(0.05)
    assert "fetch" in said.lower() or "integrity" in said.lower()


def test_a_drag_on_the_map_blends_and_is_heard(chromium: webdriver.Chrome, site: Site) -> None:
    with serving(site("timbre-swap")) as server:
        visit(chromium, f"{server.address}?rate=48000&{RESERVE}")
        marker = chromium.find_element("css selector", ".marker")
        flute = chromium.find_element("xpath", "//button[contains(@class,'spot')][.='flute']")
        chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", flute)
        ActionChains(chromium).click_and_hold(marker).move_to_element(flute).release().perform()
        values = run(chromium, "return latentfx.state.values;")
        heard = listen(chromium, SECONDS)
    plugin = latentfx.load("timbre-swap", timbre="flute")
    assert {name: round(values[name], 6) for name in plugin.controls} == dict(plugin.controls)
    assert difference_db(heard["wet"][0], expected(plugin, heard)) < -60


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("name", ["timbre-swap", "ring"])
def test_axe_finds_nothing_wrong(
    chromium: webdriver.Chrome, site: Site, name: str, width: int, request: pytest.FixtureRequest
) -> None:
    axe = fetch_axe(request.config.cache.mkdir("axe-core"))  # type: ignore[union-attr]  # pytest has one
    chromium.set_window_size(width, 900)
    with serving(site(name)) as server:
        visit(chromium, f"{server.address}?{RESERVE}")
        run(chromium, "await latentfx.open();")
        chromium.execute_script(axe)
        found = run(chromium, "return (await axe.run({ resultTypes: ['violations'] })).violations;")
        wide = chromium.execute_script("return document.documentElement.scrollWidth")
    assert [(one["id"], one["help"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert wide <= chromium.execute_script("return innerWidth")


def test_the_page_says_what_it_does_without_a_complaint(chromium: webdriver.Chrome, site: Site) -> None:
    with serving(site("ring")) as server:
        visit(chromium, f"{server.address}?{RESERVE}")
        run(chromium, "await latentfx.microphone(); await new Promise((go) => setTimeout(go, 1500));")
        text = chromium.find_element("tag name", "body").text
        complaints = [line for line in chromium.get_log("browser") if line["level"] == "SEVERE"]
    assert complaints == []
    assert "shared memory" in text
    assert "times as fast as the sound" in text
    assert "algorithmic 10." in text
    facts = json.loads((site("ring") / "plugin.json").read_text())
    assert facts["latency"] == latentfx.load("ring").latency
