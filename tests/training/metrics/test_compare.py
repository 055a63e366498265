"""Several models under one judge: what lies in the folder, also when it is stopped in the middle."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import Leaky, Perfect, clips
from matplotlib.figure import Figure

from latentfx.errors import CheckpointError, DataError
from latentfx.training.data import Dataset
from latentfx.training.evaluations.evaluation import Listener
from latentfx.training.evaluations.swap.compare import Candidate, compare, find_judge
from latentfx.training.evaluations.swap.mel_pictures import choose_pairs, draw_swaps
from latentfx.training.evaluations.swap.protocol import ProtocolSettings
from latentfx.training.evaluations.swap.real_clips import measure_clips
from latentfx.training.evaluations.swap.swapper import Codes
from latentfx.training.judges.judge import MelJudge
from latentfx.training.judges.judge_training import JudgeTraining

DATA = Dataset(clips(2, seed=1), clips(2, seed=2), {"instruments": ["violin", "trumpet"]})
EASY = ProtocolSettings(pairings=1, rand=False)


class Interrupted(Perfect):
    def audio(self, codes: Codes):
        raise KeyboardInterrupt


def test_models_stand_in_one_table_and_each_has_a_picture(judge: MelJudge, tmp_path: Path) -> None:
    known = (*DATA.train, *DATA.validation)
    models = [Candidate("good", Perfect(known)), Candidate("leaky", Leaky(known), notes=("leaks.",))]
    said: list[str] = []
    found = compare(models, DATA, judge, tmp_path / "out", EASY, listener=Listener(say=said.append))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "evaluation.json",
        "evaluation.md",
        "good.png",
        "leaky.png",
    ]
    assert (tmp_path / "out" / "good.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "out" / "evaluation.md").read_text(encoding="utf-8")
    assert text == found.to_markdown() + "\n"
    assert "- leaky: leaks." in text
    kept = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert kept["facts"]["clips"] == {"violin": 2, "trumpet": 2}
    assert kept["scores"]["good"]["v_swap"]["f1"]["mean"] == 1.0
    assert [line.split(":")[0] for line in said] == ["4 real clips", "good", "leaky"]


def test_stopped_in_the_middle_what_is_there_is_whole(judge: MelJudge, tmp_path: Path) -> None:
    known = (*DATA.train, *DATA.validation)
    models = [Candidate("good", Perfect(known)), Candidate("stopped", Interrupted(known))]
    with pytest.raises(KeyboardInterrupt):
        compare(models, DATA, judge, tmp_path, EASY)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "evaluation.json",
        "evaluation.md",
        "good.png",
    ]
    assert list(json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))["scores"]) == ["good"]


def test_a_picture_that_cannot_be_written_leaves_the_old_one_and_nothing_half(
    judge: MelJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(figure: Figure, target: Path, **options: object) -> None:
        Path(target).write_bytes(b"half a picture")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", broken)
    (tmp_path / "perfect.png").write_bytes(b"the old one")
    real = measure_clips(DATA.validation, judge)
    with pytest.raises(KeyboardInterrupt):
        draw_swaps(tmp_path / "perfect.png", "perfect", Perfect(DATA.validation), real)
    assert [file.name for file in tmp_path.iterdir()] == ["perfect.png"]
    assert (tmp_path / "perfect.png").read_bytes() == b"the old one"


def test_a_judge_is_trained_once_and_refused_for_other_data(tmp_path: Path) -> None:
    file, origin = tmp_path / "judge.safetensors", {"seed": 1, "parts": ("tones",)}
    first = find_judge(file, DATA, origin, JudgeTraining(epochs=1))
    written = file.stat().st_mtime_ns
    again = find_judge(file, DATA, origin, JudgeTraining(epochs=1))
    assert file.stat().st_mtime_ns == written
    assert again.report == first.report
    assert again.report["validation"]["clips"] == 4
    with pytest.raises(CheckpointError, match="other data than these models: give another --judge"):
        find_judge(file, DATA, {"seed": 2})
    MelJudge(first.net, first.labels, replace(first.config, floor=-11.5), first.report).save(file)
    with pytest.raises(CheckpointError, match=r"below exp\(-11.5\) as that, today's judges below exp\(-3\)"):
        find_judge(file, DATA, origin)


def test_a_poor_judge_is_doubted_in_the_table(judge: MelJudge, tmp_path: Path) -> None:
    poor = MelJudge(judge.net, judge.labels, judge.config, {"validation": {"macro_f1": 0.5}})
    text = compare([], DATA, poor, tmp_path, EASY).to_markdown()
    assert "F1 of 0.50 on real clips: believe neither" in text
    assert "believe" not in compare([], DATA, judge, tmp_path, EASY).to_markdown()


def test_clips_on_notes_that_training_has_heard_are_counted(judge: MelJudge, tmp_path: Path) -> None:
    sources = ("notes-0/validation/violin/0", "tones-1/validation/violin/0", "notes-2/validation/trumpet/0")
    named = [replace(c, source=s) for c, s in zip(DATA.validation, (*sources, "phrases/a.wav"), strict=True)]
    parts = [{"kind": "notes", "held_out": ["a"]}, {"kind": "tones"}, {"kind": "notes", "held_out": []}]
    text = compare([], replace(DATA, validation=named, card={"parts": parts}), judge, tmp_path, EASY)
    assert "- 2 of the clips are other tunes on notes that training has heard" in text.to_markdown()
    parts[2]["held_out"], parts[1]["kind"] = ["b"], "recordings"
    text = compare([], replace(DATA, validation=named, card={"parts": parts}), judge, tmp_path, EASY)
    assert "training has heard" not in text.to_markdown()


def test_one_instrument_is_refused_before_any_work(tmp_path: Path) -> None:
    for side in ({"train": DATA.train[:2]}, {"validation": DATA.validation[:2]}):
        with pytest.raises(DataError, match="two"):
            find_judge(tmp_path / "judge.safetensors", replace(DATA, **side), {})
    assert list(tmp_path.iterdir()) == []


def test_pictures_go_round_the_instruments() -> None:
    names = ["violin", "flute", "oboe", "violin", "flute", "oboe"]
    assert choose_pairs(names) == [(0, 1), (1, 2), (2, 0), (3, 4)]
