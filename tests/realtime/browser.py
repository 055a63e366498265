"""Chromium without a screen, and what a hand does in it: Debian's `chromium` and `chromium-driver`."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webelement import WebElement

AXE: Final = "axe-core@4.14.1"
AXE_HASH: Final = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
_PATIENCE_S: Final = 20.0

Point = tuple[float, float]


class Browser:
    """A window of Chromium.

    Args:
        profile: an empty folder.
        width: of the window.
        height: of the window.
        dark: whether the system is dark.
        touch: whether there are fingers.
    """

    def __init__(
        self, profile: Path, width: int = 1180, height: int = 900, dark: bool = True, touch: bool = False
    ) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = _program("chromium", "chromium-browser")
        for word in (
            *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio"),
            *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
            *("--no-sandbox", f"--user-data-dir={profile}", f"--window-size={width},{height}"),
        ):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, Service(_program("chromedriver")))
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.tell("Emulation.setDeviceMetricsOverride", **size)
        self.tell("Emulation.setTouchEmulationEnabled", enabled=touch)

    def tell(self, command: str, **more: Any) -> Any:
        """Send a command of the DevTools."""
        return self.driver.execute_cdp_cmd(command, more)

    def open(self, url: str) -> None:
        """Open a page, and wait until it shows the host."""
        self.driver.get(url)
        self.until(lambda: self.js("return document.querySelector('#state.on, #state.bypass') !== null"))

    def js(self, script: str, *values: Any) -> Any:
        """Run JavaScript in the page."""
        return self.driver.execute_script(script, *values)

    def until(self, fits: Callable[[], Any]) -> Any:
        """Wait until something holds, and return it."""
        end = time.monotonic() + _PATIENCE_S
        while not (found := fits()):
            assert time.monotonic() < end, "the page does not come to it"
            time.sleep(0.02)
        return found

    def one(self, selector: str) -> WebElement:
        """The first element that a selector fits."""
        return self.driver.find_element("css selector", selector)

    def value(self, name: str) -> float:
        """Where the knob of a name stands, as screen readers tell it."""
        dial = "document.querySelector(`.dial[aria-label='${arguments[0]}']`)"
        return float(self.js(f"return {dial}.ariaValueNow", name))

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element, which is brought into view."""
        found = self.js(
            "const one = document.querySelector(arguments[0]); one.scrollIntoView({block: 'center'});"
            "const box = one.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]",
            selector,
        )
        left, top, width, height = map(float, found)
        return left, top, width, height

    def mouse(self, kind: str, point: Point) -> None:
        """A movement of the mouse: `Pressed`, `Moved` or `Released`."""
        x, y = point
        event = {"type": f"mouse{kind}", "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        self.tell("Input.dispatchMouseEvent", **event)

    def touch(self, kind: str, *points: Point) -> None:
        """A movement of fingers: `Start`, `Move` or `End`."""
        fingers = [{"x": x, "y": y} for x, y in points]
        self.tell("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=fingers)

    def key(self, name: str) -> None:
        """Press a key, such as `Tab` or `ArrowUp`."""
        codes = {"Enter": 13, " ": 32, "Tab": 9, "Escape": 27, "Delete": 46, "End": 35, "Home": 36}
        codes |= {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r", " ": " "}.get(name, name if len(name) == 1 else "")
        key = {"key": name, "code": name, "windowsVirtualKeyCode": codes.get(name, 0), "text": text}
        self.tell("Input.dispatchKeyEvent", type="keyDown", **key)
        self.tell("Input.dispatchKeyEvent", type="keyUp", **key)

    def choices(self, label: str) -> list[str]:
        """What a list of this label offers."""
        options = self.driver.find_elements("css selector", f"select[aria-label='{label}'] option")
        return [str(option.get_attribute("value")) for option in options]

    def choose(self, label: str, value: str) -> None:
        """Choose from a list."""
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))"
        self.js(script, self.one(f"select[aria-label='{label}']"), value)

    def messages(self) -> list[str]:
        """What the page complained of."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close the window."""
        self.driver.quit()


def on_ring(box: tuple[float, float, float, float], steps: float) -> Point:
    """A place on the ring, so many twelfths from its top."""
    left, top, width, height = box
    angle = math.pi * steps / 6
    return left + width * (0.5 + 0.35 * math.sin(angle)), top + height * (0.5 - 0.35 * math.cos(angle))


def fetch_axe(folder: Path) -> str:
    """The script of axe-core, from npm by its name, checked by its hash, and kept in a folder."""
    name, _, version = AXE.partition("@")
    kept = folder / f"{name}-{version}.tgz"
    if not kept.exists():
        npm = [_program("npm"), "pack", AXE, "--pack-destination", str(folder), "--silent"]
        subprocess.run(npm, check=True, capture_output=True, timeout=120)
    data = kept.read_bytes()
    assert base64.b64encode(hashlib.sha512(data).digest()).decode() == AXE_HASH
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def violations(browser: Browser, axe: str) -> list[str]:
    """What axe-core finds wrong with the page, a line each."""
    browser.js(axe)
    found = browser.driver.execute_async_script(
        "axe.run({resultTypes: ['violations']}).then(arguments[arguments.length - 1])"
    )
    return [
        f"{one['id']}: {json.dumps(node['target'])} {node.get('failureSummary', '')}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def run(browser: Browser, script: str) -> Any:
    """What a function of the page's modules gives: `script` is the body of a function of `page(name)`."""
    return browser.driver.execute_async_script(
        "const [script, done] = arguments; const page = (name) => import(`/page/${name}.js`);"
        "const work = Object.getPrototypeOf(async () => 0).constructor('page', script);"
        "work(page).then(done, (error) => done(String(error)));",
        script,
    )


def tab_to(browser: Browser, selector: str) -> None:
    """Go on with Tab until an element has the focus, and see that this shows."""
    for _ in range(150):
        browser.key("Tab")
        if browser.js("return document.activeElement.matches(arguments[0])", selector):
            assert browser.js("return getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
    raise AssertionError(f"Tab does not come to {selector}")


def _program(*names: str) -> str:
    """Where the first program of these names is that is there."""
    found = next(filter(None, map(shutil.which, names)), None)
    assert found is not None, f"{names[0]} is missing: .ci/system-packages installs it"
    return found
