"""Log-mels against librosa, and the way back to audio."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from latentfx.dsp.log_mel import PUBLISHED_EPS, LogMel, LogMelConfig
from latentfx.errors import ShapeError

RATE = 16_000


def tone(f0_hz: float, seconds: float = 2.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    times = np.arange(round(seconds * RATE)) / RATE
    partials = [np.sin(2 * np.pi * f0_hz * n * times) / n for n in range(1, 9)]
    return np.asarray(0.2 * np.sum(partials, axis=0), dtype=np.float32)


def test_log_mels_agree_with_librosa() -> None:
    audio = np.random.default_rng(0).standard_normal(64_000).astype(np.float32)
    expected = librosa.feature.melspectrogram(
        y=audio, sr=RATE, n_fft=2048, hop_length=256, n_mels=80, htk=True, norm=None, pad_mode="reflect"
    )
    found = LogMel(LogMelConfig())(torch.from_numpy(audio)[None])[0]
    assert found.shape == (251, 80)
    np.testing.assert_allclose(found.numpy(), np.log(expected.T + PUBLISHED_EPS), atol=1e-4)


@pytest.mark.parametrize(("eps", "silence"), [(PUBLISHED_EPS, -36.04), (1e-5, -11.51)])
def test_silence_lies_at_the_logarithm_of_what_is_added(eps: float, silence: float) -> None:
    quiet = LogMel(LogMelConfig(log_eps=eps))(torch.zeros(1, 4096))
    assert quiet.unique().tolist() == pytest.approx([silence], abs=0.01)


@pytest.mark.parametrize("eps", [0.0, 1.0, -1e-5])
def test_what_is_added_must_be_small_and_more_than_nothing(eps: float) -> None:
    with pytest.raises(ShapeError, match="allowed more than 0, below 1"):
        LogMelConfig(log_eps=eps)


def test_audio_shorter_than_half_a_frame_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"audio of 1024 samples; allowed more than half a frame"):
        LogMel(LogMelConfig())(torch.zeros(1, 1024))


@pytest.mark.parametrize("f0_hz", [220.0, 587.33, 1046.5])
def test_a_tone_comes_back_from_its_log_mels_at_its_pitch_and_level(f0_hz: float) -> None:
    audio = tone(f0_hz)
    log_mel = LogMel(LogMelConfig(log_eps=1e-5))
    mel = log_mel(torch.from_numpy(audio)[None])[0]
    back = log_mel.audio(mel)
    assert len(back) == (len(mel) - 1) * 256
    heard = librosa.yin(back, fmin=f0_hz / 1.3, fmax=f0_hz * 1.3, sr=RATE)[8:-8]
    cents = 1200 * np.log2(np.median(heard) / f0_hz)
    assert abs(cents) < 25
    inside = slice(4096, -4096)
    assert np.std(back[inside]) == pytest.approx(np.std(audio[: len(back)][inside]), rel=0.15)
