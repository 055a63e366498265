from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from latentfx.dsp.mel import InverseMel, MelScale, hz_to_mel, mel_filters, mel_to_hz
from latentfx.errors import ShapeError

BANKS = [
    (48_000, 2048, 80, 0.0, 24_000.0),
    (16_000, 1024, 64, 20.0, 7_600.0),
    (44_100, 4096, 128, 40.0, 16_000.0),
]


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize("norm", ["slaney", None])
def test_filters_agree_with_librosa(
    bank: tuple[int, int, int, float, float], htk: bool, norm: str | None
) -> None:
    rate, n_fft, n_mels, low, high = bank
    expected = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=low, fmax=high, htk=htk, norm=norm
    )
    scale: MelScale = "htk" if htk else "slaney"
    found = mel_filters(rate, n_fft, n_mels, low, high, scale, "slaney" if norm else "none").numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max(), rtol=0)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_the_scale_agrees_with_librosa_and_inverts(scale: MelScale) -> None:
    frequency = torch.linspace(0.0, 24_000.0, 500, dtype=torch.float64)
    mel = hz_to_mel(frequency, scale)
    np.testing.assert_allclose(mel, librosa.hz_to_mel(frequency.numpy(), htk=scale == "htk"), rtol=1e-9)
    torch.testing.assert_close(mel_to_hz(mel, scale), frequency, atol=1e-6, rtol=1e-9)


def harmonic_magnitude(f0_hz: float) -> torch.Tensor:
    time = torch.arange(2048) / 48_000
    tone = sum(torch.sin(2 * torch.pi * f0_hz * k * time) / k for k in range(1, 40) if f0_hz * k < 24_000)
    return torch.fft.rfft(torch.as_tensor(tone) * torch.hann_window(2048)).abs()[:, None]


@pytest.mark.parametrize(("bands", "goal_db"), [(40, -24.0), (80, -30.0), (128, -40.0)])
def test_the_inverse_has_the_given_bands_and_is_never_negative(bands: int, goal_db: float) -> None:
    filters = mel_filters(48_000, 2048, bands, 60.0)
    mel = filters @ harmonic_magnitude(330.0)
    found = InverseMel(filters)(mel)
    error = float(20 * torch.log10((filters @ found - mel).norm() / mel.norm()))
    assert bool((found >= 0).all())
    assert error < goal_db
    pseudo = (torch.linalg.pinv(filters) @ mel).clamp_min(0.0)
    assert error < float(20 * torch.log10((filters @ pseudo - mel).norm() / mel.norm())) - 6.0


def test_low_harmonics_come_back_in_their_bins() -> None:
    magnitude = harmonic_magnitude(330.0)
    filters = mel_filters(48_000, 2048, 80)
    found = InverseMel(filters)(filters @ magnitude)
    for harmonic in (1, 2, 3):
        near = slice(round(330 * harmonic / 23.4375) - 7, round(330 * harmonic / 23.4375) + 8)
        assert abs(int(found[near].argmax()) - int(magnitude[near].argmax())) <= 1


def test_silence_gives_silence() -> None:
    inverse = InverseMel(mel_filters(16_000, 1024, 40))
    assert inverse(torch.zeros(2, 40, 3)).abs().max() == 0.0


def test_banks_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\d+ of 128 mel bands hold no FFT bin"):
        mel_filters(48_000, 512, 128)
    with pytest.raises(ShapeError, match="from 0 to 9000 Hz; allowed 1 or more, rising within 0 to 8000 Hz"):
        mel_filters(16_000, 512, 40, maximum_hz=9_000.0)
    with pytest.raises(ShapeError, match="nothing below 0"):
        InverseMel(torch.full((2, 3), -1.0))
