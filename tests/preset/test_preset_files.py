"""Presets are deleted and renamed without any being lost, and files of before are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from latentfx.binding import Binding
from latentfx.errors import PresetError
from latentfx.preset import (
    Preset,
    delete_preset,
    dump_preset,
    list_presets,
    load_preset,
    rename_preset,
    save_preset,
)

LOUD = Preset("loud", "timbre-swap", {"mix": 0.5}, "louder", (Binding.parse("cc:7=mix"),), 5)


def names() -> list[str]:
    return [preset.name for preset in list_presets("timbre-swap")]


def test_a_deleted_preset_leaves_the_list_and_its_file_is_kept(folder: Path) -> None:
    save_preset(LOUD)
    kept = delete_preset("loud")
    assert "loud" not in names()
    assert kept == folder / "deleted" / "loud.toml"
    assert load_preset(kept) == LOUD


def test_deleting_twice_under_one_name_keeps_both_files() -> None:
    kept = []
    for mix in (0.25, 0.75):
        save_preset(Preset("loud", "timbre-swap", {"mix": mix}))
        kept.append(delete_preset("loud"))
    assert [load_preset(path).settings["mix"] for path in kept] == [0.25, 0.75]


def test_a_damaged_preset_can_be_deleted(folder: Path) -> None:
    folder.mkdir()
    (folder / "bad.toml").write_text("bad = [")
    assert delete_preset("bad").read_text() == "bad = ["


def test_deleting_a_preset_that_hides_a_shipped_one_shows_that_again() -> None:
    shipped = load_preset("trumpet-below")
    save_preset(Preset("trumpet-below", "timbre-swap"))
    assert load_preset("trumpet-below") != shipped
    delete_preset("trumpet-below")
    assert load_preset("trumpet-below") == shipped


def test_a_renamed_preset_is_the_same_under_the_new_name(folder: Path) -> None:
    save_preset(LOUD)
    assert rename_preset("loud", "louder") == folder / "louder.toml"
    assert load_preset("louder") == Preset("louder", *list(vars(LOUD).values())[1:])
    assert "loud" not in names()


def test_renaming_replaces_no_other_preset() -> None:
    save_preset(LOUD)
    save_preset(Preset("soft", "timbre-swap", {"mix": 0.1}))
    with pytest.raises(PresetError, match=r"there is a preset 'soft' in .*; choose another name"):
        rename_preset("loud", "soft")
    assert load_preset("loud") == LOUD
    assert load_preset("soft").settings == {"mix": 0.1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trumpet-below", "mine", r"comes with latentfx and cannot be renamed; .*save mine --from trumpet-b"),
        ("laud", "mine", r"no preset 'laud' in .*\. Did you mean 'loud'\? There are loud"),
        ("loud", "a/b", "cannot be called 'a/b'"),
        ("loud", "../up", r"cannot be called '\.\./up'"),
    ],
)
def test_a_rename_that_cannot_be_made_says_why_and_changes_nothing(old: str, new: str, message: str) -> None:
    save_preset(LOUD)
    before = names()
    with pytest.raises(PresetError, match=message):
        rename_preset(old, new)
    assert names() == before


@pytest.mark.parametrize("name", ["trumpet-below", "absent", "../presets/loud"])
def test_only_presets_of_the_users_own_are_deleted(name: str) -> None:
    save_preset(LOUD)
    before = names()
    with pytest.raises(PresetError, match=r"comes with latentfx and cannot be deleted|no preset"):
        delete_preset(name)
    assert names() == before


def test_a_folder_that_cannot_be_written_keeps_the_preset(folder: Path) -> None:
    save_preset(LOUD)
    (folder / "deleted").write_text("a file in the way")
    with pytest.raises(PresetError, match=r"cannot move .*loud\.toml to .*deleted"):
        delete_preset("loud")
    assert load_preset("loud") == LOUD


def test_a_preset_written_by_hand_or_by_an_older_version_is_read(folder: Path) -> None:
    folder.mkdir()
    (folder / "old.toml").write_text(
        'plugin = "timbre-swap"\nprogram = 5\n\n[controls]\nmix = 1\n'
        'timbre = { violin = 0.25, "flute" = 0.75 }\n'
        '\n[[midi]]\nsource = "cc:7"\ncontrol = "mix"\nlow = 0.0\nhigh = 1\n'
    )
    old = load_preset("old")
    assert old.settings == {"mix": 1, "timbre": {"violin": 0.25, "flute": 0.75}}
    assert old.bindings == (Binding.parse("cc:7=mix:0..1"),)
    path = save_preset(old, overwrite=True)
    assert load_preset(path) == old


def test_the_text_of_a_preset_can_be_read_and_changed_by_hand() -> None:
    preset = Preset("x", "timbre-swap", {"mix": 0.1 + 0.2, "timbre": {"violin": 1.0}}, "two", LOUD.bindings)
    assert dump_preset(preset).splitlines() == [
        'plugin = "timbre-swap"',
        'description = "two"',
        "midi = [",
        '    { source = "cc:7", control = "mix" },',
        "]",
        "",
        "[controls]",
        "mix = 0.3",
        "",
        "[controls.timbre]",
        "violin = 1.0",
    ]


def test_a_byte_order_mark_and_a_path_of_nobody_stop_no_list(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "marked.toml").write_text('\ufeffplugin = "timbre-swap"\n', encoding="utf-8")
    (folder / "nobody.toml").write_text('plugin = "~nobody-at-all/x.onnx"\n')
    assert load_preset("marked").plugin == "timbre-swap"
    assert {"marked", "nobody"} <= {preset.name for preset in list_presets()}
    assert "marked" in {preset.name for preset in list_presets("timbre-swap")}


def test_preset_that_is_a_device_or_a_fifo_is_not_read(folder: Path) -> None:
    """Both would never end."""
    folder.mkdir()
    (folder / "endless.toml").symlink_to("/dev/zero")
    os.mkfifo(folder / "silent.toml")
    for name in ("endless", "silent"):
        with pytest.raises(PresetError, match=f"preset '{name}' cannot be read: it is no regular file"):
            load_preset(name)
