"""Chromium, a server of static files, and onnxruntime-web."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
import soundfile
from filelock import FileLock
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

sys.path.insert(0, str(Path(__file__).parents[1] / "realtime"))  # what tests of the live page use, too
sys.path.insert(0, str(Path(__file__).parent))

from latentfx.export import export_checkpoint
from latentfx.export.web.runtime import PACKAGE, VERSION

_LOAD_S = 60


@pytest.fixture(scope="session")
def npm_package() -> Path:
    """The file of `npm pack`, fetched once into a cache folder of this user."""
    folder = platformdirs.user_cache_path("latentfx-tests", ensure_exists=True)
    file = folder / f"{PACKAGE}-{VERSION}.tgz"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            part = folder / "part"
            part.mkdir(exist_ok=True)
            words = ["npm", "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", str(part)]
            subprocess.run(words, check=True, cwd=part)
            (part / file.name).replace(file)
    return file


@pytest.fixture(scope="session")
def site(npm_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a shipped plugin, written once."""

    @functools.cache
    def write(name: str) -> Path:
        folder = tmp_path_factory.mktemp("site") / name
        export_checkpoint(name, folder, to="web", runtime=str(npm_package))
        return folder

    return write


@pytest.fixture(scope="session")
def violin(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The violin as a WAV file, which Chromium takes for a microphone."""
    audio, rate = soundfile.read(root / "examples" / "audio" / "violin.flac", dtype="float32")
    file = tmp_path_factory.mktemp("microphone") / "violin.wav"
    soundfile.write(file, audio, rate, subtype="PCM_16")
    return file


@pytest.fixture
def chromium(violin: Path, tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Chromium without a window, whose microphone plays the violin."""
    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium", "chromium-browser")
    for word in (
        "--headless=new",
        "--no-sandbox",  # the tests may run as root
        "--disable-dev-shm-usage",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={violin}%noloop",
        "--autoplay-policy=no-user-gesture-required",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(_program("chromedriver"), log_output=os.devnull)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(_LOAD_S)
    yield driver
    driver.quit()


def _program(*names: str) -> str:
    found = next((path for name in names if (path := shutil.which(name))), None)
    assert found, f"{names[0]} is not installed: .ci/system-packages"
    return found
