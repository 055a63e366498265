"""The page in Chromium: what its modules compute, and that everybody can use it, by mouse, finger or keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from browser import Browser, fetch_axe, on_ring, run, tab_to, violations
from mido import Message
from still import still

import latentfx
from latentfx.control import Control
from latentfx.library import describe
from latentfx.preset import list_presets
from latentfx.realtime.surface import Surface
from latentfx.realtime.ui import open_page

Open = Callable[..., Browser]


@pytest.fixture(scope="module")
def axe(request: pytest.FixtureRequest) -> str:
    folder: Path = request.config.cache.mkdir("axe-core")  # type: ignore[union-attr]  # pytest has one
    return fetch_axe(folder)


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Open]:
    """Open windows of Chromium, which are closed at the end."""
    opened: list[Browser] = []

    def open_window(**more: Any) -> Browser:
        opened.append(Browser(tmp_path / f"profile-{len(opened)}", **more))
        return opened[-1]

    yield open_window
    for browser in opened:
        browser.close()


@pytest.fixture
def swap() -> Iterator[Surface]:
    with still("timbre-swap", presets=list_presets("timbre-swap")) as surface:
        yield surface


@pytest.fixture
def ring() -> Iterator[Surface]:
    with still("ring", bindings=["cc:1=mix"]) as surface:
        yield surface


CONTROLS = (
    Control("gain_db", -24.0, 24.0, 0.0, "dB"),
    Control("cutoff_hz", 20.0, 20_000.0, 440.0, "Hz", "log"),
    Control("order", 0.0, 5.0, 2.0, "", "integer"),
)


def test_knobs_travel_as_controls_do(swap: Surface, windows: Open) -> None:
    with open_page(swap, port=0) as page:
        browser = windows()
        browser.open(page.url)
        for control in CONTROLS:
            shown = json.dumps(asdict(control))
            places = [0.0, 0.11, 0.37, 0.52, 0.99, 1.0]
            values = run(
                browser,
                f"const {{fromUnit, toUnit}} = await page('scale'); const control = {shown};"
                f"return {places}.map((at) => fromUnit(control, at)).map((on) => [on, toUnit(control, on)])",
            )
            for place, (value, back) in zip(places, values, strict=True):
                assert value == pytest.approx(control.from_unit(place), rel=1e-6)
                assert back == pytest.approx(control.to_unit(control.from_unit(place)), abs=1e-6)


def test_a_place_of_the_map_is_the_mean_of_the_points_around_it(swap: Surface, windows: Open) -> None:
    with open_page(swap, port=0) as page:
        browser = windows()
        browser.open(page.url)
        rng = np.random.default_rng(3)
        points = rng.uniform(0, 1, (9, 2))
        middles = [points[rng.choice(9, 3, replace=False)].T @ rng.dirichlet(np.ones(3)) for _ in range(40)]
        found = run(
            browser,
            "const {triangulate, weightsAt, placeOf} = await page('triangles');"
            f"const points = {points.tolist()}; const mesh = triangulate(points);"
            f"return {np.array(middles).tolist()}.map((at) => {{const found = weightsAt(points, mesh, at);"
            "const weights = points.map(() => 0); found.forEach(([n, w]) => (weights[n] = w));"
            "return [found.map(([, w]) => w), placeOf(points, weights)]})",
        )
        for middle, (weights, place) in zip(middles, found, strict=True):
            assert len(weights) <= 3
            assert sum(weights) == pytest.approx(1)
            assert place == pytest.approx(list(middle), abs=0.01)
        corner = run(
            browser,
            "const {weightsAt, triangulate} = await page('triangles'); const line = [[0, 0], [1, 0], [3, 0]];"
            "return [weightsAt(line, triangulate(line), [1, 5]), weightsAt([[0, 0]], [], [7, 7])]",
        )
        assert corner == [[[1, 1]], [[0, 1]]]


@pytest.mark.parametrize("width", [390, 1180])
@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("plugin", ["timbre-swap", "ring", "latent-mix"])
def test_axe_finds_nothing_wrong(plugin: str, dark: bool, width: int, windows: Open, axe: str) -> None:
    channels = 2 if plugin == "latent-mix" else 1
    with still(plugin, channels=channels, outputs=1) as surface, open_page(surface, port=0) as page:
        browser = windows(width=width, dark=dark)
        browser.open(page.url)
        browser.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert browser.js("return document.documentElement.scrollWidth") <= width
        assert violations(browser, axe) == []
        assert browser.messages() == []


def test_all_of_it_is_played_by_keys_alone(swap: Surface, windows: Open) -> None:
    host = swap._host
    with open_page(swap, port=0) as page:
        browser = windows()
        browser.open(page.url)
        tab_to(browser, ".transport button")
        browser.key(" ")
        browser.until(lambda: browser.one(".transport button").get_attribute("aria-pressed") == "true")
        assert swap.view().state == "bypass"
        browser.key(" ")
        browser.until(lambda: swap.view().state == "on")
        tab_to(browser, ".spot:nth-of-type(3)")
        browser.key("Enter")
        browser.until(lambda: host.plugin.timbre == {"flute": 1.0})
        tab_to(browser, ".marker")
        for _ in range(6):
            browser.key("ArrowUp")
        browser.until(lambda: len(host.plugin.timbre) > 1)
        tab_to(browser, ".dial[aria-label='pitch']")
        browser.key("End")
        browser.until(lambda: host.controls["pitch_st"] == 12)
        browser.key("ArrowDown")
        browser.until(lambda: host.controls["pitch_st"] == pytest.approx(11.76, abs=0.01))
        browser.key("Delete")
        browser.until(lambda: host.controls["pitch_st"] == 0)
        tab_to(browser, "input[aria-label^='pitch']")
        for letter in "-7,5":
            browser.key(letter)
        browser.key("Enter")
        browser.until(lambda: host.controls["pitch_st"] == -7.5)
        tab_to(browser, ".midi")
        browser.key("Enter")
        browser.until(lambda: swap.control("pitch_st").learning)
        host.send(Message("control_change", control=21, value=127))
        host.process(np.zeros(512, np.float32))
        browser.until(lambda: "cc:21@1" in browser.one(".midi").text)
        tab_to(browser, ".clear")
        browser.key("Enter")
        browser.until(lambda: swap.control("pitch_st").sources == ())
        tab_to(browser, ".chip")
        name = browser.js("return document.activeElement.textContent")
        browser.key("Enter")
        browser.until(lambda: host.bank._called)
        host.attend()
        browser.until(lambda: browser.js("return document.activeElement.ariaPressed") == "true")
        assert swap.view().stats.preset == name


def test_a_finger_blends_on_the_map_at_390_pixels(swap: Surface, windows: Open) -> None:
    with open_page(swap, port=0) as page:
        browser = windows(width=390, height=800, touch=True)
        browser.open(page.url)
        left, top, width, height = browser.box(".field")
        browser.touch("Start", (left + 0.5 * width, top + 0.5 * height))
        browser.touch("Move", (left + 0.52 * width, top + 0.45 * height))
        browser.until(lambda: len(swap._host.plugin.timbre) == 3)
        browser.touch("End")
        assert browser.js("return document.documentElement.scrollWidth") <= 390
        small = browser.js(
            "return [...document.querySelectorAll('button, select, input, [role=slider]')]"
            ".filter((one) => one.offsetParent && !one.matches('.spot, .spot *'))"
            ".map((one) => [one.className || one.textContent, one.getBoundingClientRect()])"
            ".filter(([, box]) => box.width < 24 || box.height < 24).map(([name]) => name)"
        )
        assert small == []


def test_a_knob_is_dragged_and_goes_back_by_a_double_click(swap: Surface, windows: Open) -> None:
    with open_page(swap, port=0) as page:
        browser = windows()
        browser.open(page.url)
        left, top, width, height = browser.box(".dial[aria-label='mix']")
        x, y = left + width / 2, top + height / 2
        browser.mouse("Pressed", (x, y))
        for way in range(0, 91, 10):
            browser.mouse("Moved", (x, y + way))
        browser.mouse("Released", (x, y + 90))
        browser.until(lambda: swap._host.controls["mix"] == pytest.approx(0.5, abs=0.01))
        for count in (1, 2):
            for kind in ("mousePressed", "mouseReleased"):
                browser.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count)
        browser.until(lambda: swap._host.controls["mix"] == 1.0)


def test_a_path_is_drawn_and_walked_round_and_round_until_it_is_stopped(swap: Surface, windows: Open) -> None:
    host = swap._host
    with open_page(swap, port=0) as page:
        browser = windows()
        browser.open(page.url)
        left, top, width, height = browser.box(".field")
        browser.one(".map button[aria-pressed]").click()
        corners = [(0.2, 0.4), (0.4, 0.7), (0.6, 0.5), (0.5, 0.3), (0.3, 0.4)]
        places = [(left + width * x, top + height * y) for x, y in corners]
        browser.mouse("Pressed", places[0])
        for place in places[1:]:
            browser.mouse("Moved", place)
        browser.mouse("Released", places[-1])
        loop = browser.until(lambda: swap.view().loop)
        assert (loop.blend, loop.seconds) == ("timbre", 4.0)
        seen = set()
        for _ in range(40):
            host.process(np.zeros(4800, np.float32))  # a tenth of a second of the stream
            time.sleep(0.02)
            seen.add(tuple(sorted(host.plugin.timbre)))
        assert len(seen) > 2
        browser.until(lambda: browser.js("return document.querySelector('.path').points.length") > 10)
        browser.one(".map .row button:nth-of-type(2)").click()
        browser.until(lambda: swap.view().loop is None)


def test_a_learnt_timbre_has_its_place_on_the_map(windows: Open) -> None:
    plugin = latentfx.load("timbre-swap")
    known = describe("timbre-swap").maps["timbre"]
    plugin.recall("timbre", known.mean)
    with still(plugin) as surface, open_page(surface, port=0) as page:
        browser = windows()
        browser.open(page.url)
        browser.until(lambda: "reference" in browser.one(".field").text)
        assert browser.one(".blend").text == "reference 100 %"
        browser.one(".marker").send_keys("\ue012" * 5)  # to the left
        browser.until(lambda: 0 < surface._host.controls["timbre_reference"] < 1)


def test_styles_are_a_plane_of_two_controls(plugin_file: Callable[..., Path], windows: Open) -> None:
    def change(model: onnx.ModelProto) -> None:
        (entry,) = model.metadata_props
        raw = json.loads(entry.value)
        for control, name in zip(raw["spec"]["controls"], ("style_x", "style_y", "style_input"), strict=True):
            control |= {"name": name, "minimum": -3.0 if name != "style_input" else 0.0, "maximum": 3.0}
        choices = {"input": "style_input"}
        raw["spec"]["blends"] = [
            {"name": "style", "choices": choices, "default": "input", "reference": None, "description": ""}
        ]
        entry.value = json.dumps(raw)

    with still(plugin_file("blend", change)) as surface, open_page(surface, port=0) as page:
        browser = windows()
        browser.open(page.url)
        left, top, width, height = browser.box(".field")
        browser.mouse("Pressed", (left + width / 2, top + height / 2))
        browser.mouse("Moved", (left + 0.75 * width, top + 0.25 * height))
        browser.mouse("Released", (left + 0.75 * width, top + 0.25 * height))
        controls = surface._host.controls
        browser.until(lambda: controls["style_x"] == pytest.approx(1.5, abs=0.05))
        assert controls["style_y"] == pytest.approx(1.5, abs=0.05)


def test_the_ring_shows_what_comes_in_and_keys_and_is_turned(ring: Surface, windows: Open) -> None:
    host = ring._host
    times = np.arange(24_000) / 48_000
    tone = sum(np.sin(2 * np.pi * 261.63 * k * times) / k for k in range(1, 8)).astype(np.float32)
    with open_page(ring, port=0) as page:
        browser = windows()
        browser.open(page.url)
        host.send(Message("note_on", note=64))
        host.process(0.2 * tone)
        browser.until(lambda: browser.one(".hub strong").text == "C → C")
        browser.until(
            lambda: browser.js("return document.querySelector('.spoke.lit text')?.textContent") == "E"
        )
        box = browser.box(".turn")
        browser.mouse("Pressed", on_ring(box, 0))
        for steps in (1, 3, 5, 7):
            browser.mouse("Moved", on_ring(box, steps))
        browser.mouse("Released", on_ring(box, 7))
        browser.until(lambda: host.controls["steps"] == 7)
        browser.until(lambda: browser.one(".hub strong").text == "C → G")
        browser.one(".choice button:last-child").click()
        browser.until(lambda: host.controls["order"] == 1)
        browser.until(lambda: browser.one(".hub strong").text == "C → C♯")


def test_meters_and_latency_are_shown(ring: Surface, windows: Open) -> None:
    with open_page(ring, port=0) as page:
        browser = windows()
        browser.open(page.url)
        ring._host.process(0.5 * np.ones(4800, np.float32))
        browser.until(lambda: "6.0 dB" in browser.one(".meters").text)
        text = browser.one(".latency").text
        assert "algorithmic 10.7" in text
        assert "buffering 0.0" in text


def test_a_refusal_is_read_out(swap: Surface, windows: Open) -> None:
    with open_page(swap, port=0) as page:
        browser = windows()
        browser.open(page.url)
        browser.one(".presets form input").send_keys("a/b")
        browser.one(".presets form button").click()
        browser.until(lambda: browser.one("[role=alert]").text)


MANY_KNOBS = """
const [{ instrument }, { Surface }] = await Promise.all([page("instrument"), page("surface")]);
const surface = new Surface();
surface.send = () => {};
const named = (what) => Array.from({ length: 50 }, (_, at) => `latent_${at}_${what}`);
const names = ["offset", "scale"].flatMap(named);
const controls = names.map((name) => (
  { name, minimum: -3, maximum: 3, default: 0, unit: "", curve: "linear", description: "" }));
surface.state.plugin = { name: "model", controls, blends: [] };
document.querySelector("#instrument").replaceChildren(instrument(surface).element);
"""


def test_a_model_with_a_hundred_knobs_shows_32_and_folds_the_rest_in_groups(
    swap: Surface, windows: Open, axe: str
) -> None:
    shown = "return [...document.querySelectorAll('.dial')].filter((one) => one.checkVisibility()).length"
    with open_page(swap, port=0) as page:
        browser = windows(width=390)
        browser.open(page.url)
        assert run(browser, MANY_KNOBS) is None
        assert browser.js(shown) == 32
        titles = browser.js(
            "return [...document.querySelectorAll('.knobs summary')].map((one) => one.textContent)"
        )
        assert titles == [f"Latent knobs {ends}" for ends in ("33 to 64", "65 to 96", "97 to 100")]
        tab_to(browser, ".knobs summary")
        browser.key("Enter")
        assert browser.js(shown) == 64
        browser.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert browser.js(shown) == 100
        assert browser.js("return document.documentElement.scrollWidth") <= 390
        assert violations(browser, axe) == []
