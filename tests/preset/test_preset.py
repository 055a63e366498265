"""Presets: what is saved comes back, what does not fit says so, and they play wherever a plugin does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from pedalboard import Gain
from typer.testing import CliRunner, Result

import latentfx
from latentfx.binding import Binding, Source
from latentfx.cli import app
from latentfx.errors import MidiError, PresetError
from latentfx.preset import Preset, PresetWarning, list_presets, load_preset, morph, save_preset

Write = Callable[[str], Path]


@pytest.fixture
def blend(plugin_file: Write) -> str:
    """A plugin with the blend `tone`."""
    return str(plugin_file("blend"))


def run(*words: object) -> Result:
    """Run a command line in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("plugin", latentfx.plugins())
def test_every_shipped_plugin_has_three_presets_that_load(plugin: str) -> None:
    presets = list_presets(plugin)
    assert len(presets) >= 3
    settings = []
    for preset in presets:
        settings.append(preset.load().controls.values_row.tolist())
        assert preset.description
        assert preset.bindings
    assert len({tuple(row) for row in settings}) == len(presets)
    assert len({preset.program for preset in presets}) == len(presets)


def test_a_saved_preset_loads_equal_and_is_replaced_only_on_request(blend: str, folder: Path) -> None:
    plugin = latentfx.load(blend)
    plugin.tone = {"half": 0.25, "full": 0.75}
    bindings = (
        Binding(Source("cc", 21, 3), "tone", "half", "full", "square", 12.5),
        Binding.parse("bend=tone_full:0.2..0.6"),
    )
    preset = Preset.of(plugin, "Half & half", blend, description='say "hi"\n', bindings=bindings, program=7)
    with pytest.raises(PresetError, match="cannot be called 'Half & half'"):
        save_preset(preset)
    preset = Preset("half-half", *list(vars(preset).values())[1:])
    path = save_preset(preset)
    assert path.parent == folder
    again = load_preset("half-half")
    assert again == load_preset(path) == preset
    assert again.load().tone == {"half": 0.25, "full": 0.75}
    with pytest.raises(PresetError, match="there is a preset 'half-half'"):
        save_preset(preset)
    save_preset(preset, overwrite=True)


NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))
CURVES = st.sampled_from(["linear", "square", "root"])
TIMES_MS = st.floats(0, 10_000).map(lambda value: round(value, 6))
RELEASES = st.sampled_from(["return", "latch"])
CHANNELS = st.none() | st.integers(1, 16)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.builds(
        Preset,
        st.just("any"),
        st.just("timbre-swap"),
        st.dictionaries(
            st.from_regex(r"[a-z_]{1,8}", fullmatch=True), NUMBERS | TEXTS | st.dictionaries(TEXTS, NUMBERS)
        ),
        TEXTS,
        st.lists(
            st.builds(
                Binding,
                st.builds(Source, st.just("nrpn"), st.integers(0, 16382), CHANNELS),
                TEXTS,
                st.none() | NUMBERS | TEXTS,
                st.none() | NUMBERS | TEXTS,
                CURVES,
                TIMES_MS,
            )
            | st.builds(
                Binding,
                st.builds(Source, st.just("steps"), st.integers(0, 127), CHANNELS),
                TEXTS,
                smoothing_ms=TIMES_MS,
                release=RELEASES,
            ),
            max_size=3,
        ).map(tuple),
        st.none() | st.integers(0, 127),
    )
)
def test_every_preset_is_equal_after_writing_and_reading(preset: Preset) -> None:
    path = save_preset(preset, overwrite=True)
    assert load_preset(path) == preset


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plugin = 3", r'it needs plugin = "NAME"'),
        ("plugin = [", r"cannot be read"),
        ('plugin = "x"\nvolume = 3', "it has volume; allowed controls, description, midi, plugin, program"),
        ('plugin = "x"\nprogram = 128', "program is 128; allowed 0 to 127"),
        (
            'plugin = "x"\n[[midi]]\ncontrol = "mix"',
            r"a table \[\[midi\]\] lacks source; allowed control, curve",
        ),
        ('plugin = "x"\n[midi]\nsource = "cc:1"\ncontrol = "mix"', r"it has \[midi\]; write \[\[midi\]\]"),
        ('plugin = "x"\nmidi = ["cc:1=mix"]', r"midi holds 'cc:1=mix'; write \[\[midi\]\]"),
        ('plugin = "x"\n[[midi]]\nsource = "cc:1"\ncontrol = 3', "control = 3; write the name of a control"),
        ('plugin = "x"\n[[midi]]\nsource = "cc:1"\ncontrol = "mix"\nspeed = 1', "speed"),
        ('plugin = "x"\n[[midi]]\nsource = "knob:1"\ncontrol = "mix"', "'knob' is unknown; allowed cc,"),
        ('plugin = "x"\n#' + "x" * 70_000, "it has more than 65536 bytes"),
        ("\ufeffplugin", "cannot be read"),
        ('plugin = "x"\n[[midi]]\nsource = 3\ncontrol = "mix"', "MIDI source '3' cannot be read"),
        (
            'plugin = "x"\n[[midi]]\nsource = "cc:1"\ncontrol = "mix"\nrelease = "latch"',
            "release=latch, which is for steps alone",
        ),
        ('plugin = "x"\n[controls]\nmix = ' + "9" * 400, "mix is 9+…; allowed are numbers up to 1e"),
        ('plugin = "x"\n[controls]\nmix = nan', "mix is nan; allowed are numbers up to 1e"),
        ('plugin = "x"\n[controls]\ntimbre = { a = 1e400 }', "timbre is .*inf.*; allowed are numbers"),
        ('plugin = "x"\n[controls]\ntimbre = { a = { a = 1 } }', "write a number, a choice or a table"),
        ('plugin = "x"\n[controls]\nmix = 1\nmix = 0', "Cannot overwrite a value"),
        ('plugin = "x"\n[controls]\nmix = ' + "[" * 9000, "recursion"),
        ('plugin = "x"\n[controls]\ntimbre = [1]', r"timbre is \[1\]; write a number, a choice or a table"),
    ],
)
def test_a_damaged_preset_file_is_named_with_its_fault(folder: Path, text: str, message: str) -> None:
    folder.mkdir()
    (folder / "odd.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PresetError, match=message) as raised:
        load_preset("odd")
    assert "preset 'odd'" in str(raised.value)


def test_a_damaged_preset_file_hides_no_other_preset(blend: str, folder: Path) -> None:
    save_preset(Preset("mine", blend, {"tone": "half"}))
    shipped = {preset.name for preset in list_presets("timbre-swap")}
    (folder / "bad.toml").write_text("bad = [")
    with pytest.warns(PresetWarning, match=r"preset 'bad' cannot be read: .*bad\.toml\); it is left out"):
        assert [preset.name for preset in list_presets(blend)] == ["mine"]
    with pytest.warns(PresetWarning):
        assert {preset.name for preset in list_presets("timbre-swap")} == shipped
    with pytest.raises(PresetError, match="preset 'bad' cannot be read"):
        load_preset("bad")
    command = [sys.executable, "-c", "from latentfx.cli import main; main()", "preset", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "mine" in done.stdout
    assert "trumpet-below" in done.stdout
    assert done.stderr.startswith("note: preset 'bad' cannot be read: ")
    assert done.stderr.count("\n") == 1


def test_a_preset_that_does_not_fit_its_plugin_names_the_control(blend: str) -> None:
    with pytest.raises(
        PresetError, match=r"'odd' does not fit plugin 'blend': control 'mix' is unknown.*tone_"
    ):
        Preset("odd", blend, {"mix": 0.5}).load()
    with pytest.raises(PresetError, match=r"does not fit.*'wah' is unknown"):
        Preset("odd", blend, bindings=(Binding.parse("cc:1=wah"),)).load()
    with pytest.raises(PresetError, match=r"tone is a blend; .*cc:1=tone:half\.\.full"):
        Preset("odd", blend, bindings=(Binding.parse("cc:1=tone"),)).load()
    with pytest.raises(PresetError, match=r"no preset 'trumpet-bellow'. Did you mean 'trumpet-below'"):
        load_preset("trumpet-bellow")


def test_a_choice_learnt_from_a_recording_cannot_be_saved_in_a_preset(blend: str) -> None:
    plugin = latentfx.load(blend)
    plugin.learn("tone", np.sin(np.arange(24_000) / 20), 48_000)
    with pytest.raises(PresetError, match="learnt from a recording, which a preset cannot hold"):
        Preset.of(plugin, "mine", blend)


def test_apply_and_board_take_a_preset(plugin_file: Write) -> None:
    audio = np.full((1, 1000), 0.25, np.float32)
    preset = Preset("loud", str(plugin_file("delay")), {"gain": 2.0})
    np.testing.assert_array_equal(latentfx.apply(audio, plugin=preset, sample_rate=48_000), 2 * audio)
    board = latentfx.Board([preset, Gain(0.0)])
    np.testing.assert_allclose(latentfx.apply(audio, plugin=board, sample_rate=48_000), 2 * audio, rtol=1e-6)
    louder = latentfx.apply(audio, plugin=preset, sample_rate=48_000, gain=3.0)
    np.testing.assert_array_equal(louder, 3 * audio)


def test_a_preset_saved_by_its_verb_is_shown_listed_and_applied(
    plugin_file: Write, tmp_path: Path, folder: Path
) -> None:
    plugin = plugin_file("delay")
    options = ["-p", plugin, "--set", "gain=2", "--bind", "cc:7=gain:0..2", "--description", "loud"]
    result = run("preset", "save", "loud", *options)
    assert (result.exit_code, result.stdout) == (0, f"saved {folder / 'loud.toml'}\n")
    assert 'source = "cc:7"' in run("preset", "show", "loud").stdout
    shown = run("preset", "list").stdout
    assert "loud" in shown
    assert "trumpet-below" in shown
    for name in ("one.wav", "two.wav"):
        soundfile.write(tmp_path / name, np.full(500, 0.25), 48_000, subtype="FLOAT")
    for words in (
        ["preset", "apply", "loud", tmp_path / "one.wav", tmp_path / "out.wav"],
        ["apply", tmp_path / "one.wav", tmp_path / "out.wav", "--preset", "loud"],
    ):
        assert run(*words).exit_code == 0
        np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav")[0], np.full(500, 0.5))
    many = run("apply", tmp_path / "*.wav", tmp_path / "many", "--preset", "loud", "--jobs", 2)
    assert many.exit_code == 0, many.output
    np.testing.assert_array_equal(soundfile.read(tmp_path / "many" / "two.wav")[0], np.full(500, 0.5))
    quiet = run("preset", "save", "quiet", "--from", "loud", "--set", "gain=0.5")
    assert quiet.exit_code == 0
    assert load_preset("quiet").bindings == load_preset("loud").bindings


def test_a_plugin_by_a_relative_path_has_its_presets(
    plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin, link = plugin_file("delay"), tmp_path / "link.onnx"
    monkeypatch.chdir(plugin.parent)
    link.symlink_to(plugin)
    assert run("preset", "save", "loud", "-p", plugin.name, "--set", "gain=2").exit_code == 0
    for way in (plugin.name, f"../{plugin.parent.name}/{plugin.name}", plugin, link):
        assert [preset.name for preset in list_presets(str(way))] == ["loud"]
    assert "loud" in run("preset", "list", "-p", plugin.name).stdout
    soundfile.write(tmp_path / "one.wav", np.full(500, 0.25), 48_000, subtype="FLOAT")
    words = ["apply", tmp_path / "one.wav", tmp_path / "out.wav", "--preset", "loud"]
    assert run(*words, "-p", plugin.name).exit_code == 0
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav")[0], np.full(500, 0.5))
    assert "belongs to" in run(*words, "-p", "other.onnx").stderr
    soft = Preset("soft", plugin.name, {"gain": 1.0})
    assert morph(load_preset("loud"), soft, 0.5).settings == {"gain": 1.5}


def test_the_presets_of_a_plugin_are_found_with_one_look_at_the_shipped_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = []

    def look() -> list[str]:
        looks.append("look")
        return latentfx.plugins()

    monkeypatch.setattr("latentfx.preset.files.plugins", look)
    found = list_presets("ring")
    assert {preset.plugin for preset in found} == {"ring"}
    assert len(found) >= 3
    assert looks == ["look"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["preset", "show", "nope"], "no preset 'nope'"),
        (["preset", "save", "odd", "--set", "drive=1"], "control 'drive' is unknown"),
        (["preset", "save", "odd", "--bind", "cc:1"], "write SOURCE=CONTROL"),
        (["apply", "a.wav", "b.wav", "-p", "x.onnx", "--preset", "trumpet-below"], "belongs to timbre-swap"),
    ],
)
def test_an_error_of_a_preset_verb_is_one_line(words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cc=mix", "it takes a number from 0 to 119"),
        ("cc:120=mix", "a number from 0 to 119"),
        ("cc:98=mix", "cc:98 never moves a control: controllers 98 to 101 say which NRPN or RPN is meant"),
        ("cc:101@2=mix", "cc:101@2 never moves .* such as nrpn:300"),
        ("bend:3=mix", "it takes no number"),
        ("cc:1@17=mix", "MIDI channel 17; allowed 1 to 16"),
        ("cc:1=mix:0", "write SOURCE=CONTROL"),
        ("steps:H4=steps", "cannot be read"),
        ("cc:1=mix:..", "write SOURCE=CONTROL"),
        ("cc:1=mix,smooth=5", r"has the option 'smooth=5'; allowed, once each: curve=linear\|square\|root, "),
        ("cc:1=mix,latch", r"smoothing_ms=0\.\.10000, release=return\|latch"),
        ("cc:1=mix,curve=root,curve=root", "once each"),
        ("cc:1=mix,curve=cubic", "curve 'cubic'; allowed linear, square, root"),
        ("cc:1=mix,smoothing_ms=50ms", "smoothing_ms is '50ms'; allowed 0 to 10000"),
        ("cc:1=mix,smoothing_ms=-1", "smoothing_ms is -1.0; allowed 0 to 10000"),
        ("cc:1@2=mix,release=latch", "binding of cc:1@2 has release=latch, which is for steps alone"),
        ("note=mix,release=latch", "binding of note has release=latch, which is for steps alone"),
        ("steps:C4=steps:0..5", "binding of steps:60 has a range or a curve; .*: write steps:60=steps"),
        ("steps:C4=steps,curve=root", "binding of steps:60 has a range or a curve"),
    ],
)
def test_a_wrong_binding_is_answered_with_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(MidiError, match=message):
        Binding.parse(text)


def test_bindings_read_back_what_they_write() -> None:
    for text in ("cc:21=mix", "cc14:1@16=mix:0.2..0.8", "bend=pitch_st:-2..2", "cc:1=timbre:violin..trumpet"):
        assert str(Binding.parse(text)) == text
    binding = Binding.parse("cc:1=mix:..0.8, curve=square, smoothing_ms=50")
    assert binding == Binding(Source("cc", 1), "mix", None, 0.8, "square", 50)
    assert str(binding) == "cc:1=mix:..0.8,curve=square,smoothing_ms=50"
    latched = Binding.parse("steps:60=steps, smoothing_ms=50, release=latch")
    assert latched == Binding(Source("steps", 60), "steps", smoothing_ms=50, release="latch")
    assert str(latched) == "steps:60=steps,smoothing_ms=50,release=latch"
    assert Source.parse("steps:C4") == Source.parse("steps:60")
    assert Source.parse("steps:Bb-1").number == 10


@given(
    st.builds(
        Binding,
        st.builds(Source, st.just("cc14"), st.integers(0, 31), CHANNELS),
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.none() | st.floats(allow_nan=False) | st.sampled_from(["oboe", "trumpet:0.7+flute:0.3"]),
        st.none() | st.floats(allow_nan=False),
        CURVES,
        TIMES_MS,
    )
    | st.builds(
        Binding,
        st.builds(Source, st.just("steps"), st.integers(0, 127), CHANNELS),
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        smoothing_ms=TIMES_MS,
        release=RELEASES,
    )
)
def test_every_binding_reads_back_what_it_writes(binding: Binding) -> None:
    assert Binding.parse(str(binding)) == binding
