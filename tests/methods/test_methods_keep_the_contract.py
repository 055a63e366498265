"""Every method of ours is checked as a user's own would be: by `verify_method`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_mel import tiny_mel_model
from tiny_swap import tiny_model

from latentfx.methods.base import Objective
from latentfx.methods.oplas.mix.config import LatentMixConfig, MixSpectra
from latentfx.methods.oplas.mix.embedding import EmbeddingMix, EmbeddingMixConfig
from latentfx.methods.oplas.mix.model import LatentMix
from latentfx.methods.oplas.mix.vggish import VGGish
from latentfx.methods.oplas.ring.model import PitchRing, PitchRingConfig
from latentfx.methods.sps.config import SPSConfig
from latentfx.methods.sps.model import SPS
from latentfx.methods.swapper.spectral import SpectralConfig
from latentfx.methods.syntone.config import Kind, MelImageConfig, SynToneConfig
from latentfx.methods.syntone.frames import FrameVAE, FrameVAEConfig
from latentfx.methods.syntone.model import SynTone
from latentfx.testing import verify_method
from latentfx.training import catalogue
from latentfx.training.data.example import Example

pytestmark = pytest.mark.usefixtures("one_thread")
RATE = 16_000


def tones(sample_rate: int, seconds: float = 1.0) -> list[Example]:
    """Clips of three notes each, on two instruments, as sums of two stems."""
    rng = np.random.default_rng(0)
    times_s = np.arange(round(seconds * sample_rate)) / sample_rate
    examples = []
    for number in range(4):
        stems = []
        for _ in range(2):
            f0_hz = np.repeat(rng.uniform(220, 880, 3), -(-len(times_s) // 3))[: len(times_s)]
            phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate
            tone = sum(np.sin(k * phase) / k**2 for k in range(1, 6))
            stems.append((0.1 * tone + 1e-3 * rng.standard_normal(len(times_s))).astype(np.float32))
        instrument = ("violin", "flute")[number % 2]
        mix = stems[0] + stems[1]
        examples.append(Example.of_audio(mix, sample_rate, instrument, f"tone-{number}", stems=tuple(stems)))
    return examples


def mixer() -> LatentMix:
    spectra = MixSpectra(sample_rate=RATE, hop_length=64, n_fft=256, bands=64)
    return LatentMix(LatentMixConfig(spectra, width=8, projector_width=8, stems=3, frame_step=256))


def syntone(kind: Kind) -> SynTone:
    mel = MelImageConfig(sample_rate=RATE, n_fft=256, hop_length=128, n_mels=16, frames=8)
    return SynTone(SynToneConfig(kind, mel=mel, discriminator_width=16))


def frame_vae(kind: Kind, designated: tuple[str, ...] = ()) -> FrameVAE:
    spectral = SpectralConfig(
        sample_rate=RATE, hop_length=64, n_fft=1024, analysis_length=1024, analysis_fall=256, n_pitch=336
    )
    small = FrameVAEConfig(
        kind, discriminator_width=16, spectral=spectral, partials=24, hidden=(16,), designated=designated
    )
    return FrameVAE(small)


def video_sps(**settings: Any) -> SPS:
    return SPS(SPSConfig(view="video", image_size=8, prior_units=8, **settings))


def videos() -> list[Example]:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (8, 3, 8, 8), dtype=np.uint8) for _ in range(4)]
    return [Example({"video": each}, 5.0, {}, f"video-{i}") for i, each in enumerate(frames)]


def solo(examples: Sequence[Example]) -> list[Example]:
    """The first stem of every example: one pitch at a time."""
    return [Example.of_audio(e.stems[0], e.sample_rate, e.instrument, e.source) for e in examples]


MAKERS: dict[str, Callable[[], Objective]] = {
    "dsae": lambda: tiny_mel_model("dsae"),
    "dsae, autoregressive": lambda: tiny_mel_model("dsae", "autoregressive", own_frames=0.5),
    "ts-dsae": lambda: tiny_mel_model("ts-dsae"),
    "ts-dsae, autoregressive": lambda: tiny_mel_model("ts-dsae", "autoregressive", history_dropout=0.5),
    "j-dsae": lambda: tiny_mel_model("j-dsae"),
    "j-dsae, autoregressive": lambda: tiny_mel_model("j-dsae", "autoregressive", stage1_local="frozen"),
    "swapper": lambda: tiny_model(named_share=0.5, band_weight=1.0),
    "pitch-ring": lambda: PitchRing(PitchRingConfig(hidden=(16,), clear=0.1)),
    "latent-mix": mixer,
    "syntone": lambda: syntone("vae"),
    "syntone, beta-tcvae": lambda: syntone("beta-tcvae"),
    "syntone, factor-vae": lambda: syntone("factor-vae"),
    "frame-vae": lambda: frame_vae("vae"),
    "frame-vae, beta-tcvae": lambda: frame_vae("beta-tcvae"),
    "frame-vae, factor-vae": lambda: frame_vae("factor-vae"),
    "frame-vae, designated": lambda: frame_vae("vae", ("pitch", "level", "breath")),
    "sps": lambda: SPS(SPSConfig(copies=1)),
    "sps, with style": lambda: video_sps(copies=2, style=2),
    "sps, autoencoder": lambda: video_sps(kind="ae", copies=0),
    "sps, baseline": lambda: video_sps(kind="beta-vae"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_method_keeps_the_contract(name: str) -> None:
    objective = MAKERS[name]()
    examples = tones(objective.sample_rate)
    if name == "latent-mix":
        verify_method(objective, examples, crop_frames=1)
    elif name == "sps":
        verify_method(objective, solo(examples), crop_frames=3, batch_size=2)
    elif name.startswith("sps"):
        verify_method(objective, videos(), crop_frames=8)
    else:
        verify_method(objective, solo(examples), crop_frames=8)


def test_the_embedding_mixer_keeps_the_contract(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "small.pth"
    torch.save(VGGish((3, 4, 5, 5, 6, 6), 20, 12).state_dict(), path)  # noqa: TID251
    objective = EmbeddingMix(EmbeddingMixConfig(str(path), size=12, blocks=2))
    verify_method(objective, tones(RATE), crop_frames=1)


def test_no_method_of_the_catalogue_is_left_out() -> None:
    checked = {type(make()).__name__ for make in MAKERS.values()} | {"EmbeddingMix"}
    assert {entry.objective.rpartition(":")[2] for entry in catalogue.METHODS.values()} == checked
