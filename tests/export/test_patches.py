"""The help patches: opened by real Pure Data, and with its external nn~ where a folder with one is named.

LATENTFX_NN_TILDE names that folder; without it those tests are not there. Elsewhere an abstraction takes the
place of nn~ and prints its messages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from patch_layout import canvases, max_places, overlaps
from tiny_swap import INSTRUMENTS

from latentfx.control import Control
from latentfx.export import export_nn_tilde
from latentfx.export.builders.swapper import build_swapper
from latentfx.export.patches.file import write_patches
from latentfx.export.patches.max import max_patch
from latentfx.export.patches.panel import panel_of
from latentfx.export.patches.pd import pd_patch
from latentfx.host.nn_tilde.model import open_module
from latentfx.methods.swapper.model import Swapper
from latentfx.spec import PluginSpec

PROVENANCE = {"method": "none", "licence": "MIT", "date": "2025-01-01", "versions": {"latentfx": "0"}}
EXTERNAL = os.environ.get("LATENTFX_NN_TILDE", "")
PD = shutil.which("pd") or shutil.which("puredata")
needs_pd = pytest.mark.skipif(PD is None, reason="Pure Data is not installed (apt-get install puredata-core)")
COMPLAINT = re.compile(r"error: nn~|couldn't create|setter|not settable|not found")
STAND_IN = """#N canvas 0 0 300 200 12;
#X obj 10 10 inlet~ fwd;
#X obj 10 60 outlet~;
#X obj 90 60 print nn;
#X connect 0 0 1 0;
#X connect 0 1 2 0;
"""
SPEC = PluginSpec(
    "odd",
    48_000,
    64,
    100,
    in_channels=2,
    out_channels=2,
    controls=(
        Control("rate_hz", 0.1, 20.0, 2.0, "Hz", "log", "how fast; with $ and, commas"),
        Control("voices", 1.0, 8.0, 3.0, "", "integer"),
        *(Control(f"knob_{index}", -1.0, 1.0, 0.25) for index in range(12)),
    ),
    description="many knobs; of every kind, for $1",
)


@pytest.fixture
def folder(trained: Swapper, tmp_path: Path) -> Path:
    """A folder with tiny.ts, tiny.pd and tiny.maxpat."""
    effect = build_swapper(trained, "tiny", "flute")
    file = export_nn_tilde(effect, tmp_path / "tiny.ts", PROVENANCE)
    assert [path.name for path in write_patches(effect, file)] == ["tiny.pd", "tiny.maxpat"]
    return tmp_path


def open_in_pd(patch: Path, *options: str) -> str:
    """Open a patch in Pure Data, let it load, end; what it printed."""
    assert PD is not None
    command = [PD, "-nogui", "-noaudio", "-stderr", *options, "-open", patch.name, "-send", "pd quit"]
    ran = subprocess.run(command, cwd=patch.parent, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stderr


@needs_pd
def test_pure_data_opens_the_patch_and_misses_nothing_but_nn_tilde(folder: Path) -> None:
    level = re.compile(r"^(verbose\(\d\)|error): ")  # of Pure Data 0.53 and 0.55
    lines = [level.sub("", line) for line in open_in_pd(folder / "tiny.pd").splitlines()]
    assert sorted(lines) == [
        "... couldn't create",
        "nn~ tiny forward",
        "print: tiny needs a sample rate of 16000 Hz - see Media/Audio Settings",
    ]


@needs_pd
def test_the_dials_send_their_defaults_when_the_patch_opens(folder: Path) -> None:
    (folder / "nn~.pd").write_text(STAND_IN)
    printed = open_in_pd(folder / "tiny.pd", "-r", "16000").splitlines()
    sent = dict(line.removeprefix("nn: set ").split() for line in printed if line.startswith("nn: set "))
    assert {name: float(value) for name, value in sent.items()} == {
        **{f"timbre_{name}": float(name == "flute") for name in (*INSTRUMENTS, "input", "reference")},
        "pitch_st": 0.0,
        "octave_auto": 0.0,
        "mix": 1.0,
        "input_db": 0.0,
        "output_db": 0.0,
    }
    assert [line for line in printed if not line.startswith("nn: set ")] == ["nn: bufsize 0"]


@needs_pd
def test_every_kind_of_control_arrives_at_its_default(tmp_path: Path) -> None:
    (tmp_path / "nn~.pd").write_text(STAND_IN)
    (tmp_path / "odd.pd").write_text(pd_patch(panel_of(SPEC, "odd")))
    printed = open_in_pd(tmp_path / "odd.pd", "-r", "48000").splitlines()
    sent = dict(line.removeprefix("nn: set ").split() for line in printed if line.startswith("nn: set "))
    assert sent.keys() == {control.name for control in SPEC.controls}
    for control in SPEC.controls:
        assert float(sent[control.name]) == pytest.approx(control.default, rel=1e-4)
    assert sent["voices"] == "3"


def check_max(text: str, spec: PluginSpec) -> dict[str, dict[str, object]]:
    """Every cord of a Max patch joins ports that are there; returns the boxes."""
    patcher = json.loads(text)["patcher"]
    boxes = {entry["box"]["id"]: entry["box"] for entry in patcher["boxes"]}
    assert len(boxes) == len(patcher["boxes"])
    for entry in patcher["lines"]:
        (source, outlet), (target, inlet) = entry["patchline"]["source"], entry["patchline"]["destination"]
        assert outlet < boxes[source]["numoutlets"] == len(boxes[source]["outlettype"])
        assert inlet < boxes[target]["numinlets"]
    dials = {box["varname"]: box for box in boxes.values() if box["maxclass"] == "live.dial"}
    assert list(dials) == [control.name for control in spec.controls]
    for control in spec.controls:
        value = dials[control.name]["saved_attribute_attributes"]["valueof"]
        assert (value["parameter_mmin"], value["parameter_mmax"]) == (control.minimum, control.maximum)
        assert (value["parameter_initial"], value["parameter_initial_enable"]) == ([control.default], 1)
    return boxes


def sent_to_nn_tilde(text: str, bus: str) -> set[object]:
    """What the boxes hold that send to nn~."""
    patcher = json.loads(text)["patcher"]
    boxes = {entry["box"]["id"]: entry["box"] for entry in patcher["boxes"]}
    lines = [entry["patchline"] for entry in patcher["lines"]]
    found = [
        boxes[line["source"][0]] for line in lines if boxes[line["destination"][0]].get("text") == f"s {bus}"
    ]
    return {box["text"] for box in found}


def test_the_max_patch_has_a_dial_for_every_control_wired_to_nn_tilde(folder: Path, trained: Swapper) -> None:
    spec = build_swapper(trained, "tiny", "flute").spec
    text = (folder / "tiny.maxpat").read_text()
    check_max(text, spec)
    wanted = {f"prepend set {control.name}" for control in spec.controls}
    sent = sent_to_nn_tilde(text, "tiny-nn")
    assert wanted | {"set timbre violin", "set learn_timbre 1", "set reset 1"} <= sent
    assert "bufsize 0" not in sent
    check_max(max_patch(panel_of(SPEC, "odd")), SPEC)


def test_the_max_patch_opens_for_players_with_the_volume_low(folder: Path) -> None:
    patcher = json.loads((folder / "tiny.maxpat").read_text())["patcher"]
    assert patcher["openinpresentation"] == 1
    boxes = [entry["box"] for entry in patcher["boxes"]]
    shown = [box for box in boxes if box.get("presentation") == 1]
    assert {"nn~ tiny forward 0", "volume", "sound on", "input", "tone"} <= {box.get("text") for box in shown}
    assert "loadmess 78" in {box.get("text") for box in boxes}  # 50 steps of 0.6 dB below 128
    assert any("tiny needs a sample rate of 16000 Hz" in str(box.get("text")) for box in boxes)


def test_a_device_of_live_is_a_patcher_behind_its_header(trained: Swapper, tmp_path: Path) -> None:
    effect = build_swapper(trained, "tiny", "flute")
    assert [path.name for path in write_patches(effect, tmp_path / "tiny.ts", live=True)] == ["tiny.amxd"]
    raw, chunks = (tmp_path / "tiny.amxd").read_bytes(), {}
    while raw:
        name, size = raw[:4], int.from_bytes(raw[4:8], "little")
        chunks[name], raw = raw[8 : 8 + size], raw[8 + size :]
    assert list(chunks) == [b"ampf", b"meta", b"ptch"]
    assert (chunks[b"ampf"], chunks[b"ptch"][-1:]) == (b"aaaa", b"\0")
    text = chunks[b"ptch"][:-1].decode()
    texts = {box.get("text") for box in check_max(text, effect.spec).values()}
    assert {"plugin~", "nn~ tiny forward 0", "plugout~"} <= texts
    assert {"prepend set pitch_st", "set timbre violin"} <= sent_to_nn_tilde(text, "---nn")
    assert overlaps(max_places(text, "presentation_rect")) == []


MIXER = PluginSpec(
    "mixer",
    48_000,
    64,
    100,
    in_channels=2,
    out_channels=1,
    controls=SPEC.controls[:3],
    description="one, two",
)


def patch_of(spec: PluginSpec, host: str) -> str:
    return (pd_patch if host == "pd" else max_patch)(panel_of(spec, spec.name))


@pytest.mark.parametrize("spec", [SPEC, MIXER], ids=["many knobs", "side-chain"])
def test_no_box_or_text_of_the_pure_data_patch_lies_on_another(spec: PluginSpec) -> None:
    for canvas in canvases(patch_of(spec, "pd")):
        assert overlaps(canvas.places) == []


@pytest.mark.parametrize("spec", [SPEC, MIXER], ids=["many knobs", "side-chain"])
def test_no_cord_of_the_pure_data_patch_runs_over_a_box_or_text(spec: PluginSpec) -> None:
    patch = canvases(patch_of(spec, "pd"))[-1]
    assert len(patch.cords) == 1 + spec.in_channels + spec.out_channels
    for source, target in patch.cords:
        (x0, y0, _, height), (x1, y1, width, _) = patch.places[source], patch.places[target]
        ends = [(x0 + 3 + k * 80, x1 + 3 + k * (width - 6)) for k in range(spec.in_channels)]
        for start, end in ends if "sound-in" in source else ends[:1]:
            points = [
                (start + (end - start) * t / 50, y0 + height + (y1 - y0 - height) * t / 50) for t in range(51)
            ]
            for name, (x, y, wide, high) in patch.places.items():
                hit = any(x < px < x + wide and y < py < y + high for px, py in points)
                assert name in (source, target) or not hit, name


@pytest.mark.parametrize("view", ["patching_rect", "presentation_rect"])
@pytest.mark.parametrize("spec", [SPEC, MIXER], ids=["many knobs", "side-chain"])
def test_no_box_or_text_of_the_max_patch_lies_on_another(spec: PluginSpec, view: str) -> None:
    assert overlaps(max_places(patch_of(spec, "max"), view)) == []


@pytest.mark.parametrize("host", ["pd", "max"])
def test_every_input_has_a_name_and_sounds_to_try_it_with(host: str) -> None:
    text = patch_of(MIXER, host)
    assert "side-chain" in text
    for part in ("mic", "tone", "file..", "play"):
        assert len(re.findall(rf'{re.escape(part)}(?:"|, f)', text)) == 2


BATCH = """#N canvas 0 0 600 400 12;
#X obj 10 10 table in {length};
#X obj 10 30 table out {length};
#X obj 10 50 soundfiler;
#X obj 10 70 tabplay~ in;
#X obj 10 90 nn~ tiny forward;
#X obj 10 110 tabwrite~ out;
#X obj 100 10 loadbang;
#X obj 100 30 t b b b b b;
#X msg 100 60 read -resize in.wav in;
#X msg 200 60 bufsize 0;
#X msg 300 60 \\; pd dsp 1;
#X obj 300 100 delay {milliseconds};
#X msg 300 120 write -wave -bytes 4 out.wav out;
#X msg 300 140 \\; pd quit;
#X obj 300 160 t b b;
#X msg 200 90 set timbre violin:0.5+clarinet:0.5 \\, set pitch_st 3;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 6 0 7 0;
#X connect 7 4 8 0;
#X connect 8 0 2 0;
#X connect 7 3 9 0;
#X connect 9 0 4 0;
#X connect 7 2 15 0;
#X connect 15 0 4 0;
#X connect 7 1 10 0;
#X connect 7 1 11 0;
#X connect 7 0 3 0;
#X connect 7 0 5 0;
#X connect 11 0 14 0;
#X connect 14 1 12 0;
#X connect 12 0 2 0;
#X connect 14 0 13 0;
"""


if EXTERNAL and PD:

    def test_real_nn_tilde_in_real_pure_data_gives_what_python_gives(folder: Path) -> None:
        rate, length, buffer = 16_000, 32_768, 512
        audio = (0.1 * np.random.default_rng(0).standard_normal(length)).astype(np.float32)
        soundfile.write(folder / "in.wav", audio, rate, subtype="FLOAT")
        (folder / "batch.pd").write_text(BATCH.format(length=length, milliseconds=1000 * length / rate + 200))
        command = [PD, "-nogui", "-batch", "-stderr", "-r", str(rate), "-path", EXTERNAL, "-lib", "nn~"]
        ran = subprocess.run(
            [*command, "-open", "batch.pd"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert not COMPLAINT.search(ran.stderr), ran.stderr
        heard = soundfile.read(folder / "out.wav", dtype="float32")[0]
        module = open_module((folder / "tiny.ts").read_bytes())
        module.set_timbre("violin:0.5+clarinet:0.5")
        module.set_pitch_st(3.0)
        with torch.inference_mode():
            chunks = torch.from_numpy(audio).reshape(1, 1, -1).split(buffer, -1)
            wanted = torch.cat([module(chunk) for chunk in chunks], -1)[0, 0].numpy()
        delay = buffer - 64
        np.testing.assert_allclose(heard[delay:], wanted[: length - delay], atol=1e-5)

    def test_the_help_patch_opens_with_real_nn_tilde(folder: Path) -> None:
        printed = open_in_pd(folder / "tiny.pd", "-r", "16000", "-path", EXTERNAL, "-lib", "nn~")
        assert not COMPLAINT.search(printed), printed
