from __future__ import annotations

from pathlib import Path

import pytest

from latentfx.errors import DataError, RecipeError
from latentfx.training.data.places import resolve_path
from latentfx.training.data.settings import Part, read_settings
from latentfx.training.data.sources.notes import Notes
from latentfx.training.data.sources.tones import Tones


def test_settings_of_a_table_become_sources() -> None:
    part = {"kind": "notes", "root": "real", "seconds_per_instrument": 60, "include": ["notes/*"]}
    settings = read_settings(
        {"instruments": ["violin", "oboe"], "validation": 0.2, "parts": [part, {"kind": "tones"}]}
    )
    assert settings.instruments == ("violin", "oboe")
    assert settings.parts == (
        Part("notes", Notes(root="real", seconds_per_instrument=60.0, include=("notes/*",))),
        Part("tones", Tones()),
    )


def test_recipe_without_parts_trains_on_tones() -> None:
    assert read_settings({"instruments": ["violin"]}).parts == (Part("tones", Tones()),)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"data\.instruments names none; data of the kind 'tones' needs it"),
        ({"instruments": []}, "different names"),
        ({"instruments": ["a"], "keep": "tape"}, r"data\.keep is 'tape'; it must be one of 'memory', 'disk'"),
        ({"instruments": ["a", "a"]}, "different names"),
        ({"instruments": "violin"}, r"data\.instruments is 'violin'; it must be a list, each item a text"),
        ({"instruments": ["a"], "validaton": 0.1}, r"data\.validaton is unknown; did you mean 'validation'"),
        ({"instruments": ["a"], "validation": 1.5}, r"data\.validation is 1\.5; allowed 0 to 0\.9"),
        ({"instruments": ["a"], "validation": True}, r"data\.validation is True; it must be a finite number"),
        ({"instruments": ["a"], "validation": float("nan")}, r"data\.validation is nan"),
        ({"instruments": ["a"], "parts": []}, r"data\.parts is \[\]"),
        ({"instruments": ["a"], "parts": ["tones"]}, r"data\.parts\[0\] is 'tones'; allowed is a table"),
        (
            {"instruments": ["a"], "parts": [{"kind": "sine"}]},
            r"data\.parts\[0\]\.kind 'sine' is unknown; allowed: tones, notes",
        ),
        (
            {"instruments": ["a"], "parts": [{"kind": "tones", "root": "x"}]},
            r"data\.parts\[0\]\.root is unknown",
        ),
        (
            {"instruments": ["a"], "parts": [{"kind": "soundfont", "cache": 1}]},
            r"cache is 1; it must be true or false",
        ),
        ({"instruments": ["a"], "parts": [{"kind": "notes", "root": 3}]}, r"root is 3; it must be a text"),
    ],
)
def test_wrong_setting_is_named_with_what_is_allowed(table: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_settings(table)


def test_paths_count_from_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine" / "real").mkdir(parents=True)
    (tmp_path / "theirs" / "real").mkdir(parents=True)
    monkeypatch.setenv("LATENTFX_DATA", str(tmp_path / "theirs"))
    assert resolve_path("real", tmp_path / "mine", "k") == tmp_path / "mine" / "real"
    assert resolve_path("real", None, "k") == tmp_path / "theirs" / "real"
    assert resolve_path("$LATENTFX_DATA/real", tmp_path / "mine", "k") == tmp_path / "theirs" / "real"
    monkeypatch.delenv("LATENTFX_DATA")
    monkeypatch.chdir(tmp_path / "mine")
    assert resolve_path("real", None, "k").resolve() == tmp_path / "mine" / "real"


def test_an_absent_path_names_its_key_what_is_there_and_the_cure(tmp_path: Path) -> None:
    key = "data.parts[1].root"
    for name in ("oboe", "violin"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError) as told:
        resolve_path("real", tmp_path, key)
    assert str(told.value) == (
        f"{key}: there is no {tmp_path}/real; relative paths count from --data or from LATENTFX_DATA "
        f"(now {tmp_path}, which holds oboe/, violin/): put the data there, "
        f"or name another place with --set '{key}=...'"
    )


def test_an_absent_data_folder_and_an_absent_absolute_path_have_cures_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\): set it to the folder that holds the data$"):
        resolve_path("real", tmp_path / "absent", "k")
    with pytest.raises(
        DataError, match=r"there is no .*font\.sf2; put the data there, or name another"
    ) as told:
        resolve_path(str(tmp_path / "font.sf2"), tmp_path, "k")
    assert "--data" not in str(told.value)


def test_the_current_folder_is_not_searched_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LATENTFX_DATA", raising=False)
    with pytest.raises(DataError, match=r"data\.parts\[0\]\.root is not set"):
        resolve_path("", None, "data.parts[0].root")
