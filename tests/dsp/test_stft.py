from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.dsp.windows import analysis_window, blackman_harris, centre_of_mass, dual_window, hann
from latentfx.errors import ShapeError

PAIRS = [
    (analysis, synthesis, synthesis // overlap)
    for analysis, synthesis in [
        (512, 512),
        (1024, 1024),
        (2048, 1024),
        (4096, 1024),
        (2048, 512),
        (2048, 256),
        (1024, 384),
        (384, 384),
    ]
    for overlap in (2, 4, 8)
]
HANN = [(512, 128), (1024, 256), (1024, 128), (2048, 512), (768, 256)]


def stream(
    analysis: StftAnalysis, synthesis: StftSynthesis, audio: Tensor, hops: list[int] | None = None
) -> Tensor:
    """Analyse and put together again, so many hops at a time."""
    before, after = analysis.initial_state(*audio.shape[:2]), synthesis.initial_state(*audio.shape[:2])
    pieces = audio.split([k * analysis.hop for k in hops] if hops else audio.shape[-1], dim=-1)
    out = []
    for piece in pieces:
        re, im, before = analysis(piece, before)
        heard, after = synthesis(re, im, after)
        out.append(heard)
    return torch.cat(out, -1)


def error_db(analysis: StftAnalysis, synthesis: StftSynthesis) -> float:
    audio = torch.randn(2, 2, 60 * analysis.hop, generator=torch.Generator().manual_seed(1))
    out = stream(analysis, synthesis, audio)
    late = analysis.latency
    error = out[..., late:] - audio[..., : audio.shape[-1] - late]
    return float(20 * torch.log10(error.norm() / audio.norm()))


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair_reconstructs(pair: tuple[int, int, int]) -> None:
    assert error_db(StftAnalysis(*pair), StftSynthesis(*pair)) < -120.0


@pytest.mark.parametrize("pair", HANN)
def test_plain_hann_frames_reconstruct(pair: tuple[int, int]) -> None:
    assert error_db(StftAnalysis.hann(*pair), StftSynthesis.hann(*pair)) < -120.0


def test_frames_side_by_side_reconstruct_at_once() -> None:
    whole = torch.ones(64)
    analysis, synthesis = StftAnalysis(64, 64, 64, window=whole), StftSynthesis(64, 64, 64, window=whole)
    assert synthesis.latency == 0
    assert error_db(analysis, synthesis) < -120.0


@pytest.mark.parametrize("pair", [(512, 512, 256), (4096, 1024, 256), (1024, 384, 96)])
def test_an_impulse_comes_out_after_the_latency(pair: tuple[int, int, int]) -> None:
    analysis, synthesis = StftAnalysis(*pair), StftSynthesis(*pair)
    audio = torch.zeros(1, 1, 40 * analysis.hop)
    audio[..., 1001] = 1.0
    out = stream(analysis, synthesis, audio)[0, 0]
    assert int(out.abs().argmax()) == 1001 + pair[1] - pair[2] == 1001 + synthesis.latency
    assert out[: 1001 + synthesis.latency].abs().max() < 1e-6


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.sampled_from([*PAIRS[:3], *PAIRS[6:9], *PAIRS[18:20]]),
)
def test_any_split_gives_the_same(hops: list[int], pair: tuple[int, int, int]) -> None:
    analysis, synthesis = StftAnalysis(*pair), StftSynthesis(*pair)
    audio = torch.randn(1, 1, sum(hops) * analysis.hop, generator=torch.Generator().manual_seed(2))
    whole = stream(analysis, synthesis, audio)
    torch.testing.assert_close(stream(analysis, synthesis, audio, hops), whole, atol=1e-5, rtol=0)


def test_frames_end_at_the_newest_sample() -> None:
    audio = torch.randn(1, 1, 1024)
    analysis = StftAnalysis.hann(512, 128)
    re, im, state = analysis(audio, analysis.initial_state())
    newest = torch.fft.rfft(audio[0, 0, -512:] * hann(512))
    torch.testing.assert_close(
        torch.complex(re, im)[0, 0, :, -1], newest.to(torch.complex64), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(state["analysis_history"], audio[..., -384:])
    frames, _ = analysis.frames(audio, analysis.initial_state())
    magnitude = analysis.magnitude(frames)[0, 0, -1]
    torch.testing.assert_close(magnitude, newest.abs().float(), atol=1e-4, rtol=0)


def test_a_given_window_is_used() -> None:
    window = torch.linspace(0.0, 1.0, 512)
    audio = torch.randn(1, 1, 512)
    re, _, _ = (analysis := StftAnalysis(512, 512, 128, window=window))(audio, analysis.initial_state())
    assert re[0, 0, 0, -1] == pytest.approx(float((audio[0, 0] * window).sum()), abs=1e-4)


def test_batch_rows_and_channels_do_not_mix() -> None:
    analysis, synthesis = StftAnalysis(1024, 512, 128), StftSynthesis(1024, 512, 128)
    audio = torch.zeros(3, 2, 2048)
    audio[1, 0] = torch.randn(2048)
    out = stream(analysis, synthesis, audio)
    assert out[1, 0].abs().max() > 0.5
    out[1, 0] = 0.0
    assert out.abs().max() == 0.0


def test_two_resolutions_of_one_instant_have_one_age() -> None:
    assert centre_of_mass(hann(1024)) == pytest.approx(512.0)
    ages = [centre_of_mass(analysis_window(length, 512)) for length in (512, 1024, 2048, 4096)]
    assert ages == sorted(ages)
    assert ages[0] == pytest.approx(256.0)


def test_a_short_fall_follows_the_long_rise() -> None:
    window = analysis_window(2048, 512)
    assert int(window.argmax()) == 2048 - 256
    torch.testing.assert_close(window[-256:].square(), hann(512)[256:])


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match="Swap them, or lengthen the analysis window"):
        StftAnalysis(512, 1024, 256)
    with pytest.raises(ShapeError, match="hop is 300; allowed for a synthesis window of 1024"):
        StftSynthesis(1024, 1024, 300)
    with pytest.raises(ShapeError, match="hop is 0"):
        StftAnalysis(512, 512, 0)
    with pytest.raises(ShapeError, match=r"window has the shape \(100,\); allowed \(512,\)"):
        StftAnalysis(512, 512, 128, window=torch.ones(100))
    with pytest.raises(ShapeError, match="do not add to a constant at hop 512; choose a smaller hop"):
        StftSynthesis.hann(1024, 512)
    with pytest.raises(ShapeError, match="allowed even numbers"):
        analysis_window(511, 255)
    with pytest.raises(ShapeError, match="do not add to a constant"):
        dual_window(torch.ones(64), torch.arange(64.0), 16)


def test_side_lobes_of_blackman_harris_lie_92_db_below_its_main_lobe() -> None:
    def worst_db(window: Tensor) -> float:
        spectrum = torch.fft.rfft(window, 16 * len(window)).abs()
        return float(20.0 * torch.log10(spectrum[4 * 16 :].max() / spectrum[0]))

    assert worst_db(blackman_harris(1024)) < -91.9
    assert worst_db(hann(1024)) > -50.0
