"""`SpectralAnalysis` of a whole clip, for training; the plugin analyses a stream."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentfx.methods.swapper.spectral import SpectralAnalysis


@torch.no_grad()
def clip_spectra(clip: NDArray[np.float32], analysis: SpectralAnalysis) -> tuple[Tensor, Tensor, Tensor]:
    """Analyse a clip up to its last whole hop.

    Returns:
        The audio that was analysed, the level of every frame, and its pitch spectrum with the margins.
    Shape:
        [T] -> audio [1, 1, T'], level [N], pitch_spectrum [N, n_pitch + 2 margin]
    """
    audio = torch.from_numpy(clip[: len(clip) // analysis.hop * analysis.hop])[None, None]
    features, _ = analysis(audio, analysis.initial_state(1))
    return audio, features["level"][0, 0], features["pitch_spectrum"][0].T
