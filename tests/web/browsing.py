"""What a test does with a page in Chromium."""

from __future__ import annotations

import base64
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from selenium import webdriver
from selenium.common.exceptions import JavascriptException

Sound = NDArray[np.float32]
_PATIENCE_S = 60
_ASYNC = """
const done = arguments[arguments.length - 1];
(async () => { %s })().then((value) => done({value}), (error) => done({error: String(error.stack ?? error)}));
"""
_ENCODE = """
const text = (lane) => {
  const bytes = new Uint8Array(lane.buffer);
  let all = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    all += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(all);
};
const { dry, wet, rate } = await latentfx.stop();
return { dry: dry.map(text), wet: wet.map(text), rate, ...latentfx.stats() };
"""


def run(page: webdriver.Chrome, program: str, *arguments: object) -> Any:
    """Run the body of an async function in a page, and return what it returns."""
    answer = page.execute_async_script(_ASYNC % program, *arguments)
    assert "error" not in answer, answer["error"]
    return answer.get("value")


def visit(page: webdriver.Chrome, address: str) -> None:
    """Open a page, and wait until it can be played."""
    page.get(address)
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            if page.execute_script("return document.body?.dataset.ready === 'yes'"):
                return
        except JavascriptException:  # it is loading anew
            pass
        assert time.monotonic() < end, page.get_log("browser")
        time.sleep(0.05)


def listen(page: webdriver.Chrome, seconds: float) -> dict[str, Any]:
    """Play the microphone from the first sample on; what came in, what was heard, and facts."""
    return hear(page, "await latentfx.microphone();", seconds)


def hear(page: webdriver.Chrome, source: str, seconds: float) -> dict[str, Any]:
    """Play a source that the page opens, as `listen` does."""
    enough = f"latentfx.stats().frame > {seconds} * latentfx.stats().rate"
    rest = "await new Promise((go) => setTimeout(go, 20));"
    run(page, f"latentfx.tap(); {source} while (!({enough})) {rest}")
    facts: dict[str, Any] = run(page, _ENCODE)
    for name in ("dry", "wet"):
        facts[name] = np.stack([np.frombuffer(base64.b64decode(row), np.float32) for row in facts[name]])
    return facts


def difference_db(found: Sound, wanted: Sound) -> float:
    """Power of the difference below that of the sound wanted."""
    size = min(len(found), len(wanted))
    power = np.mean(np.square(wanted[:size], dtype=np.float64))
    return float(10 * np.log10(np.mean(np.square(found[:size] - wanted[:size], dtype=np.float64)) / power))
