"""What is no path, no rate and no sound is refused in words of latentfx, before anything is written."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import latentfx
from latentfx.errors import AudioFileError, LatentFXError, PluginNotFoundError, ShapeError

AUDIO = np.zeros(480, np.float32)
apply: Callable[..., Any] = latentfx.apply
load: Callable[..., Any] = latentfx.load

WRONG: dict[str, tuple[Callable[[Path, str], object], type[LatentFXError], str]] = {
    "NUL in a source": (lambda s, p: apply(f"{s}\0.wav", "o.wav", p), AudioFileError, "cannot be opened"),
    "NUL in a target": (lambda s, p: apply(s, "o\0.wav", p), AudioFileError, r"the target is 'o\\x00\.wav'"),
    "NUL in a plugin": (lambda s, p: load("a\0.onnx"), PluginNotFoundError, "NUL character"),
    "empty target": (lambda s, p: apply(s, "", p), AudioFileError, "the target is ''; give the path"),
    "open target": (lambda s, p: apply(s, io.BytesIO(), p), AudioFileError, "the target is <_io.BytesIO"),
    "source in bytes": (lambda s, p: apply(b"s.wav", "o.wav", p), ShapeError, "the source is b's.wav'; give"),
    "no source": (lambda s, p: apply(None, "o.wav", p), ShapeError, "the source is None; give the path"),
    "no plugin": (lambda s, p: load(None), PluginNotFoundError, "a plugin is given as None; give a name"),
    "number as plugin": (lambda s, p: apply(s, "o.wav", 7), PluginNotFoundError, "a plugin is given as 7"),
    "rate as text": (lambda s, p: load(p)(AUDIO, "x"), ShapeError, "sample_rate is 'x'; give the rate"),
    "no rate": (lambda s, p: load(p)(AUDIO, None), ShapeError, "sample_rate is None; give the rate"),
    "stream at a text": (lambda s, p: load(p).open(1, "x"), ShapeError, "sample_rate is 'x'; give"),
    "array at a text": (
        lambda s, p: apply(AUDIO, None, p, sample_rate="x"), ShapeError, "sample_rate is 'x'; give"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_argument_is_refused_in_words(
    call: Callable[[Path, str], object],
    kind: type[LatentFXError],
    message: str,
    plugin_file: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "s.wav"
    soundfile.write(source, AUDIO, 48_000)
    with pytest.raises(kind, match=message):
        call(source, str(plugin_file("gain")))
    assert [path.name for path in tmp_path.iterdir()] == ["s.wav"]
