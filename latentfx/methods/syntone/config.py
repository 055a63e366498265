"""Settings of the SynTone family: what an image is, and what is added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from latentfx.errors import RecipeError

Kind = Literal["vae", "beta-vae", "factor-vae", "beta-tcvae"]
PUBLISHED_BETA = {"vae": 1.0, "beta-vae": 4.0, "factor-vae": 6.0, "beta-tcvae": 4.0}


@dataclass(frozen=True)
class MelImageConfig:
    """A mel spectrogram of a whole example as an image of values from 0 to 1.

    Args:
        sample_rate: Hz.
        n_fft: samples of a Hann frame; frames are centred, the ends of the audio are padded with zeros.
        hop_length: samples from frame to frame.
        n_mels: bands of power, on Slaney's scale with his norm.
        frames: of an example; a multiple of 8.
        norm: what is 1: the loudest band of each `frame`, as in the published code, which hides the amplitude
            from every model (two tones that differ in amplitude alone are the same image); or the loudest of
            the whole `dataset`.
        scale: of the values: `power` as published, or `db` with `range_db` below 1 as 0.
        range_db: what is 0 in dB.
    """

    sample_rate: int = 16_000
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    frames: int = 32
    norm: Literal["frame", "dataset"] = "dataset"
    scale: Literal["power", "db"] = "power"
    range_db: float = 80.0

    def __post_init__(self) -> None:
        if self.n_mels % 8 or self.frames % 8 or min(self.n_mels, self.frames) < 8:
            raise RecipeError(
                f"method.mel.n_mels is {self.n_mels}, method.mel.frames is {self.frames}; "
                "allowed multiples of 8"
            )
        if self.range_db <= 0.0:
            raise RecipeError(f"method.mel.range_db is {self.range_db:g}; allowed above 0")


@dataclass(frozen=True)
class FamilyConfig:
    """Settings that every model of the family has.

    Args:
        kind: which of the four objectives.
        beta: weight of the term that the kind is about: the divergence (`vae`, `beta-vae`) or the total
            correlation (`factor-vae`, `beta-tcvae`); None takes the published 1, 4, 6 and 4.
        z_size: dimensions of the code.
        regularisation: `batch_mean` averages every term but the reconstruction over the batch while the
            reconstruction is summed, as in the published code, so that the weight in effect is divided by the
            batch size; `sum` sums both.
        stratified: weights of minibatch stratified sampling (`beta-tcvae`): `correct`, or `reference` with
            the weights of widely copied code, whose 1 / N stand in the first column.
        discriminator_lr: learning rate of the discriminator (`factor-vae`).
        discriminator_width: units of each of its layers.
    """

    kind: Kind = "vae"
    beta: float | None = None
    z_size: int = 8
    regularisation: Literal["batch_mean", "sum"] = "batch_mean"
    stratified: Literal["correct", "reference"] = "correct"
    discriminator_lr: float = 5e-5
    discriminator_width: int = 1000

    def __post_init__(self) -> None:
        if self.z_size < 2:
            raise RecipeError(f"method.z_size is {self.z_size}; allowed 2 or more")
        if self.beta is not None and self.beta < 0.0:
            raise RecipeError(f"method.beta is {self.beta:g}; allowed 0 or more")

    @property
    def weight(self) -> float:
        """The weight of the term that the kind is about."""
        return PUBLISHED_BETA[self.kind] if self.beta is None else self.beta


@dataclass(frozen=True)
class SynToneConfig(FamilyConfig):
    """Settings of the published models; see `FamilyConfig` too.

    Args:
        mel: what an image is.
    """

    mel: MelImageConfig = field(default_factory=MelImageConfig)
