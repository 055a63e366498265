"""Neutone FX: which knobs a plugin gets there; and, where the SDK is installed, the file itself."""

from __future__ import annotations

import importlib.util
import io
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import torch
from identity_effect import identity_effect

import latentfx
from latentfx.control import Control
from latentfx.errors import ExportError, MissingExtraError
from latentfx.export import export_checkpoint
from latentfx.export.builders.swapper import build_swapper
from latentfx.export.neutone.file import export_neutone
from latentfx.export.neutone.knobs import choose_knobs, words_of
from latentfx.host.nn_tilde.model import deprecations_allowed
from latentfx.methods.swapper.model import Swapper
from latentfx.plugin import Plugin
from latentfx.spec import PluginSpec
from latentfx.testing.drive import phrase, run

PROVENANCE = {"method": "J-DSAE", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}


@pytest.fixture(scope="module")
def swapper(trained: Swapper) -> Plugin:
    return build_swapper(trained, "tiny", "flute")


def test_a_blend_is_one_knob_and_the_hosts_own_are_left_out(swapper: Plugin) -> None:
    timbre, pitch, octave = choose_knobs(swapper.spec)
    assert (timbre.name, timbre.default, timbre.indices) == ("timbre", pytest.approx(1 / 3), (0, 1, 2, 3))
    assert timbre.text == "from one to the next: violin, flute, clarinet, input"
    assert (pitch.name, pitch.default, pitch.low, pitch.high) == ("pitch_st", 0.5, -12.0, 12.0)
    assert (octave.name, octave.low, octave.high) == ("octave_auto", 0.0, 1.0)


def test_there_are_four_knobs_at_most_and_words_fit() -> None:
    controls = tuple(Control(f"k{index}", 1.0, 100.0, 10.0, curve="log") for index in range(9))
    spec = PluginSpec("a" * 99, 16_000, 64, 0, controls=controls, description="b" * 999)
    knobs = choose_knobs(spec)
    assert [knob.name for knob in knobs] == ["k0", "k1", "k2", "k3"]
    assert (knobs[0].default, knobs[0].log) == (pytest.approx(0.5), True)
    words = words_of(spec, PROVENANCE | {"paper": "c" * 999})
    assert (len(words.name), len(words.short), len(words.long), len(words.citation)) == (30, 150, 500, 150)


def test_what_is_missing_or_does_not_fit_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match=r"ends in \.nm, not '\.ts'"):
        export_neutone(identity_effect(), tmp_path / "x.ts", PROVENANCE)
    with pytest.raises(ExportError, match="more than two channels"):
        export_neutone(identity_effect(in_channels=3), tmp_path / "x.nm", PROVENANCE)
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    monkeypatch.setitem(sys.modules, "neutone_sdk", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latentfx\[neutone\]'"):
        export_neutone(identity_effect(), tmp_path / "x.nm", PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_no_byte_of_the_file_names_a_folder_of_the_machine_that_wrote_it(
    swapper: Plugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of the SDK stands what it does at its end: TorchScript is compiled and saved."""
    written: list[bytes] = []

    def save(module: torch.nn.Module, folder: Path, **_: bool) -> None:
        with deprecations_allowed():
            torch.jit.script(module).save(folder / "model.nm")
        written.append((folder / "model.nm").read_bytes())

    sdk, utils, model = (ModuleType(name) for name in ("neutone_sdk", "neutone_sdk.utils", "model"))
    utils.save_neutone_model = save  # type: ignore[attr-defined]
    model.NeutonePlugin = lambda wrapped, *_: wrapped  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "neutone_sdk", sdk)
    monkeypatch.setitem(sys.modules, "neutone_sdk.utils", utils)
    monkeypatch.setitem(sys.modules, "latentfx.export.neutone.model", model)
    monkeypatch.setattr("latentfx.export.neutone.file.import_sdk", lambda: None)
    path = export_neutone(swapper, tmp_path / "tiny.nm", PROVENANCE)
    checkout = Path(__file__).parents[2]
    assert names_folder(written[0], checkout), "the file of the SDK has nothing to take away"
    for place in {checkout, Path(torch.__file__).parent, Path.home()}:
        assert not names_folder(path.read_bytes(), place)


def names_folder(content: bytes, place: Path) -> bool:
    """Whether any part of an archive holds the name of a folder."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any(str(place).encode() in archive.read(name) for name in archive.namelist())


if importlib.util.find_spec("neutone_sdk"):  # the extra 'neutone'; CI allows no skipped test

    def test_the_file_passes_the_sdk_and_sounds_like_torch(swapper: Plugin, tmp_path: Path) -> None:
        path = export_neutone(swapper, tmp_path / "tiny.nm", PROVENANCE)
        with deprecations_allowed():
            model = torch.jit.load(path)
        size, rate, delay = 512, swapper.spec.sample_rate, 0
        model.set_daw_sample_rate_and_buffer_size(rate, size, rate, size)
        delay = model.calc_buffering_delay_samples()
        assert model.calc_model_delay_samples() == swapper.spec.latency
        audio = phrase(swapper, 160, 1, torch.Generator().manual_seed(0))
        controls = swapper.default_controls(1)
        controls[0, :4] = torch.tensor([0.0, 0.5, 0.5, 0.0])
        controls[0, swapper.spec.index("pitch_st")] = 6.0
        expected, _ = run(swapper, audio, controls)
        knobs = torch.tensor([[0.5], [0.75], [0.0], [0.0]]).repeat(1, size)
        with torch.inference_mode():
            pieces = [model.forward(chunk[0], knobs).clone() for chunk in audio.split(size, -1)]
        heard = torch.cat(pieces, -1)[0]
        length = audio.shape[-1] - delay
        torch.testing.assert_close(heard[delay:], expected[0, 0, :length], atol=1e-4, rtol=0)

    @pytest.mark.parametrize("name", latentfx.plugins())
    def test_a_shipped_plugin_becomes_a_file_for_neutone(name: str, tmp_path: Path) -> None:
        plugin = latentfx.load(name)
        found = export_checkpoint(name, tmp_path / f"{name}.nm", verify=False)
        with deprecations_allowed():
            model = torch.jit.load(found.path)
        model.set_daw_sample_rate_and_buffer_size(plugin.sample_rate, 512, plugin.sample_rate, 512)
        assert model.calc_model_delay_samples() == plugin.latency
