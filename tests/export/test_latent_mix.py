"""The shipped mixer: what it takes out and adds, that its file comes back, and its methods in nn~."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import latentfx
from latentfx.errors import ExportError, ShapeError
from latentfx.export.builders.latent_mix import build_latent_mix
from latentfx.export.checks.opened import NnTildePlugin, plugin_path
from latentfx.export.nn_tilde.file import export_nn_tilde
from latentfx.export.nn_tilde.form import check_nn_tilde
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.export.patches.file import write_patches
from latentfx.export.rebuild import rebuild_plugin
from latentfx.host.nn_tilde.model import open_module
from latentfx.methods.oplas.mix.config import LatentMixConfig, MixSpectra
from latentfx.methods.oplas.mix.model import LatentMix

Float32 = NDArray[np.float32]

RATE = 48_000
SECONDS = 3.0


def note(f0_hz: float, seed: int) -> Float32:
    """A tone of ten partials that swells, with breath."""
    times_s = np.arange(round(SECONDS * RATE)) / RATE
    rng = np.random.default_rng(seed)
    partials = sum(np.sin(2 * np.pi * f0_hz * k * times_s + rng.uniform(0, 6)) / k for k in range(1, 11))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.5, 2.0) * times_s)
    return (0.05 * swell * (partials + 0.01 * rng.standard_normal(len(times_s)))).astype(np.float32)


def beat() -> Float32:
    """Bursts of noise, four a second."""
    rng = np.random.default_rng(9)
    times_s = np.arange(round(SECONDS * RATE)) / RATE
    return (0.1 * np.exp(-30.0 * (times_s % 0.25)) * rng.standard_normal(len(times_s))).astype(np.float32)


def level_db(audio: Float32) -> float:
    return float(10.0 * np.log10(np.mean(np.square(audio[RATE // 4 : -RATE // 4], dtype=np.float64)) + 1e-15))


def played(main: Float32, side: Float32, **controls: float) -> Float32:
    out: Float32 = latentfx.load("latent-mix").set(**controls)(np.stack([main, side]), RATE)
    return out.reshape(-1)


@pytest.mark.parametrize("resting", ["side_gain", "side-chain"])
def test_with_nothing_to_take_out_the_main_input_comes_through(resting: str) -> None:
    main, side = note(220.0, 1), note(330.0, 2)
    if resting == "side_gain":
        assert level_db(played(main, side) - main) < level_db(main) - 80.0
    else:
        out = played(main, 0 * side, side_gain=-1.0)
        assert level_db(out - main) < level_db(main) - 25.0


@pytest.mark.parametrize("taken", [0, 1])
def test_a_stem_is_taken_out_and_the_other_stays(taken: int) -> None:
    stems = (note(220.0, 1), beat())
    side, rest = stems[taken], stems[1 - taken]
    out = played(side + rest, side, side_gain=-1.0)
    assert level_db(out - rest) < level_db(side) - 8.0
    half = played(side + rest, side, side_gain=-0.5)
    assert level_db(out - rest) < level_db(half - rest) < level_db(side)


def test_a_stem_is_known_upside_down_and_the_whole_mix_leaves_silence() -> None:
    """The difference of the waves would be twice the stem."""
    side, rest = beat(), note(220.0, 1)
    out = played(side + rest, -side, side_gain=-1.0)
    assert level_db(out - rest) < level_db(side) - 8.0
    assert level_db(played(rest, rest, side_gain=-1.0)) < level_db(rest) - 20.0


def test_a_stem_is_added_by_resynthesis_which_a_mask_cannot() -> None:
    main, side = 0 * beat(), note(330.0, 2)
    assert level_db(played(main, side, side_gain=1.0)) < level_db(side) - 60.0
    added = played(main, side, side_gain=1.0, resynthesis=1.0)
    assert level_db(added) == pytest.approx(level_db(side), abs=1.0), "as loud as it was"
    spectrum = np.abs(np.fft.rfft(added[RATE : 2 * RATE]))
    assert int(spectrum.argmax()) == pytest.approx(330, abs=2)


def test_a_late_stem_is_taken_out_too() -> None:
    """The difference of the waves would be louder than the stem."""
    side, rest = beat(), note(220.0, 1)
    late = np.concatenate([np.zeros(480, np.float32), side[:-480]])
    assert level_db(side + rest - late - rest) > level_db(side)
    out = played(side + rest, late, side_gain=-1.0)
    assert level_db(out - rest) < level_db(side) - 5.0


def test_what_is_added_and_taken_away_again_leaves_what_was() -> None:
    rest, side = note(220.0, 1), note(330.0, 2)
    added = played(rest, side, side_gain=1.0, resynthesis=1.0)
    assert level_db(added - rest - side) < level_db(rest) - 12.0
    back = played(added, side, side_gain=-1.0)
    assert level_db(back - rest) < level_db(rest) - 10.0
    unchanged = played(rest, side, resynthesis=1.0)
    assert level_db(unchanged - rest) < level_db(rest) - 40.0


def test_one_channel_is_not_enough() -> None:
    with pytest.raises(ShapeError, match="audio has 1 channels; plugin 'latent-mix' takes 2"):
        latentfx.load("latent-mix")(beat(), RATE)


def test_nn_tilde_gets_forward_alone_since_no_patch_holds_the_latent_signals(tmp_path: Path) -> None:
    mixer, _ = rebuild_plugin(plugin_path("latent-mix"))
    facts = {"method": "none", "licence": "MIT", "date": "2026-01-01", "versions": {"latentfx": "0"}}
    path = export_nn_tilde(
        mixer, tmp_path / "mixer.ts", facts, lambda module: verify_nn_tilde(mixer, module).as_dict()
    )
    module = open_module(path.read_bytes())
    assert module.get_methods() == ["forward", "info"]
    assert check_nn_tilde(module).passed
    write_patches(mixer, path)
    for suffix in (".pd", ".maxpat"):
        text = path.with_suffix(suffix).read_text()
        assert "set mix" in text
        assert "mix_amount" not in text
    audio = torch.from_numpy(np.stack([note(220.0, 1) + beat(), beat()])[None, :, : 64 * 1024])
    opened = NnTildePlugin(module, mixer.spec)  # as the checks of a file turn its controls
    row = torch.tensor([mixer.spec.defaults])
    row[0, mixer.spec.index("mix")] = 0.0
    dry, _ = opened(audio[..., : 64 * 256], row, opened.initial_state(1))
    late = mixer.spec.latency
    torch.testing.assert_close(dry[0, 0, late:], audio[0, 0, : 64 * 256 - late], atol=1e-5, rtol=0)


def test_a_choice_at_start_is_refused() -> None:
    small = LatentMixConfig(MixSpectra(n_fft=512, hop_length=128, bands=64), width=8, projector_width=8)
    with pytest.raises(ExportError, match="a mixer has none"):
        build_latent_mix(LatentMix(small), default="drums")
