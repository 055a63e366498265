from __future__ import annotations

import pytest
import torch

from latentfx.dsp.fft import InverseRealFFT, RealFFT, factorise
from latentfx.errors import ShapeError

LENGTHS = [2, 16, 128, 384, 512, 768, 1024, 2048, 4096, 16384]


@pytest.mark.parametrize("n", LENGTHS)
def test_the_transform_agrees_with_double_precision(n: int) -> None:
    x = torch.randn(3, 2, n, generator=torch.Generator().manual_seed(n))
    re, im = RealFFT(n)(x)
    expected = torch.fft.rfft(x.double())
    assert (torch.complex(re, im) - expected).abs().max() < 1e-6 * expected.abs().max()
    assert (RealFFT(n).magnitude(x) - expected.abs()).abs().max() < 1e-6 * expected.abs().max()


@pytest.mark.parametrize("n", LENGTHS)
def test_the_inverse_undoes_the_transform(n: int) -> None:
    x = torch.randn(2, 3, n, generator=torch.Generator().manual_seed(n))
    assert (InverseRealFFT(n)(*RealFFT(n)(x)) - x).abs().max() < 2e-6 * x.abs().max()


def test_the_inverse_ignores_what_no_real_signal_has() -> None:
    re, im = torch.randn(33), torch.randn(33)
    real_ends = im.clone()
    real_ends[0] = real_ends[-1] = 0.0
    torch.testing.assert_close(InverseRealFFT(64)(re, im), InverseRealFFT(64)(re, real_ends))
    expected = torch.fft.irfft(torch.complex(re, real_ends))
    torch.testing.assert_close(InverseRealFFT(64)(re, im), expected, atol=1e-6, rtol=0)
    pairs = torch.stack([re, im])
    torch.testing.assert_close(InverseRealFFT(64).of_pairs(pairs), expected, atol=1e-6, rtol=0)


def test_a_cosine_is_one_bin_and_an_impulse_all_of_them() -> None:
    re, im = RealFFT(256)(torch.cos(2 * torch.pi * 17 * torch.arange(256) / 256))
    power = re.square() + im.square()
    assert power.argmax() == 17
    assert power.sum() - power[17] < 1e-8 * power[17]
    impulse = torch.zeros(256)
    impulse[5] = 1.0
    re, im = RealFFT(256)(impulse)
    torch.testing.assert_close(re.square() + im.square(), torch.ones(129))


def test_gradients_pass() -> None:
    x = torch.randn(64, requires_grad=True)
    re, im = RealFFT(64)(x)
    (re.square() + im.square()).sum().backward()
    y = x.detach().clone().requires_grad_()
    torch.fft.rfft(y).abs().square().sum().backward()
    assert y.grad is not None
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("n", [0, 15, 514, 1 << 18])
def test_lengths_without_factors_are_refused(n: int) -> None:
    with pytest.raises(ShapeError, match=f"FFT length is {n}; allowed even products"):
        RealFFT(n)


def test_factors_are_near_each_other() -> None:
    assert [factorise(n) for n in (1024, 2048, 384)] == [(32, 32), (64, 32), (24, 16)]
