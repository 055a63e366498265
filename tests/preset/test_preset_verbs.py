"""`latentfx preset` says what it keeps, what it leaves out, and what calls what."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from latentfx.cli import app
from latentfx.preset import Preset, list_presets, load_preset, morph, programs, save_preset

Write = Callable[[str], Path]


def run(*words: object) -> Result:
    """Run a command line in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(word) for word in words])


def rows(*words: object) -> dict[str, list[str]]:
    """What `preset list` prints: the name of each preset -> the rest of its line."""
    lines = run("preset", "list", *words).stdout.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if line}


def test_the_option_bind_takes_every_option_of_a_binding(plugin_file: Write) -> None:
    bind = "cc:7=gain:0..2,curve=root,smoothing_ms=12.5"
    assert run("preset", "save", "soft", "-p", plugin_file("delay"), "--bind", bind).exit_code == 0
    assert [str(binding) for binding in load_preset("soft").bindings] == [bind]
    for verb in (["preset", "save"], ["live"]):
        helped = " ".join(run(*verb, "--help").stdout.replace("│", " ").split())
        for part in ("cc:1=mix,curve=square", "curve=root", "smoothing_ms=50", "release=latch"):
            assert part in helped


def test_the_verb_morph_shows_or_saves_what_the_function_makes(plugin_file: Write) -> None:
    plugin = str(plugin_file("blend"))
    a = Preset("a", plugin, {"tone": "half"}, "the first", program=3)
    b = Preset("b", plugin, {"tone": "full"})
    for preset in (a, b):
        save_preset(preset)
    shown = run("preset", "morph", "a", "b", 0.25)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "[controls.tone]\nhalf = 0.75\nfull = 0.25\n" in shown.stdout
    assert [preset.name for preset in list_presets(plugin)] == ["a", "b"]
    assert run("preset", "morph", "a", "b", 0.25, "--save", "between").exit_code == 0
    between = load_preset("between")
    assert between.settings == morph(a, b, 0.25).settings
    assert between.description == "0.25 of the way from a to b"
    assert between.program is None, "the first has it"
    again = run("preset", "morph", "a", "b", 0.5, "--save", "between")
    assert (again.exit_code, "replace it with --overwrite" in again.stderr) == (1, True)
    assert run("preset", "morph", "a", "b", 1, "--save", "between", "--overwrite").exit_code == 0
    assert load_preset("between").load().tone == {"full": 1.0}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["trumpet-below", "bowed-double", "1.5"], 1, "morph is at 1.5; allowed 0 to 1"),
        (["trumpet-below", "bowed-double", "-0.5"], 1, "morph is at -0.5; allowed 0 to 1"),
        (["trumpet-below", "bowed-double", "nan"], 1, "morph is at nan; allowed 0 to 1"),
        (["trumpet-below", "bowed-double", "half"], 2, "Invalid value for 'T'"),
        (["trumpet-below", "ring-keys", "0.5"], 1, "and 'ring-keys' ring; morph two of one plugin"),
        (["trumpet-bellow", "bowed-double", "0.5"], 1, "Did you mean 'trumpet-below'"),
        (["trumpet-below", "bowed-double", "0.5", "--svae", "x"], 2, "--svae"),
    ],
)
def test_a_morph_that_cannot_be_made_says_why(words: list[str], code: int, message: str) -> None:
    result = run("preset", "morph", *words)
    assert result.exit_code == code
    assert message in result.stderr
    assert result.stdout == ""


def test_save_from_a_preset_keeps_its_settings_and_notes_a_program_it_cannot_keep(plugin_file: Write) -> None:
    plugin = str(plugin_file("delay"))
    save_preset(Preset("loud", plugin, {"gain": 2.0}, program=7))
    wrong = run("preset", "save", "mine", "--from", "loud", "-p", "ring")
    assert wrong.exit_code == 1
    assert "'loud' belongs to" in wrong.stderr
    assert "not to ring: leave --plugin out" in wrong.stderr
    same = run("preset", "save", "mine", "--from", "loud", "-p", plugin)
    assert (same.exit_code, load_preset("mine").program) == (0, None)
    assert same.stderr == "note: program 7 stays with 'loud'; --program gives 'mine' one of its own\n"
    louder = run("preset", "save", "loud", "--from", "loud", "--set", "gain=3", "--overwrite")
    assert (louder.exit_code, louder.stderr) == (0, "")
    assert load_preset("loud") == Preset("loud", plugin, {"gain": 3.0}, program=7)
    own = run("preset", "save", "own", "--from", "loud", "--program", 8)
    assert (own.stderr, load_preset("own").program) == ("", 8)
    for name in ("also", "more"):
        said = run("preset", "save", name, "--from", "loud", "--program", 7).stderr
        assert said.endswith(" asks for program 7 too; it calls 'also', the first in the list\n")
    assert {n: preset.name for n, preset in programs(list_presets(plugin)).items()} == {
        0: "mine", 7: "also", 8: "own"
    }  # fmt: skip


def test_a_name_that_is_taken_is_answered_with_overwrite() -> None:
    assert run("preset", "save", "mine").exit_code == 0
    taken = run("preset", "save", "mine", "--set", "mix=0.5")
    assert taken.exit_code == 1
    assert "there is a preset 'mine'" in taken.stderr
    assert "replace it with --overwrite" in taken.stderr
    assert run("preset", "save", "mine", "--set", "mix=0.5", "--overwrite").exit_code == 0
    assert load_preset("mine").settings == {"mix": 0.5}


def test_a_preset_that_hides_a_shipped_one_says_so_when_saved_and_listed() -> None:
    assert run("preset", "list").stderr == ""
    saved = run("preset", "save", "ring-keys", "--from", "ring-keys", "--set", "glide_ms=50")
    assert saved.exit_code == 0
    assert saved.stderr == "note: 'ring-keys' hides the preset of this name that comes with latentfx\n"
    assert load_preset("ring-keys").program == 3, "its number goes with its name"
    assert run("preset", "list").stderr == (
        "note: yours hide the presets of the same name that come with latentfx: ring-keys\n"
    )


def test_the_list_shows_the_midi_program_of_each_preset(plugin_file: Write) -> None:
    plugin = plugin_file("delay")
    for name, program in {"a": None, "b": 1, "c": None, "d": 1}.items():
        save_preset(Preset(name, str(plugin), program=program))
    shown = rows("-p", plugin)
    assert {name: shown[name][1:] for name in "abcd"} == {"a": ["0"], "b": ["1"], "c": ["2"], "d": []}
    assert rows()["trumpet-below"][:2] == ["timbre-swap", "0"], "each plugin counts for itself"


def test_listing_presets_of_an_unknown_plugin_is_an_error_and_an_empty_list_says_so(
    plugin_file: Write,
) -> None:
    result = run("preset", "list", "-p", "nosuch")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no plugin 'nosuch'. latentfx comes with latent-knobs, latent-mix, ring" in result.stderr
    plugin = plugin_file("delay")
    empty = run("preset", "list", "-p", plugin)
    assert empty.exit_code == 0
    assert empty.stdout.startswith(f"{plugin} has no presets yet; latentfx preset save NAME --plugin")


def test_rename_and_delete_say_where_the_file_is(folder: Path) -> None:
    save_preset(Preset("night", "ring"))
    renamed = run("preset", "rename", "night", "day")
    assert (renamed.exit_code, renamed.stderr) == (0, "")
    assert renamed.stdout == f"renamed 'night': it is {folder / 'day.toml'} now\n"
    deleted = run("preset", "delete", "day")
    assert (deleted.exit_code, deleted.stderr) == (0, "")
    assert deleted.stdout == f"deleted 'day'; its file is kept: {folder / 'deleted' / 'day.toml'}\n"
    assert "day" not in rows()


def test_renaming_onto_a_shipped_name_and_deleting_it_again_is_noted() -> None:
    save_preset(Preset("night", "ring"))
    hides = run("preset", "rename", "night", "ring-keys")
    assert hides.stderr == "note: 'ring-keys' hides the preset of this name that comes with latentfx\n"
    shows = run("preset", "delete", "ring-keys")
    assert shows.stderr == "note: the preset 'ring-keys' that comes with latentfx is no longer hidden\n"


@pytest.mark.parametrize("words", [["delete", "ring-keys"], ["rename", "ring-keys", "mine"]])
def test_a_shipped_preset_is_neither_deleted_nor_renamed(words: list[str]) -> None:
    refused = run("preset", *words)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "preset 'ring-keys' comes with latentfx and cannot be" in refused.stderr
    assert "ring-keys" in rows()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('plugin = "~bob/x.onnx"', "preset 'odd' cannot be played: no plugin file ~bob/x.onnx"),
        ('plugin = "timbre-swap"\n[controls]\nvolume = 3', "cannot be played: control 'volume' is unknown"),
        ('plugin = "timbre-swap"\n[controls]\nmix = nan', "mix is nan"),
        ('plugin = "timbre-swap"\n[controls]\ntimbre = "kazoo"', "timbre 'kazoo' is unknown"),
        ('plugin = "timbre-swap"\n[midi]\nsource = "cc:1"', "it has [midi]; write [[midi]]"),
        ("[controls]\nmix = 1", 'it needs plugin = "NAME"'),
        (b"\xff\xfe\0", "it is no text in UTF-8"),
    ],
)
def test_a_preset_that_is_wrong_has_a_line_and_hides_no_other(
    folder: Path, text: str | bytes, words: str
) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "odd.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "bom.toml").write_text('\ufeffplugin = "timbre-swap"\n')
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        shown = run("preset", "list")
    assert shown.exit_code == 0
    told = " ".join((shown.stderr + " ".join(str(one.message) for one in said)).split())
    assert words in told
    assert told.count("'odd'") == 1
    assert {"bom", "bowed-double", "ring-keys"} <= {line.split(" ")[0] for line in shown.stdout.splitlines()}
