"""The band axis: as fine as the FFT below, even in pitch above, and nothing is lost in between."""

from __future__ import annotations

import pytest
import torch

from latentfx.dsp.bands import BandAxis, band_centres
from latentfx.errors import ShapeError

N_FFT, BANDS = 1024, 200


@pytest.fixture(scope="module")
def axis() -> BandAxis:
    return BandAxis(N_FFT, BANDS)


def test_low_bands_are_bins_and_high_ones_lie_at_equal_ratios() -> None:
    centres = band_centres(N_FFT // 2 + 1, BANDS)
    assert centres[:60].tolist() == list(range(60))
    ratios = centres[1:] / centres[:-1]
    assert float(centres[-1]) == pytest.approx(N_FFT // 2)
    torch.testing.assert_close(ratios[-60:], ratios[-1].expand(60), rtol=1e-6, atol=0)
    assert bool((centres.diff() > 0.999).all())


def test_a_flat_spectrum_stays_flat_there_and_back(axis: BandAxis) -> None:
    flat = torch.full((1, N_FFT // 2 + 1, 2), 3.0)
    torch.testing.assert_close(axis(flat), torch.full((1, BANDS, 2), 3.0))
    torch.testing.assert_close(axis.spread(axis(flat)), flat)


def test_a_tone_is_seen_in_the_band_where_it_lies(axis: BandAxis) -> None:
    centres = band_centres(N_FFT // 2 + 1, BANDS)
    for bin_ in (3, 50, 120, 300, 500):
        spectrum = torch.zeros(1, N_FFT // 2 + 1, 1)
        spectrum[0, bin_] = 1.0
        bands = axis(spectrum)[0, :, 0]
        assert abs(float(centres[int(bands.argmax())]) - bin_) <= 0.51 * max(1.0, 0.02 * bin_)
        assert int((bands > 0).sum()) <= 2


def test_sizes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ShapeError, match="600 bands of 513 bins; allowed 8 to 513"):
        BandAxis(N_FFT, 600)
