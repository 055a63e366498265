"""Neutone FX: which knobs a plugin gets there; and, where the SDK is installed, the file itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

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
    timbre, pitch = choose_knobs(swapper.spec)
    assert (timbre.name, timbre.default, timbre.indices) == ("timbre", pytest.approx(1 / 3), (0, 1, 2, 3))
    assert timbre.text == "from one to the next: violin, flute, clarinet, input"
    assert (pitch.name, pitch.default, pitch.low, pitch.high) == ("pitch_st", 0.5, -12.0, 12.0)


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
