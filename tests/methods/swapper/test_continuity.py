"""Legato: the pitch goes from note to note, in every register, and no other pitch lies between."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latentfx.methods.swapper.config import SwapperConfig
from latentfx.methods.swapper.continuity import Continuity
from latentfx.methods.swapper.harmonic import HarmonicDecoder, HarmonicEncoder, in_double
from latentfx.methods.swapper.spectral import SpectralAnalysis
from latentfx.training.data.instruments import INSTRUMENTS

CONFIG = SwapperConfig()
RATE, HOP = CONFIG.spectral.sample_rate, CONFIG.spectral.hop_length
# The change takes at most so long: half of it is the frame that holds both notes.
CHANGE_HOPS = 8
# Two periods of a low note are hardly longer than the frame of the newest sound: there two hops may slip.
LOWEST, LOW_REGISTER = 36, 50
NOTES = sorted({n for i in INSTRUMENTS.values() for n in range(i.lowest + 6, i.highest - 12, 7) if n < 88})


@pytest.fixture(scope="module")
def network() -> tuple[HarmonicEncoder, HarmonicDecoder]:
    """The encoder of pitch, and a decoder that reads it."""
    sizes = (CONFIG.network, CONFIG.spectral, CONFIG.n_pitch_combs)
    return in_double(HarmonicEncoder(*sizes)), in_double(HarmonicDecoder(*sizes))


def legato(first: float, second: float) -> Tensor:
    """Two notes of 0.2 s, MIDI pitches, with the partials of a bowed string, changed within 3 ms.

    Shape:
        -> [1, 1, T]
    """
    half = RATE // 5 // HOP * HOP
    time = torch.arange(2 * half, dtype=torch.float64)
    share = ((time - half) / (0.003 * RATE)).clamp(0.0, 1.0)
    audio = torch.zeros_like(time)
    for pitch, gain in ((first, (1 - share).sqrt()), (second, share.sqrt())):
        f0 = 440.0 * 2 ** ((pitch - 69) / 12)
        for number in range(1, 30):
            if number * f0 < RATE / 2:
                phase = 2 * math.pi * number * f0 / RATE * time + number
                audio += gain * torch.sin(phase) / number
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (0.1 * audio + 1e-4 * noise).float()[None, None]


@torch.no_grad()
def heard(audio: Tensor, network: tuple[HarmonicEncoder, HarmonicDecoder], follows: bool = True) -> Tensor:
    """MIDI pitch of every hop.

    Shape:
        [1, 1, T] -> [N]
    """
    encoder, decoder = network
    analysis, margin = SpectralAnalysis(CONFIG.spectral), CONFIG.spectral.pitch_margin
    features, _ = analysis(audio, analysis.initial_state(1))
    both = torch.cat([features["pitch_spectrum"], features["newest_spectrum"]])[:, margin:-margin]
    fits = encoder.fits(both.transpose(1, 2))
    continuity = Continuity(encoder.n_pitch)
    chosen = continuity(fits, continuity.initial_state(1))[0] if follows else fits[:1]
    share = torch.softmax(torch.matmul(encoder.code_of(chosen), decoder.match), -1)
    hz = decoder.frequency(share)[0, :, 0] * RATE / CONFIG.spectral.n_fft
    return 69 + 12 * torch.log2(hz / 440.0)


def slips(pitch: Tensor, first: float, second: float) -> int:
    """Hops, from a tenth of a second before the change to one after it, that have neither pitch."""
    middle = len(pitch) // 2
    near = pitch[middle - 15 : middle + 20]
    return int((((near - first).abs() > 1.0) & ((near - second).abs() > 1.0)).sum())


@pytest.mark.parametrize("interval", [*range(-12, 0), *range(1, 13)])
def test_legato_has_no_pitch_between_the_notes(
    interval: int, network: tuple[HarmonicEncoder, HarmonicDecoder]
) -> None:
    for note in (note for note in NOTES if note + interval >= LOWEST):
        pitch = heard(legato(note, note + interval), network)
        few = 2 if min(note, note + interval) < LOW_REGISTER else 1
        assert slips(pitch, note, note + interval) <= few, (note, pitch)
        arrived = (pitch[len(pitch) // 2 + CHANGE_HOPS :] - note - interval).abs()
        assert float(arrived.max()) < 1.0, (note, pitch)


def test_without_it_another_pitch_lies_between(network: tuple[HarmonicEncoder, HarmonicDecoder]) -> None:
    audio = legato(55, 43)
    assert slips(heard(audio, network, follows=False), 55, 43) > slips(heard(audio, network), 55, 43)


def test_a_change_is_heard_no_later_with_it(network: tuple[HarmonicEncoder, HarmonicDecoder]) -> None:
    for note, interval in ((55, 12), (64, 7), (72, -5), (70, 2), (80, 12)):
        audio = legato(note, note + interval)
        times = [
            int(((heard(audio, network, follows) - note - interval).abs() < 1.0).float().argmax())
            for follows in (True, False)
        ]
        assert times[0] <= times[1]
