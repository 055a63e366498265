"""A model of frames learns what it hears, and gives dimensions what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from latentfx.errors import RecipeError
from latentfx.methods.swapper.spectral import SpectralConfig
from latentfx.methods.syntone.frames import FrameVAE, FrameVAEConfig
from latentfx.methods.syntone.tone_frames import (
    HEARD,
    LEVEL,
    PITCH,
    PROPERTIES,
    ToneAnalysis,
    ToneAxis,
    level_of_sine,
    properties_of,
    tone_targets,
)
from latentfx.stages import Features
from latentfx.training.data.example import Example

RATE, HOP = 16_000, 64
SPECTRAL = SpectralConfig(
    sample_rate=RATE, hop_length=HOP, n_fft=1024, analysis_length=1024, analysis_fall=256, n_pitch=336
)
SMALL = {"spectral": SPECTRAL, "partials": 24, "noise_bands": 8, "hidden": (24, 16), "z_size": 4}
FAINTEST = 1e-3 * level_of_sine(SPECTRAL)


def tone(amplitude: float, f0_hz: float = 500.0, seconds: float = 0.5, even: float = 1.0) -> np.ndarray:
    times = np.arange(round(RATE * seconds)) / RATE
    wave = sum((1.0 if k % 2 else even) * np.sin(2 * np.pi * f0_hz * k * times) / k for k in range(1, 7))
    return (amplitude * wave).astype(np.float32)


def examples() -> list[Example]:
    return [
        Example.of_audio(tone(0.2 / n, f0), RATE, "made", f"tone-{f0}")
        for n, f0 in enumerate((300.0, 450.0, 600.0, 900.0), 1)
    ]


def heard(audio: np.ndarray) -> Features:
    analysis = ToneAnalysis(SPECTRAL, FAINTEST)
    return analysis(torch.from_numpy(audio)[None, None], analysis.initial_state(1))[0]


def wanted(audio: np.ndarray) -> tuple[Tensor, ToneAxis]:
    axis = ToneAxis(SPECTRAL, 24, 8)
    length = len(audio) // HOP * HOP
    found = heard(audio[:length])["heard"]
    return tone_targets(torch.from_numpy(audio[:length])[None, None], found, SPECTRAL, axis), axis


def test_a_frame_holds_the_pitch_and_the_level_of_what_was_heard() -> None:
    loud, soft = (heard(tone(amplitude))["heard"][0, :, 40] for amplitude in (0.2, 0.02))
    assert loud[PITCH].item() == pytest.approx(np.log2(500.0 / SPECTRAL.f_min_hz), abs=0.01)
    assert (loud[LEVEL] - soft[LEVEL]).item() == pytest.approx(np.log(10.0), abs=0.01)
    torch.testing.assert_close(loud[3:], soft[3:], atol=1e-2, rtol=0)


def test_a_sine_of_amplitude_one_has_the_level_of_a_sine() -> None:
    times = np.arange(RATE // 2) / RATE
    found = heard(np.sin(2 * np.pi * 1000.0 * times).astype(np.float32))["level"][0, 0, 40]
    assert found.item() == pytest.approx(level_of_sine(SPECTRAL), rel=0.05)


def test_properties_move_with_what_they_are_named_after_and_alone() -> None:
    frame, axis = wanted(tone(0.2))
    rest = properties_of(frame[60], axis)
    higher, louder, odd, noisy = (frame[60].clone() for _ in range(4))
    higher[PITCH] += 1.0
    louder[LEVEL] += 1.0
    odd[3 : 2 + axis.partials : 2] -= 2.0
    noisy[2 + axis.partials :] += 2.0
    moved = torch.stack([properties_of(each, axis) - rest for each in (higher, louder, odd, noisy)])
    assert moved[0].tolist() == pytest.approx([12.0, 0.0, 0.0, 0.0, 0.0], abs=0.2)
    assert moved[1].tolist() == pytest.approx([0.0, 8.686, 0.0, 0.0, 0.0], abs=0.01)
    assert moved[2][3] > 4.0
    assert moved[3].tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, 17.4], abs=0.5)


def test_a_line_without_even_partials_is_told_from_one_with() -> None:
    (full, axis), (hollow, _) = (wanted(tone(0.2, even=even)) for even in (1.0, 0.05))
    gap = (properties_of(hollow, axis) - properties_of(full, axis))[60]
    assert gap[PROPERTIES.index("odd_even")].item() > 5.0
    assert abs(gap[PITCH].item()) < 0.1


def test_frames_of_silence_are_not_learnt() -> None:
    model = FrameVAE(FrameVAEConfig(**SMALL)).eval()  # type: ignore[arg-type]
    padded = np.concatenate([tone(0.2), np.zeros(RATE, np.float32)])
    features = model.prepare([Example.of_audio(padded, RATE, "made", "padded")])
    batch = features.crop(torch.tensor([0]), torch.tensor([0]), int(features.lengths[0]))
    sounding = RATE // 2 // HOP
    assert sounding <= len(model.inputs(batch)) <= sounding + SPECTRAL.level_window // HOP
    assert len(model.codes(batch)["z"][0]) == int(features.lengths[0])


def test_training_moves_pitch_and_level_of_what_is_heard_and_of_what_is_wanted_alike() -> None:
    torch.manual_seed(0)
    model = FrameVAE(FrameVAEConfig(**SMALL))  # type: ignore[arg-type]
    features = model.prepare(examples())
    batch = features.crop(torch.arange(4), torch.zeros(4, dtype=torch.long), 100)
    moved, rest = model.train().inputs(batch), model.eval().inputs(batch)
    by = moved - rest
    for place, most in ((PITCH, 1.0), (LEVEL, 12.0 / 8.6859)):
        assert 0.5 * most < by[:, place].abs().max() <= most
        torch.testing.assert_close(by[:, place], by[:, HEARD + place], atol=1e-5, rtol=0)
    by[:, [PITCH, LEVEL, HEARD + PITCH, HEARD + LEVEL]] = 0.0
    assert by.abs().max() == 0.0


def trained(**settings: object) -> tuple[FrameVAE, list[float], dict[str, Tensor]]:
    torch.manual_seed(0)
    model = FrameVAE(FrameVAEConfig(**{**SMALL, **settings}))  # type: ignore[arg-type]
    features = model.prepare(examples())
    batch = features.crop(torch.arange(4), torch.full((4,), 20), 80)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    errors = []
    for _ in range(400):
        parts = model.loss(batch)
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
        errors.append(parts["error"].item())
    return model.eval(), errors, batch


def test_trained_it_decodes_its_tones_and_other_codes_make_other_tones() -> None:
    model, errors, batch = trained(regularisation="sum")
    assert errors[-1] < 0.1 * errors[0]
    means = model.codes(batch)["z"].mean(1)
    assert torch.pdist(means).min() > 0.3


def test_a_designated_dimension_sets_its_property_alone() -> None:
    model, _, batch = trained(regularisation="sum", designated=("pitch", "level"), designated_weight=50.0)
    z = model.codes(batch)["z"][0, :1].detach()
    rest = properties_of(model.decoder(z), model.axis)
    for at in range(4):
        turned = z.clone()
        turned[:, at] += 0.5
        by = (properties_of(model.decoder(turned), model.axis) - rest)[0, :2] / model.spread[:2]
        assert (by.abs() > 0.2).tolist() == [at == 0, at == 1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden", ()),
        ("error_db", 0.0),
        ("z_size", 1),
        ("gain_db", -1.0),
        ("designated", ("colour",)),
        ("designated", ("pitch", "pitch")),
    ],
)
def test_wrong_settings_are_named(key: str, value: object) -> None:
    with pytest.raises(RecipeError, match=f"method.{key}"):
        FrameVAEConfig(**{**SMALL, key: value})  # type: ignore[arg-type]
