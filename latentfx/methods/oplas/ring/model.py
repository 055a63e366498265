"""A ring of pitch classes: a space beside the swapper's pitch code in which a semitone is a rotation.

h maps the code of a pitch to a small space, T (FiLMR) advances by a semitone there, and hinv maps back.
Twelve steps are a full turn, since what T must reach from the last pitch class of an octave is the first: the
pitch class goes round the ring, the octave stays with the rest of the space.

Source: "Operational latent spaces" (2024), the ring in 64 dimensions: its losses, on pitch codes of real
recordings in place of points on a line. Ours: a ring for every octave, the inverse, and turns by any real
number of steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from latentfx.errors import RecipeError
from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.dsae.widths import NetworkConfig
from latentfx.methods.oplas.ring.networks import RingNetworks
from latentfx.methods.oplas.ring.terms import (
    Magnitude,
    Operation,
    RingCovariance,
    RingInverse,
    RingVariance,
    Triplets,
    Turned,
)
from latentfx.methods.swapper.clip_spectra import clip_spectra
from latentfx.methods.swapper.harmonic import HarmonicEncoder
from latentfx.methods.swapper.pitch_positions import CLASSES, IN_TUNE_ST, PitchCode, around
from latentfx.methods.swapper.spectral import SpectralAnalysis, SpectralConfig
from latentfx.methods.terms import Term, add_up


@dataclass(frozen=True)
class PitchRingConfig:
    """Settings of the method.

    Args:
        swapper: plugin whose encoder and decoder the ring is built between: a shipped name or a file. Its
            pitch code must be that of these settings.
        spectral, z_size, n_pitch_combs: of that plugin's model.
        size: dimensions of the ring's space: two for the ring, the rest for the octave.
        hidden: hidden layers of h, and of hinv.
        most_steps: turns of up to so many semitones are trained.
        clear: frames whose code has at least this share of a single pitch's power are trained on.
        active_db: so are frames above this level only, dBFS.
        operation_weight: weight of the squared distance between T(h(z)) and h of the next pitch class.
        variance_weight: weight of the hinge on the standard deviations.
        covariance_weight: of the covariances in stage `spread`; the paper lowers it after 1000 steps.
        settled_covariance_weight: of the covariances in stage `settle`.
        triplet_weight: of the two triplet margins.
        magnitude_weight: of the mean squares.
        inverse_weight: of the squared errors of codes rebuilt by hinv, as they were and rotated (ours).
    """

    swapper: str = "timbre-swap"
    spectral: SpectralConfig = field(default_factory=SpectralConfig)
    z_size: int = 32
    n_pitch_combs: int = 264
    size: int = 8
    hidden: tuple[int, ...] = (128, 128)
    most_steps: float = 12.0
    clear: float = 0.8
    active_db: float = -60.0
    operation_weight: float = 1.0
    variance_weight: float = 0.5
    covariance_weight: float = 0.5
    settled_covariance_weight: float = 1e-5
    triplet_weight: float = 0.1
    magnitude_weight: float = 1e-3
    inverse_weight: float = 10.0

    def __post_init__(self) -> None:
        if self.z_size % 2 or self.size < 3:
            raise RecipeError(
                f"method.z_size is {self.z_size}, method.size is {self.size}; "
                "allowed an even number, and 3 or more"
            )
        if self.spectral.bins_per_octave % CLASSES:
            raise RecipeError(
                f"method.spectral.bins_per_octave is {self.spectral.bins_per_octave}; allowed multiples of 12"
            )


class PitchRing(Objective):
    """The ring and its loss.

    Args:
        config: see `PitchRingConfig`.
    """

    config_type = PitchRingConfig
    stages = ("spread", "settle")
    config: PitchRingConfig

    def __init__(self, config: PitchRingConfig) -> None:
        super().__init__(config)
        self.networks = RingNetworks(config.z_size, config.hidden, config.size)
        self.code = PitchCode(config.spectral, config.n_pitch_combs, config.z_size)
        self.terms = self._terms(config.covariance_weight)

    @property
    def sample_rate(self) -> int:
        return self.config.spectral.sample_rate

    def begin_stage(self, index: int) -> None:
        """In stage `settle` covariances hardly count."""
        settles, config = index == 1, self.config
        self.terms = self._terms(config.settled_covariance_weight if settles else config.covariance_weight)

    def _terms(self, covariance_weight: float) -> tuple[Term[Turned], ...]:
        config = self.config
        return (
            Operation(config.operation_weight),
            RingVariance(config.variance_weight),
            RingCovariance(covariance_weight),
            Triplets(config.triplet_weight),
            Magnitude(config.magnitude_weight),
            RingInverse(config.inverse_weight),
        )

    @torch.no_grad()
    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Pitch codes of the frames with a clear pitch, of every example."""
        config = self.config
        analysis = SpectralAnalysis(config.spectral)
        sizes = NetworkConfig(n_local=config.spectral.n_pitch, z_size=config.z_size)
        encoder = HarmonicEncoder(sizes, config.spectral, config.n_pitch_combs)
        margin = config.spectral.pitch_margin

        def codes(example: AnyExample) -> dict[str, Tensor]:
            _, level, pitch = clip_spectra(example.audio, analysis)
            z, _ = encoder(pitch[:, margin:-margin])
            return {"z": z, "clear": self._clear(z, level).float().unsqueeze(-1)}

        return FeatureCache.join(codes(example) for example in examples)

    def _clear(self, z: Tensor, level: Tensor) -> Tensor:
        """Whether a frame has one pitch, in an octave that lies within the code's range as a whole.

        Shape:
            z [N, z_size], level [N] -> [N], bool
        """
        config, position = self.config, self.code.position(z)
        loud = level > 10.0 ** (config.active_db / 20.0)
        power = z.square().sum(-1) / (config.z_size / 2)
        floor = position - torch.remainder(position + IN_TUNE_ST, float(CLASSES))
        inside = (floor >= self.code.lowest) & (floor + CLASSES <= self.code.highest)
        clear: Tensor = (power > config.clear) & loud & inside
        return clear

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published terms, and the inverse.

        Beside them, `missed` is the share of turned pitches whose class is another than it should be, and
        `angle` is that of T in degrees.

        Shape:
            z [B, N, z_size], clear [B, N, 1] -> every value a scalar
        """
        seen = self.see(batch["z"][batch["clear"][..., 0] > 0.5])
        with torch.no_grad():
            far = (self.code.position(seen.returned) - self.code.position(seen.wanted)).abs() > IN_TUNE_ST
            angle = self.networks.step.angles()[0]
        return {**add_up(self.terms, seen), "missed": far.float().mean(), "angle": angle}

    def see(self, z: Tensor) -> Turned:
        """Map codes to the ring, turn them there by random steps, and map them back.

        Shape:
            z [n, z_size]
        """
        networks, position = self.networks, self.code.position(z)
        one, half = torch.ones_like(position), torch.full_like(position, CLASSES / 2)
        y = networks(z)
        steps = (2.0 * torch.rand_like(position) - 1.0) * self.config.most_steps
        return Turned(
            z=z,
            y=y,
            neighbour=networks(self._moved(z, position, one)),
            opposite=networks(self._moved(z, position, half + one)),
            stepped=networks.step(y),
            inverse=networks.inverse(y),
            wanted=self._moved(z, position, steps),
            returned=networks.inverse(networks.step.turn(y, steps)),
        )

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """H of the clear frames."""
        return {"ring": self.networks(batch["z"][batch["clear"][..., 0] > 0.5])}

    def _moved(self, z: Tensor, position: Tensor, steps: Tensor) -> Tensor:
        moved: Tensor = self.code(z, around(position, steps))
        return moved
