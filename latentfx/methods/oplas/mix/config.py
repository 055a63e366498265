"""Settings of the latent mixer: the `[method]` table of its recipes."""

from __future__ import annotations

from dataclasses import dataclass, field

from latentfx.errors import RecipeError
from latentfx.methods.oplas.mix.networks import GROUP


@dataclass(frozen=True)
class MixSpectra:
    """Frames, and the scale on which the networks see their magnitudes.

    Args:
        sample_rate: Hz.
        hop_length: samples from frame to frame of the plugin.
        n_fft: samples of a frame; the latency is n_fft - hop_length.
        bands: of a frame, a multiple of 4.
        knee_db: magnitudes this far below what is usual at their frequency, in a frame of this level, are
            seen linearly, those above by their logarithm.
    """

    sample_rate: int = 48_000
    hop_length: int = 256
    n_fft: int = 2048
    bands: int = 480
    knee_db: float = -40.0

    def __post_init__(self) -> None:
        if self.bands % GROUP:
            raise RecipeError(f"method.spectra.bands is {self.bands}; allowed multiples of {GROUP}")
        if self.n_fft % self.hop_length or self.n_fft < 4 * self.hop_length:
            raise RecipeError(
                f"method.spectra.hop_length is {self.hop_length}; allowed n_fft ({self.n_fft}) over a whole "
                "number from 4 on"
            )


@dataclass(frozen=True)
class LatentMixConfig:
    """Settings of the method.

    Args:
        spectra: what a frame is.
        channels: of the embedding; it has channels * bands / 4 dimensions.
        width: channels of the autoencoder's layers.
        projector_width: channels of h and of hinv.
        projector_blocks: residual layers of each.
        stems: sounds in a training mix; clips with more have theirs grouped.
        frame_step: samples from frame to frame of the training data.
        gain_db: stems are turned up or down by at most so much.
        silent: probability that a stem of a training mix is left out.
        level_db: frames are seen at most so much above and below the level that the plugin gives them.
        late: probability that the stem to be taken away comes later at the side-chain than in the mix.
        late_ms: at most by so much.
        mix, variance, covariance, inverse: weights of the published terms.
        decoded: weight of what is decoded from h(f(mix)), from a sum and from a difference (ours).
        masked: weight of how far the mix under a mask from a difference is from the true remainder, in bel
            against the mix (ours).
    """

    spectra: MixSpectra = field(default_factory=MixSpectra)
    channels: int = 4
    width: int = 32
    projector_width: int = 32
    projector_blocks: int = 2
    stems: int = 4
    frame_step: int = 2048
    gain_db: float = 9.0
    silent: float = 0.25
    level_db: float = 6.0
    late: float = 0.5
    late_ms: float = 20.0
    mix: float = 1.0
    variance: float = 0.1
    covariance: float = 1e-3
    inverse: float = 1.0
    decoded: float = 1.0
    masked: float = 1.0

    def __post_init__(self) -> None:
        if self.stems < 2 or self.channels < 1 or self.width < 1:
            raise RecipeError(
                f"method.stems is {self.stems}, method.channels {self.channels}, method.width {self.width}; "
                "allowed 2 or more, 1 or more, and 1 or more"
            )
