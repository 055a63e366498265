"""Settings of the swapper: the `[method]` table of its recipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from latentfx.errors import RecipeError
from latentfx.methods.dsae.terms import Reduction
from latentfx.methods.dsae.widths import NetworkConfig, Widths
from latentfx.methods.swapper.spectral import SpectralConfig


@dataclass(frozen=True)
class SwapperConfig(Widths):
    """Settings of the method: those of `Widths`, and these.

    Args:
        beta, reduction, jacobian_weight, stage1_local: as in `latentfx.methods.dsae.config.JDSAEConfig`.
        instruments: timbres that the trained model knows by name.
        timbre_sources: globs of the clip sources whose timbre counts for those names.
        spectral: frames and axes.
        bins_per_band: neighbouring bins of the log-frequency axis that the global encoder sees as one.
        named_share: in stage `pitch`, this share of the clips is decoded from the mean v of their
            instrument in place of their own, so that the decoder knows the values that players choose by
            name (ours; 0 has none).
        naming_weight: weight of the cross-entropy of naming a clip's instrument from the distances of its v
            to the mean v of each, which sets instruments apart whose spectra are alike (ours, and with
            `named_share` the only use of labels in training; 0 has none).
        band_weight: in stage `level`, weight of the squared error of mel bands of power, as played. Where
            partials vary, a band is stronger than their mean log-magnitudes make it (ours; 0 has none).
        loudness: tell the decoder each frame's level against the clip's, so that soft frames may be darker
            than loud ones (ours).
        active_db: frames below this level (dBFS) do not count for v.
        global_stride: the global encoder is trained on every so many frames of the whole clip.
        weighting: squared errors count by bin as on a `mel` axis (the papers decode mel bands), or `flat`.
        n_pitch_combs: pitches that the harmonic networks know, from `spectral.f_min_hz` up.
    """

    beta: float = 1.0
    reduction: Reduction = "elbo_sum"
    jacobian_weight: float = 1.0
    stage1_local: Literal["kl_only", "frozen"] = "kl_only"
    instruments: tuple[str, ...] = ()
    timbre_sources: tuple[str, ...] = ("*",)
    spectral: SpectralConfig = field(default_factory=SpectralConfig)
    bins_per_band: int = 8
    global_hidden: tuple[int, ...] = (128, 64)
    local_hidden: tuple[int, ...] = (64,)
    decoder_hidden: tuple[int, ...] = (256, 256)
    activation: Literal["silu", "tanh"] = "silu"
    n_pitch_combs: int = 264
    named_share: float = 0.0
    naming_weight: float = 0.0
    band_weight: float = 0.0
    loudness: bool = True
    active_db: float = -60.0
    global_stride: int = 4
    weighting: Literal["mel", "flat"] = "mel"

    def __post_init__(self) -> None:
        if len(set(self.instruments)) != len(self.instruments) or not all(
            name.isidentifier() for name in self.instruments
        ):
            raise RecipeError(f"method.instruments is {self.instruments}; allowed different identifiers")

    @property
    def network(self) -> NetworkConfig:
        """Sizes of the networks."""
        pitches = self.spectral.n_pitch + 2 * self.spectral.pitch_margin
        bands = pitches // self.bins_per_band
        return self.between(bands, self.spectral.n_pitch, self.spectral.bins, int(self.loudness))

    @property
    def active_level(self) -> float:
        """`active_db` as a magnitude."""
        return float(10.0 ** (self.active_db / 20.0))
