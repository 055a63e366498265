"""The file for nn~: what its methods give, what its attributes take, and what is refused."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor

from latentfx.export import export_nn_tilde
from latentfx.export.builders.swapper import build_swapper
from latentfx.export.nn_tilde.parity import verify_nn_tilde
from latentfx.host.nn_tilde.facts import METADATA_FILE
from latentfx.host.nn_tilde.model import open_module
from latentfx.host.plugin_file import load_metadata
from latentfx.methods.swapper.model import Swapper
from latentfx.plugin import Plugin
from latentfx.testing.drive import phrase

PROVENANCE = {"method": "none", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}
Module = torch.jit.ScriptModule


@pytest.fixture(scope="module")
def swapper(trained: Swapper) -> Plugin:
    return build_swapper(trained, "tiny", "flute")


@pytest.fixture(scope="module")
def path(swapper: Plugin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("nn") / "tiny.ts"
    return export_nn_tilde(swapper, target, PROVENANCE, lambda m: verify_nn_tilde(swapper, m).as_dict())


@pytest.fixture
def module(path: Path) -> Module:
    return open_module(path.read_bytes())


def sound(swapper: Plugin, calls: int = 8, batch: int = 1) -> Tensor:
    return phrase(swapper, calls * 512 // 128, batch, torch.Generator().manual_seed(1))


def play(module: Module, audio: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([module(chunk) for chunk in audio.split(512, -1)], -1)


def test_every_method_says_its_ports_and_keeps_to_them(module: Module) -> None:
    ports = {name: getattr(module, f"{name}_params").tolist() for name in module.get_methods()}
    assert ports == {
        "forward": [1, 1, 1, 1],
        "info": [1, 512, 2, 512],
        "encode": [1, 1, 14, 128],
        "decode": [14, 128, 1, 1],
        "swap": [14, 128, 14, 128],
    }
    for batch in (1, 4):
        for name, (n_in, in_ratio, n_out, out_ratio) in ports.items():
            with torch.inference_mode():
                out = getattr(module, name)(torch.zeros(batch, n_in, 4096 // in_ratio))
            assert (out.dtype, tuple(out.shape)) == (torch.float32, (batch, n_out, 4096 // out_ratio))


def test_latent_channels_are_labelled_by_factor(module: Module) -> None:
    labels = (
        [f"(signal) z_{k}" for k in range(8)]
        + [f"(signal) v_{k}" for k in range(4)]
        + ["(signal) loudness", "(signal) loud_level"]
    )
    assert module.encode_output_labels == module.decode_input_labels == labels
    assert module.swap_input_labels == module.swap_output_labels == labels


def test_the_report_of_parity_is_in_the_file_and_needs_no_torch_to_read(path: Path, swapper: Plugin) -> None:
    with zipfile.ZipFile(path) as archive:
        (name,) = (entry for entry in archive.namelist() if entry.endswith(f"extra/{METADATA_FILE}"))
        metadata = load_metadata(archive.read(name).decode())
    assert metadata.spec == swapper.spec
    assert metadata.provenance == PROVENANCE
    engines = {engine["engine"]: engine["difference"] for engine in metadata.report["engines"]}
    assert engines.keys() == {"nn~", "mc.nn~", "nn~ latent"}
    assert max(engines.values()) < 1e-4


def test_controls_hold_their_range_whatever_is_sent(module: Module, swapper: Plugin) -> None:
    for control in swapper.spec.controls:
        setter, getter = (getattr(module, f"{verb}_{control.name}") for verb in ("set", "get"))
        assert getattr(module, f"{control.name}_params").tolist() == [1 if control.curve == "integer" else 2]
        assert getter() == (pytest.approx(control.default),)
        if control.curve == "integer":
            for number, kept in ((10**9, control.maximum), (-(10**9), control.minimum)):
                assert setter(number) == 0
                assert getter() == (pytest.approx(kept),)
            continue
        for sent, kept in ((1e9, control.maximum), (-1e9, control.minimum), (math.inf, control.maximum)):
            assert setter(sent) == 0
            assert getter() == (pytest.approx(kept),)
        assert setter(math.nan) == 1
        assert getter() == (pytest.approx(control.maximum),)


def test_a_timbre_is_said_by_name(module: Module) -> None:
    assert module.get_timbre() == ("flute",)
    assert module.set_timbre("violin:0.7+Clarinet:.25") == 0
    assert module.get_timbre() == ("violin:0.7+clarinet:0.25",)
    assert [module.get_timbre_violin()[0], module.get_timbre_flute()[0]] == [pytest.approx(0.7), 0.0]


WRONG_TIMBRES = [
    ("tuba", "timbre 'tuba' is unknown; allowed: "),
    ("", "timbre '' is unknown; allowed: "),
    ("flute:0", "gives every choice the weight 0"),
    ("flute:2", "'flute:2' is not LABEL or LABEL:WEIGHT with a weight of 0 to 1"),
    *(
        (f"flute:{wrong}", "is not LABEL or LABEL:WEIGHT")
        for wrong in ("x", "-1", "0.5:1", "", ".", "1e-1", "nan")
    ),
    ("flute:" + "9" * 400, "is not LABEL or LABEL:WEIGHT"),
]


@pytest.mark.parametrize(("wrong", "answer"), WRONG_TIMBRES)
def test_a_wrong_timbre_is_answered_with_what_is_allowed_and_changes_nothing(
    module: Module, capfd: pytest.CaptureFixture[str], wrong: str, answer: str
) -> None:
    assert module.set_timbre(wrong) == 1
    printed = capfd.readouterr().out
    assert answer in printed
    assert "Traceback" not in printed
    assert module.get_timbre() == ("flute",)


def test_a_value_outside_its_range_is_told_where_it_is_held(
    module: Module, capfd: pytest.CaptureFixture[str]
) -> None:
    assert module.set_pitch_st(99.0) == 0
    assert "pitch_st 99. is too high; it is held at 12." in capfd.readouterr().out
    assert module.set_pitch_st(math.nan) == 1
    assert "pitch_st is not a number; allowed -12. to 12." in capfd.readouterr().out
    assert module.set_pitch_st(12.0) == 0
    assert capfd.readouterr().out == ""


def test_a_control_is_heard_and_two_timbres_differ(module: Module, swapper: Plugin) -> None:
    audio = sound(swapper, 16)
    heard = {}
    for timbre in ("violin", "clarinet"):
        module.set_timbre(timbre)
        module.reset_state()
        heard[timbre] = play(module, audio)
    assert float((heard["violin"] - heard["clarinet"]).abs().max()) > 1e-3
    module.set_mix(0.0)
    module.reset_state()
    dry = play(module, audio)
    torch.testing.assert_close(dry[..., 128:], audio[..., :-128])


def test_reset_starts_again_and_rows_are_independent(module: Module, swapper: Plugin) -> None:
    audio = sound(swapper, batch=3)
    first = play(module, audio)
    assert float((play(module, audio) - first).abs().max()) > 1e-3
    module.reset_state()
    assert torch.equal(play(module, audio), first)
    alone = play(module, audio[1:2])
    torch.testing.assert_close(alone, first[1:2], atol=1e-4, rtol=0)


def test_bad_samples_never_reach_the_loudspeaker(module: Module, swapper: Plugin) -> None:
    audio = sound(swapper, 24)
    audio[..., 600:700], audio[..., 900], audio[..., 1000] = math.nan, math.inf, 1e30
    out = play(module, audio)
    assert bool(out.isfinite().all())
    assert float(out[..., -2048:].square().mean().sqrt()) > 1e-2
    with torch.inference_mode():
        bad = module.decode(torch.full([1, 14, 4], math.nan))
        assert bool(bad.isfinite().all())
        assert bool(module.encode(torch.full([1, 1, 512], math.inf)).isfinite().all())
        assert bool(module.swap(torch.full([1, 14, 4], -math.inf)).isfinite().all())


def test_the_rate_and_the_latency_can_be_read_and_not_set(module: Module) -> None:
    assert (module.get_sample_rate(), module.get_latency()) == ((16000,), (128,))
    assert (module.set_sample_rate(48000), module.set_latency(0)) == (1, 1)
    assert module.get_sample_rate() == (16000,)
    assert module.info(torch.zeros(1, 1, 1)).flatten().tolist() == [16000.0, 128.0]


def test_a_timbre_is_learnt_from_what_was_played(module: Module, swapper: Plugin) -> None:
    """After learning, the sound goes on with the learnt timbre, and a reset keeps it."""
    audio = sound(swapper, 40)
    play(module, audio)
    assert module.set_learn_timbre(1) == 0
    assert module.get_timbre() == ("reference",)
    loud = play(module, audio)
    assert float(loud[..., :512].square().mean()) > 0.2 * float(loud[..., 512:1024].square().mean())
    module.reset_state()
    learnt = play(module, audio)
    module.reset_state()
    assert torch.equal(play(module, audio), learnt)
    module.set_timbre("violin")
    module.reset_state()
    assert float((play(module, audio) - learnt).abs().max()) > 1e-3


def test_no_byte_of_the_file_names_a_folder_of_the_machine_that_wrote_it(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        parts = [archive.read(name) for name in names]
    assert not [name for name in names if "debug_pkl" in name]
    for place in {Path(__file__).parents[2], Path(torch.__file__).parent, Path.home()}:
        assert not [name for name, part in zip(names, parts, strict=True) if str(place).encode() in part]


def test_weights_are_frozen_into_the_steps(path: Path) -> None:
    module = open_module(path.read_bytes())
    assert list(module.parameters()) == []
    assert list(module.steps.named_buffers()) == []


def test_the_list_of_methods_prepares_the_first_call_and_leaves_no_trace(path: Path, swapper: Plugin) -> None:
    """The steps run when nn~ asks for the methods, as the same call that `forward` makes."""
    first, second = open_module(path.read_bytes()), open_module(path.read_bytes())
    assert not first.warm
    first.get_methods()
    assert first.warm
    assert any(node.kind() == "prim::CallMethod" for node in first.inlined_graph.nodes())
    audio = sound(swapper)
    assert torch.equal(play(first, audio), play(second, audio))
    with torch.inference_mode():
        codes = [module.encode(audio) for module in (first, second)]
        assert torch.equal(*codes)
        assert torch.equal(first.decode(first.swap(codes[0])), second.decode(second.swap(codes[1])))


def test_every_method_is_prepared_for_its_first_call(module: Module) -> None:
    calls = module.prepare.graph.findAllNodes("prim::CallMethod", recurse=True)
    assert {"forward", "encode", "operate", "decode"} <= {call.s("name") for call in calls}


def steepest(audio: Tensor) -> float:
    return float(audio.diff(n=2, dim=-1).abs().max())


def test_reset_fades_and_then_starts_again(module: Module, swapper: Plugin) -> None:
    """With the dry sound alone: a tone goes out softly and comes back softly, and was never cut."""
    module.set_mix(0.0)
    module.reset_state()
    tone = 0.5 * torch.sin(torch.arange(512 * 12) * (2 * math.pi * 220 / 16000)).reshape(1, 1, -1)
    before = play(module, tone[..., : 512 * 6])[..., 1024:]
    assert module.set_reset(1) == 0
    after = play(module, tone[..., 512 * 6 :])
    assert float(after[..., 160 : 512 + 128].abs().max()) == 0.0
    assert float(after[..., 512 + 128 + 160 :].abs().max()) > 0.49
    assert steepest(torch.cat([before, after], -1)) < 1.2 * steepest(before)
    again = play(module, tone[..., :1024])
    module.reset_state()
    assert not torch.equal(again, play(module, tone[..., :1024]))
