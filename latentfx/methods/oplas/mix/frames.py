"""Frames of stems: how they are kept for training, and what is read from them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from latentfx.dsp.bands import BandAxis
from latentfx.dsp.stft import StftAnalysis
from latentfx.errors import DataError
from latentfx.methods.base import AnyExample

KEPT_SCALE = 256.0
"""Spectra are kept in half precision, so much louder than they are."""


def stem_spectra(stems: Tensor, n_fft: int, step: int) -> Tensor:
    """Spectra of Hann frames, real and imaginary parts, times `KEPT_SCALE`; a sine of amplitude 1 has 1.

    Shape:
        [K, T] -> [N, K, 2, F], float16
    """
    stft = StftAnalysis.hann(n_fft, step)
    usable = stems.shape[-1] // step * step
    re, im, _ = stft(stems[:, None, :usable], stft.initial_state(len(stems)))
    spectra = torch.stack([re[:, 0], im[:, 0]], 1).permute(3, 0, 1, 2)
    kept: Tensor = (spectra[1:] * (KEPT_SCALE * 2.0 / float(stft.window.sum()))).half()
    return kept


def band_magnitudes(spectra: Tensor, axis: BandAxis) -> Tensor:
    """Magnitudes in bands of complex frames.

    Shape:
        spectra [..., 2, F] -> [..., bands]
    """
    magnitude = torch.sqrt(spectra.square().sum(-2))
    bands: Tensor = axis(magnitude.flatten(0, -2).t().unsqueeze(0))[0].t()
    return bands.reshape(*magnitude.shape[:-1], -1)


def level_of(spectra: Tensor) -> Tensor:
    """Root mean square of the magnitudes of a frame.

    Shape:
        spectra [..., 2, F] -> [...]
    """
    return torch.sqrt(spectra.square().sum(-2).mean(-1))


def grouped(clip: AnyExample, number: int) -> Tensor:
    """Stems of a clip, the loudest apart and the others added to them in turn; silence where there are fewer.

    Shape:
        -> [number, T]
    Raises:
        DataError: a clip without stems.
    """
    stems = clip.stems
    if len(stems) < 2:
        raise DataError(
            f"{clip.source} has no stems: train this method on data parts of the kinds 'stems' and 'band'"
        )
    ranked = sorted(stems, key=lambda stem: -float((stem * stem).mean()))
    groups = torch.zeros(number, len(clip.audio))
    for index, stem in enumerate(ranked):
        groups[index % number] += torch.from_numpy(stem)
    return groups


def delayed(stems: Tensor, longest: float, generator: torch.Generator) -> Tensor:
    """Every stem later by a random number of samples.

    Args:
        stems: at once.
        longest: samples.
        generator: of the delays.
    Shape:
        [K, T] -> [K, T]
    """
    delays = torch.randint(int(longest) + 1, (len(stems),), generator=generator).tolist()
    return torch.stack(
        [functional.pad(stem, (by, 0))[: len(stem)] for stem, by in zip(stems, delays, strict=True)]
    )
