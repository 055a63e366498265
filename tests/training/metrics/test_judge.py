"""The judge of log-mels: it hears instruments, not level or pitch, and is what it was when read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import RATE, clips

from latentfx.errors import CheckpointError, DataError, ShapeError
from latentfx.training.judges.judge import JudgeConfig, MelJudge, log_mel, pictures
from latentfx.training.judges.judge_training import JudgeTraining, score_judge, train_judge


def test_judge_names_instruments_on_lines_it_never_heard(judge: MelJudge) -> None:
    score = score_judge(judge, clips(6, seed=9))
    assert score.macro_f1 == 1.0
    broken = [replace(item, labels={"instrument": "trumpet"}) for item in clips(3, seed=9)]
    assert score_judge(judge, broken).accuracy == 0.5


def test_judge_is_the_same_when_read_again_and_for_the_same_seed(judge: MelJudge, tmp_path: Path) -> None:
    mel = log_mel(clips(1, seed=9)[0].audio, RATE)
    again = MelJudge.load(judge.save(tmp_path / "judge.safetensors"))
    np.testing.assert_array_equal(judge.embedding(mel), again.embedding(mel))
    assert (again.labels, again.config, again.report) == (judge.labels, judge.config, judge.report)
    small = JudgeTraining(epochs=1), JudgeConfig(channels=(2, 2, 2, 4))
    twins = [train_judge(clips(2, seed=1), *small).embedding(mel) for _ in range(2)]
    np.testing.assert_array_equal(*twins)


def test_training_a_judge_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train_judge(clips(2, seed=1), JudgeTraining(epochs=1), JudgeConfig(channels=(2, 2, 2, 4)))
    assert torch.rand(1) == expected


def test_pictures_leave_silence_and_its_floor_out() -> None:
    config = JudgeConfig(frames=4)
    mel = np.full((16, 80), -36.0, np.float32)
    mel[:8] = 3.0
    heard = pictures(mel, config)
    assert heard.shape == (4, 1, 80, 4)
    assert heard.max() == 3.0
    assert heard.min() == config.floor
    assert pictures(mel[:2], config).shape == (1, 1, 80, 4)


@pytest.mark.parametrize("mel", [np.zeros((5, 79)), np.zeros((0, 80)), np.full((5, 80), np.nan)])
def test_log_mels_of_other_shapes_are_refused(mel: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"allowed \[N, 80\]"):
        pictures(mel, JudgeConfig())


def test_judge_of_one_instrument_is_refused() -> None:
    with pytest.raises(DataError, match=r"two or more, got 2 clips of \['violin'\]"):
        train_judge(clips(2, seed=1)[:2])


def test_file_of_another_kind_is_refused_as_a_judge(tmp_path: Path, judge: MelJudge) -> None:
    file = judge.save(tmp_path / "judge.safetensors")
    file.write_bytes(file.read_bytes().replace(b'\\"judge\\"', b'\\"jugde\\"'))
    with pytest.raises(CheckpointError, match="is no judge of log-mels"):
        MelJudge.load(file)
