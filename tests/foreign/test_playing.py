"""Files for nn~ that others made play as ours do: files, arrays, chains, presets, automation, live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from mido import Message
from torch import Tensor, nn
from toy_rave import BANDS, CODE, RATE, ToyRave, toy_file, write_model

import latentfx
from latentfx.arrays import Float32
from latentfx.automation import Automated, Automation, Move, Turn
from latentfx.errors import ControlError, PluginFileError, ShapeError
from latentfx.host.first_contact import cache_folder
from latentfx.host.nn_tilde.memory import twin_of
from latentfx.host.runtime import LatentPlugin
from latentfx.library import describe, load
from latentfx.preset import Preset

BLOCK = BANDS * 4 * 4 * 4


def by_hand(path: Path, audio: Float32, block: int = BLOCK) -> Float32:
    """What a file makes of audio, called block by block as nn~ calls it."""
    module = torch.jit.load(str(path))
    padded = np.pad(audio, (0, -len(audio) % block))
    with torch.inference_mode():
        parts = [module(part.reshape(1, 1, -1)) for part in torch.from_numpy(padded).split(block)]
    return torch.cat(parts, -1)[0, 0].numpy()


def largest_gap(a: Float32, b: Float32) -> float:
    return float(np.abs(a - b).max())


def test_rate_block_and_channels_are_read_from_the_file(toy: LatentPlugin, stereo_path: Path) -> None:
    spec = toy.spec
    assert (spec.name, spec.sample_rate, spec.block_size) == ("toy", RATE, BLOCK)
    assert (spec.in_channels, spec.out_channels) == (1, 1)
    stereo = load(stereo_path, trust=True).spec
    assert (stereo.name, stereo.in_channels, stereo.out_channels) == ("stereo", 2, 2)


def test_a_call_gives_what_the_file_gives_without_its_latency(
    toy: LatentPlugin, toy_path: Path, notes: Float32
) -> None:
    expected = by_hand(toy_path, np.pad(notes, (0, toy.latency)))[toy.latency : toy.latency + len(notes)]
    assert largest_gap(toy(notes, RATE), expected) < 1e-6


def test_a_click_comes_out_where_it_went_in(toy: LatentPlugin) -> None:
    """The toy is not linear and its filters ring: half of the energy lies within a quarter of a block."""
    click = np.zeros(RATE, np.float32)
    click[RATE // 2 : RATE // 2 + 64] = 0.5
    energy = np.cumsum(toy(click, RATE).astype(np.float64) ** 2)
    centre = int(np.searchsorted(energy, energy[-1] / 2))
    assert abs(centre - RATE // 2 - 32) < BLOCK // 4


def test_facts_are_measured_once_and_kept_by_the_hash(
    toy_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(toy_path, trust=True).spec
    assert first.latency > 0
    assert list((cache_folder() / "nn_tilde").glob("*.json"))

    def refuse(*_: object) -> str:
        raise AssertionError("measured again")

    monkeypatch.setattr("latentfx.host.nn_tilde.first_use.try_apart", refuse)
    assert load(toy_path, trust=True).spec == first
    assert describe(toy_path).spec == first  # reads the facts alone: nothing runs, no trust is needed


def test_a_file_that_nobody_trusts_is_refused(toy_path: Path) -> None:
    with pytest.raises(PluginFileError, match=r"is TorchScript: a program .* Add --trust"):
        load(toy_path)


def test_a_file_that_was_never_played_says_how_to_find_out(tmp_path: Path) -> None:
    path = toy_file(tmp_path / "new.ts", lambda: ToyRave(noise=0.001))
    with pytest.raises(PluginFileError, match=r"never played here.*--plugin new\.ts --trust"):
        describe(path)


def test_channels_of_a_mono_model_run_side_by_side(toy: LatentPlugin, notes: Float32) -> None:
    both = toy(np.stack([notes, 0.3 * notes[::-1]]), RATE)
    assert largest_gap(both[0], toy(notes, RATE)) < 1e-6
    assert largest_gap(both[1], toy(0.3 * notes[::-1], RATE)) < 1e-6


def test_a_stereo_model_takes_both_channels_at_once(stereo_path: Path, notes: Float32) -> None:
    plugin = load(stereo_path, trust=True)
    out = plugin(np.stack([notes, 0.3 * notes[::-1]]), RATE)
    assert out.shape == (2, len(notes))
    assert largest_gap(out[0], out[1]) > 0.001
    with pytest.raises(ShapeError, match="audio has 1 channels; plugin 'stereo' takes 2; mix or copy"):
        plugin(notes, RATE)


def test_other_rates_and_pieces_are_adapted(toy: LatentPlugin, notes: Float32) -> None:
    whole = toy(notes, 48_000)
    assert whole.shape == notes.shape
    cuts = [toy.process(piece, 48_000, reset=False) for piece in np.array_split(notes, 7)]
    assert largest_gap(np.concatenate([*cuts, toy.flush()]), whole) < 1e-6


def test_attributes_of_numbers_are_controls(toy: LatentPlugin, notes: Float32) -> None:
    """Ranges are those that the setters keep: gain is clamped to 0..2, mode refuses more than 2."""
    spec = toy.spec
    ranges = {c.name: (c.minimum, c.maximum, c.curve) for c in spec.controls if "latent" not in c.name}
    assert ranges == {
        "gain": (0.0, 2.0, "linear"),
        "mode": (0.0, 2.0, "integer"),
        "bright": (0.0, 1.0, "integer"),
        "pair_0": (0.0, 1.0, "linear"),
        "pair_1": (0.0, 1.0, "linear"),
    }
    plain = toy(notes, RATE)
    toy.gain = 0.5
    assert largest_gap(toy(notes, RATE), 0.5 * plain) < 1e-6
    with pytest.raises(ControlError, match="control 'gain' is 3; allowed 0 to 2"):
        toy.gain = 3


def test_each_dimension_of_the_code_has_an_offset_and_a_scale(
    toy: LatentPlugin, toy_path: Path, notes: Float32
) -> None:
    names = {control.name for control in toy.spec.controls}
    assert {f"latent_{at}_{kind}" for at in range(CODE) for kind in ("offset", "scale")} <= names
    toy.set(latent_2_offset=1.5, latent_0_scale=0.25)
    module = torch.jit.load(str(toy_path))
    padded = np.pad(notes, (0, toy.latency + -(len(notes) + toy.latency) % BLOCK))
    parts = []
    with torch.inference_mode():
        for part in torch.from_numpy(padded).split(BLOCK):
            code = module.encode(part.reshape(1, 1, -1))
            code[:, 0] *= 0.25
            code[:, 2] += 1.5
            parts.append(module.decode(code))
    expected = torch.cat(parts, -1)[0, 0].numpy()[toy.latency : toy.latency + len(notes)]
    assert largest_gap(toy(notes, RATE), expected) < 1e-6


def test_a_block_of_nan_is_silence_and_the_model_starts_again(toy: LatentPlugin, notes: Float32) -> None:
    """The toy's mode 2 divides by zero."""
    blocks = toy.blocks()
    sound = np.resize(notes, (1, 1, 4 * BLOCK))
    first = blocks.step(sound).copy()
    toy.mode = 2
    assert not blocks.step(sound).any()
    assert blocks.silenced == 4
    toy.mode = 0
    assert largest_gap(blocks.step(sound), first) < 1e-6


def test_reset_brings_the_first_block_back(toy: LatentPlugin, notes: Float32) -> None:
    """The convolutions keep their state in buffers that calls write in place."""
    blocks = toy.blocks()
    sound = np.resize(notes, (1, 1, 3 * BLOCK))
    first = blocks.step(sound).copy()
    assert largest_gap(blocks.step(sound), first) > 1e-4
    blocks.reset()
    assert largest_gap(blocks.step(sound), first) == 0


def test_streams_of_one_plugin_do_not_hear_each_other(toy: LatentPlugin, notes: Float32) -> None:
    one, other = toy.blocks(), toy.blocks()
    sound = np.resize(notes, (1, 1, 2 * BLOCK))
    first = one.step(sound).copy()
    assert largest_gap(other.step(sound), first) == 0


def test_a_plugin_is_copied_and_pickled_with_its_settings(toy: LatentPlugin, notes: Float32) -> None:
    toy.set(gain=0.5, latent_1_offset=1.0)
    expected = toy(notes, RATE)
    make, parts = toy.__reduce__()
    revived = make(*parts)
    assert largest_gap(toy.copy()(notes, RATE), expected) == 0
    assert largest_gap(revived(notes, RATE), expected) == 0


def test_apply_runs_a_file_through_the_model(toy_path: Path, tmp_path: Path, notes: Float32) -> None:
    soundfile.write(tmp_path / "in.wav", notes, RATE, subtype="FLOAT")
    plugin = load(toy_path, trust=True)
    latentfx.apply(tmp_path / "in.wav", tmp_path / "out.wav", plugin, gain=0.5)
    written, rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    plugin.gain = 0.5
    assert rate == RATE
    assert largest_gap(written, plugin(notes, RATE)) < 1e-6


def test_a_board_removes_the_latency_of_a_model_too(toy: LatentPlugin, notes: Float32) -> None:
    swap = load("timbre-swap", timbre="trumpet")
    chained = latentfx.Board([toy, swap])(notes, RATE)
    assert largest_gap(chained, swap(toy(notes, RATE), RATE)) < 1e-4


def test_a_preset_and_an_automation_turn_the_code(toy_path: Path, notes: Float32) -> None:
    plugin = load(toy_path, trust=True, latent_3_offset=2.0)
    preset = Preset.of(plugin, "bent", str(toy_path))
    plain = load(toy_path, trust=True)
    preset.set(plain)
    assert plain.latent_3_offset == 2.0
    before = load(toy_path, trust=True)
    moves = Automation((Move(0.25, Turn("latent_3_offset", 2.0)),))
    moved = Automated(before, moves)(notes, RATE)
    still = before(notes, RATE)
    turn = RATE // 4 - 2 * BLOCK - before.latency
    assert largest_gap(moved[: max(turn, 1000)], still[: max(turn, 1000)]) < 1e-6
    assert largest_gap(moved[-4000:], still[-4000:]) > 1e-3


def test_a_model_plays_live_as_in_a_file_and_midi_turns_its_code(toy: LatentPlugin, notes: Float32) -> None:
    sound = np.tile(notes, 2)
    with latentfx.LiveHost(toy, RATE, block=256, bindings=["cc:21=latent_0_offset"]) as host:
        blocks = np.array_split(sound[: 256 * (len(sound) // 256)], len(sound) // 256)
        heard = np.concatenate([host.process(block) for block in blocks])
        late = host.latency
        assert largest_gap(heard[late:], toy(sound, RATE)[: len(heard) - late]) < 1e-4
        host.send(Message("control_change", control=21, value=127))
        host.process(np.zeros(4096, np.float32))
        assert host.controls["latent_0_offset"] == 4.0
        assert host.stats().silenced == 0


def test_a_model_that_fails_live_gives_way_to_the_input(tmp_path: Path) -> None:
    class Fails(nn.Module):
        """Raises where it is loud."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))

        def forward(self, audio: Tensor) -> Tensor:
            if float(audio.max()) > 0.9:
                raise ValueError("it fell over")
            return audio

    plugin = load(write_model(tmp_path / "fails.ts", Fails()), trust=True)
    with latentfx.LiveHost(plugin, plugin.sample_rate, block=512) as host:
        block = np.full(512, 0.1, np.float32)
        host.process(np.full(512, 0.95, np.float32))
        heard = [host.process(block) for _ in range(50)]
        assert "the plugin failed" in host.trouble
        assert "it fell over" in host.trouble
    assert largest_gap(heard[-1], block) < 1e-6


class Held(nn.Module):
    """One value for 64 samples, as nn~ holds it; it says no rate."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([1, 64, 1, 64]))

    def forward(self, audio: Tensor) -> Tensor:
        return 2 * audio


def test_a_method_at_a_ratio_takes_the_last_sample_and_its_output_is_held(tmp_path: Path) -> None:
    plugin = load(write_model(tmp_path / "held.ts", Held()), trust=True)
    assert plugin.sample_rate == 44_100
    assert plugin.provenance["nn~"]["rate"] == "assumed"
    ramp = np.linspace(0, 0.5, 512, dtype=np.float32).reshape(1, 1, -1)
    out = plugin.blocks().step(ramp)
    assert largest_gap(out[0, 0].reshape(8, 64), 2 * np.repeat(ramp[0, 0, 63::64, None], 64, 1)) == 0


class Mixes(ToyRave):
    """Its `forward` is more than its code: it adds the sound that came in."""

    def forward(self, audio: Tensor) -> Tensor:
        return self.decode(self.encode(audio)) + 0.1 * audio


def test_a_forward_that_is_more_than_the_code_plays_until_the_code_is_turned(
    tmp_path: Path, notes: Float32
) -> None:
    path = toy_file(tmp_path / "mixes.ts", Mixes)
    plugin = load(path, trust=True)
    assert plugin.provenance["nn~"]["always"] is False
    whole = np.pad(notes, (0, plugin.latency))
    expected = by_hand(path, whole)[plugin.latency :][: len(notes)]
    assert largest_gap(plugin(notes, RATE), expected) < 1e-6
    plugin.latent_0_offset = 1e-9  # as little as turned
    blocks, sound = plugin.blocks(), np.resize(notes, (1, 1, 24 * BLOCK))
    turned = blocks.step(sound)[0, 0]
    dry = by_hand(path, sound[0, 0]) - 0.1 * sound[0, 0]
    assert largest_gap(turned[-4 * BLOCK :], dry[-4 * BLOCK :]) < 1e-4


def test_a_file_that_ends_the_process_is_named_and_this_one_lives_on(tmp_path: Path) -> None:
    class NoSound(nn.Module):
        """Has a method, but none that turns audio into audio."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("encode_params", torch.tensor([1, 1, 4, 512]))

        @torch.jit.export
        def encode(self, audio: Tensor) -> Tensor:
            return audio[..., ::512].repeat(1, 4, 1)

        def forward(self, audio: Tensor) -> Tensor:
            return audio

    path = write_model(tmp_path / "no-sound.ts", NoSound())
    with pytest.raises(PluginFileError, match="turns no audio into audio: its methods are encode"):
        load(path, trust=True)
    junk = tmp_path / "junk.ts"
    junk.write_bytes(b"PK\x03\x04 not a model")
    with pytest.raises(PluginFileError, match="torch cannot open the file"):
        load(junk, trust=True)


def test_streams_share_the_weights_of_their_model(toy_path: Path) -> None:
    module = torch.jit.load(str(toy_path))
    twin = twin_of(module)
    pairs = list(zip(module.named_parameters(), twin.parameters(), strict=True))
    assert len(pairs) > 8
    assert [name for (name, weight), other in pairs if weight.data_ptr() != other.data_ptr()] == []
    state = zip(module.named_buffers(), twin.buffers(), strict=True)
    assert [name for (name, value), other in state if value.data_ptr() == other.data_ptr()] == []
