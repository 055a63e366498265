"""A model of frames learns what it hears, plays it back at its level, and becomes a plugin with knobs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from latentfx.errors import RecipeError
from latentfx.methods.syntone.frame_stages import FrameAnalysis, FrameSynthesis
from latentfx.methods.syntone.frames import FrameVAE, FrameVAEConfig
from latentfx.training.data.example import Example

RATE, N_FFT, HOP = 16_000, 256, 64
SMALL = {"sample_rate": RATE, "n_fft": N_FFT, "hop_length": HOP, "bands": 64, "hidden": (24, 16), "z_size": 3}


def tone(amplitude: float, f0_hz: float = 500.0, seconds: float = 0.5) -> np.ndarray:
    times = np.arange(round(RATE * seconds)) / RATE
    wave = sum(np.sin(2 * np.pi * f0_hz * k * times) / k for k in range(1, 5))
    return (amplitude * wave).astype(np.float32)


def examples() -> list[Example]:
    return [
        Example.of_audio(tone(0.2, f0), RATE, "made", f"tone-{f0}") for f0 in (300.0, 500.0, 800.0, 1300.0)
    ]


def analysed(audio: np.ndarray) -> dict[str, Tensor]:
    analysis = FrameAnalysis(N_FFT, HOP, 64, -60.0)
    return analysis(torch.from_numpy(audio)[None, None], analysis.initial_state(1))[0]


def test_a_sine_of_amplitude_one_has_a_level_of_one_and_its_shape_does_not_depend_on_it() -> None:
    times = np.arange(RATE) / RATE
    sine = np.sin(2 * np.pi * 1000.0 * times).astype(np.float32)
    loud, soft = analysed(sine), analysed(0.1 * sine)
    assert loud["level"][..., 8:].mean().item() == pytest.approx(1.0, rel=0.01)
    torch.testing.assert_close(soft["level"], 0.1 * loud["level"], rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(soft["frame"][..., 8:], loud["frame"][..., 8:], atol=1e-3, rtol=0)


def test_synthesis_plays_the_shape_of_a_frame_at_the_level_of_the_input() -> None:
    audio = tone(0.2)
    heard = analysed(audio)
    synthesis = FrameSynthesis(N_FFT, HOP, 64)
    decoded = {"bands": heard["frame"].exp(), "level": heard["level"]}
    made, _ = synthesis(decoded, synthesis.initial_state(1))
    middle = slice(2000, 6000)
    assert synthesis.latency == N_FFT - HOP
    ratio = made[0, 0, middle].square().mean() / np.square(audio[middle]).mean()
    assert ratio.sqrt().item() == pytest.approx(1.0, rel=0.1)


def test_frames_of_silence_are_not_learnt() -> None:
    model = FrameVAE(FrameVAEConfig(**SMALL))  # type: ignore[arg-type]
    padded = np.concatenate([tone(0.2), np.zeros(RATE, np.float32)])
    features = model.prepare([Example.of_audio(padded, RATE, "made", "padded")])
    batch = features.crop(torch.tensor([0]), torch.tensor([0]), int(features.lengths[0]))
    heard = RATE // 2 // HOP
    assert heard <= len(model.inputs(batch)) <= heard + N_FFT // HOP
    assert len(model.codes(batch)["z"][0]) == int(features.lengths[0])


def test_trained_it_decodes_its_tones_and_other_codes_make_other_tones() -> None:
    torch.manual_seed(0)
    model = FrameVAE(FrameVAEConfig(**SMALL))  # type: ignore[arg-type]
    features = model.prepare(examples())
    batch = features.crop(torch.arange(4), torch.zeros(4, dtype=torch.long), int(features.lengths[0]))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    errors = []
    for _ in range(300):
        parts = model.loss(batch)
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
        errors.append(parts["error"].item())
    assert errors[-1] < 0.1 * errors[0]
    means = model.codes(batch)["z"][:, 10:].mean(1)
    assert torch.pdist(means).min() > 0.5


@pytest.mark.parametrize(("key", "value"), [("hidden", ()), ("error_db", 0.0), ("z_size", 1)])
def test_wrong_settings_are_named(key: str, value: object) -> None:
    with pytest.raises(RecipeError, match=f"method.{key}"):
        FrameVAEConfig(**{**SMALL, key: value})  # type: ignore[arg-type]
