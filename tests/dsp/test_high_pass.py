"""A high-pass in pieces is the filter that runs sample by sample."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.signal import lfilter
from torch import Tensor

from latentfx.dsp.high_pass import HighPass
from latentfx.errors import ShapeError

RATE, HOP = 48_000, 128
CORNERS = (20.0, 42.0, 200.0)


def played(audio: Tensor, taps: tuple[int, ...] = (2, 3)) -> list[Tensor]:
    filter_ = HighPass(CORNERS, taps, HOP, RATE)
    return filter_(audio, filter_.initial_state(audio.shape[0], audio.shape[1]))[0]


def test_it_is_the_filter_that_runs_sample_by_sample() -> None:
    audio = torch.randn(2, 2, 40 * HOP, generator=torch.Generator().manual_seed(0))
    wanted = audio.double().numpy()
    found = played(audio, (1, 2, 3))
    for corner, heard in zip(CORNERS, found, strict=True):
        pole = math.exp(-2 * math.pi * corner / RATE)
        gain = (1 + pole) / 2
        wanted = lfilter([gain, -gain], [1, -pole], wanted)
        torch.testing.assert_close(heard.double(), torch.from_numpy(wanted), atol=2e-5, rtol=0)


def test_an_offset_and_a_rumble_die_and_a_note_stays() -> None:
    time = torch.arange(200 * HOP) / RATE
    for frequency, low, high in ((0.0, -200.0, -100.0), (8.0, -25.0, -20.0), (440.0, -0.1, 0.0)):
        heard = played(torch.cos(2 * math.pi * frequency * time)[None, None], (2,))[0][..., -RATE // 4 :]
        level_db = 20 * math.log10(float(heard.abs().max()) + 1e-9)
        assert low <= level_db <= high


def test_any_split_gives_the_same_and_bad_samples_are_forgotten() -> None:
    audio = torch.randn(1, 1, 60 * HOP, generator=torch.Generator().manual_seed(1))
    filter_ = HighPass(CORNERS, (3,), HOP, RATE)
    whole = filter_(audio, filter_.initial_state())[0][0]
    state, pieces = filter_.initial_state(), []
    for piece in audio.split([HOP, 20 * HOP, 2 * HOP, 37 * HOP], -1):
        (out,), state = filter_(piece, state)
        pieces.append(out)
    torch.testing.assert_close(torch.cat(pieces, -1), whole, atol=1e-6, rtol=0)
    bad = {name: torch.full_like(value, math.nan) for name, value in state.items()}
    (out,), state = filter_(torch.zeros(1, 1, 2 * filter_.hops * HOP), bad)
    assert bool(out[..., -HOP:].isfinite().all())


@pytest.mark.parametrize(("corners", "taps"), [((20.0, 20.0), (1,)), ((20.0,), (2,)), ((30_000.0,), (1,))])
def test_what_is_no_filter_is_refused(corners: tuple[float, ...], taps: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="allowed"):
        HighPass(corners, taps, HOP, RATE)
