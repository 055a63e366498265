"""What a code sounds like: decoded notes, made audio by Griffin and Lim, and their pitch by YIN."""

from __future__ import annotations

import librosa
import numpy as np
import torch
from numpy.typing import NDArray

from latentfx.errors import CheckpointError
from latentfx.methods.sps.images import N_FFT
from latentfx.methods.sps.model import SPS
from latentfx.training.data.example import Audio

Float64 = NDArray[np.float64]
ROUNDS = 32
LOWEST_HZ, HIGHEST_HZ = 50.0, 4000.0
FRAME = 2048


@torch.no_grad()
def decoded_notes(model: SPS, content: Float64, style: Float64) -> list[Audio]:
    """Sounds of codes.

    Args:
        model: of notes, in evaluation mode.
        content: of each note.
        style: of all of them.
    Shape:
        content [n, C], style [S] -> n of [2048]
    Raises:
        CheckpointError: a model of another view.
    Source: Griffin & Lim 1984.
    """
    if model.images is None:
        raise CheckpointError(
            f"a model with the view {model.config.view!r} makes no sound; judge one of notes"
        )
    z = torch.from_numpy(content).float().unsqueeze(0)
    shown = torch.from_numpy(style).float().expand(1, len(content), -1)
    magnitudes = model.images.magnitude(model.decode(z, shown).sigmoid())[0].transpose(1, 2).numpy()
    hop = model.config.notes.hop_length
    return [
        np.asarray(
            librosa.griffinlim(each, n_iter=ROUNDS, hop_length=hop, n_fft=N_FFT, random_state=0),
            dtype=np.float32,
        )
        for each in magnitudes
    ]


def pitch_by_yin(audio: Audio, sample_rate: int) -> float:
    """MIDI pitch of a note in one frame of 2048 samples.

    Source: de Cheveigne & Kawahara 2002 (YIN), as in librosa.
    """
    padded = np.pad(audio[:FRAME], (0, max(0, FRAME - len(audio))))
    (f0_hz,) = librosa.yin(
        padded,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=sample_rate,
        frame_length=FRAME,
        hop_length=FRAME,
        center=False,
    )
    return float(12.0 * np.log2(f0_hz / 440.0) + 69.0)
