"""A frame of a single line as numbers: its pitch, its level, its partials, and the noise between them.

`ToneAnalysis` reads them from a stream, without look-ahead: this is what the encoder sees. `tone_targets`
reads them from whole clips, in longer frames that look ahead: this is what the decoder learns to give.
"""

import math

import torch
from torch import Tensor, nn

from latentfx.methods.swapper.combs import Combs, DoubleCombs
from latentfx.methods.swapper.harmonic import mean_near_best, tuned
from latentfx.methods.swapper.harmonic_synthesis import LOBE_ENERGY
from latentfx.methods.swapper.spectral import SpectralAnalysis, SpectralConfig, log_magnitudes
from latentfx.stages import Analysis, Features, State

PITCHES = 264
NEIGHBOURS = 3.0
HEARD_PARTIALS, HEARD_GAPS = 24, 12
HEARD = 3 + HEARD_PARTIALS + HEARD_GAPS
PITCH, LEVEL = 0, 1
"""Places of the pitch (octaves above `f_min_hz`) and of the level (nepers) in both kinds of frames."""
HIGHEST_HZ = 16_000.0
SLOPE = 2.0
AROUND = 1
FIT_SCALE = 0.1
# Of magnitudes over the level: far above the rounding of an FFT, which a logarithm would magnify.
HEARD_FLOOR = 0.09


def level_of_sine(spectral: SpectralConfig) -> float:
    """Level of a frame that holds a sine of amplitude 1: the root mean square over its bins."""
    return math.sqrt(LOBE_ENERGY / spectral.bins)


class ToneAnalysis(Analysis):
    """Audio to what the encoder sees of each frame.

    Args:
        spectral: frames and axes.
        faintest: level below which the level counts as this.
        playing: compute pitches in double precision, frame by frame: engines round differently, and phases
            add the differences up.
    Shape:
        audio [B, 1, T] -> level [B, 1, N]; heard [B, HEARD, N], double when playing: pitch, level, how well
        the pitch fits, then log-magnitudes of the first partials and of the gaps below each
    """

    position: Tensor
    places: Tensor

    def __init__(self, spectral: SpectralConfig, faintest: float, playing: bool = False) -> None:
        super().__init__()
        self.whole = SpectralAnalysis(spectral)
        self.combs: nn.Module = (DoubleCombs if playing else Combs)(spectral, PITCHES)
        self.hop, self.margin, self.faintest = self.whole.hop, spectral.pitch_margin, faintest
        self.bins_per_octave = float(spectral.bins_per_octave)
        self.neighbours, self.fit_scale, self.floor = NEIGHBOURS, FIT_SCALE, HEARD_FLOOR
        self.last = float(spectral.n_pitch + 2 * spectral.pitch_margin - 2)
        dtype = torch.float64 if playing else torch.float32
        numbers = torch.cat([torch.arange(1, HEARD_PARTIALS + 1), torch.arange(HEARD_GAPS) + 0.5])
        self.register_buffer("position", torch.arange(PITCHES, dtype=dtype), persistent=False)
        self.register_buffer(
            "places", numbers.log2() * spectral.bins_per_octave + spectral.pitch_margin, persistent=False
        )

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Silence before the stream."""
        return self.whole.initial_state(batch_size)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        features, new_state = self.whole(audio, state)
        spectrum, level = features["pitch_spectrum"], features["level"]
        middle = spectrum[:, self.margin : -self.margin]
        fit = self.combs(middle.transpose(1, 2)).transpose(1, 2)
        pitch = mean_near_best(torch.softmax(fit, dim=-1), self.position, self.position, self.neighbours)
        best = torch.amax(fit, dim=-1).unsqueeze(1).to(level.dtype) * self.fit_scale
        log_level = torch.log(level.clamp(min=self.faintest))
        octaves = (pitch / self.bins_per_octave).transpose(1, 2)
        peaks = self._read(spectrum, pitch.to(level.dtype).transpose(1, 2))
        rest = torch.cat([log_level, best, peaks], dim=1).to(octaves.dtype)
        return {"level": level, "heard": torch.cat([octaves, rest], dim=1)}, new_state

    def _read(self, spectrum: Tensor, pitch: Tensor) -> Tensor:
        """Log-magnitudes at partials and gaps; what lies beyond the axis is as faint as its end.

        Shape:
            spectrum [B, K, N], pitch [B, 1, N] in bins -> [B, P, N]
        """
        place = (pitch + self.places.unsqueeze(1)).clamp(0.0, self.last)
        low = torch.floor(place)
        index = low.long()
        below, above = torch.gather(spectrum, 1, index), torch.gather(spectrum, 1, index + 1)
        read = below + (place - low) * (above - below)
        return torch.log(read * read + self.floor)


class ToneAxis(nn.Module):
    """Where bands of noise lie, and how a decoded frame is read.

    Args:
        spectral: frames.
        partials: of a decoded frame.
        bands: of its noise, narrow at low frequencies.
    """

    numbers: Tensor
    centres: Tensor
    spread: Tensor

    def __init__(self, spectral: SpectralConfig, partials: int, bands: int) -> None:
        super().__init__()
        self.partials, self.bands = partials, bands
        self.lowest = spectral.f_min_hz * spectral.n_fft / spectral.sample_rate
        self.highest = HIGHEST_HZ * spectral.n_fft / spectral.sample_rate
        self.audible = min(
            int(HIGHEST_HZ * 2.0 / spectral.sample_rate * spectral.hop_length), spectral.hop_length
        )
        self.register_buffer("numbers", torch.arange(1.0, partials + 1.0), persistent=False)
        share = torch.linspace(0.0, 1.0, bands)
        self.register_buffer("centres", share.square() * (spectral.bins - 1), persistent=False)
        place = torch.linspace(0.0, 1.0, spectral.hop_length + 1).sqrt() * (bands - 1)
        band = torch.arange(bands, dtype=torch.float32).unsqueeze(1)
        spread = torch.clamp(1.0 - (place - band).abs(), min=0.0)
        self.register_buffer("spread", spread, persistent=False)

    @property
    def size(self) -> int:
        """Numbers of a decoded frame."""
        return 2 + self.partials + self.bands


@torch.no_grad()
def tone_targets(audio: Tensor, heard: Tensor, spectral: SpectralConfig, axis: ToneAxis) -> Tensor:
    """What the decoder should give for each frame of a clip.

    The pitch that was heard is moved by up to 32 cents to where the partials stand. Partials above 16 kHz
    fall by 12 dB an octave from the last one below it.

    Args:
        audio: the clip.
        heard: of `ToneAnalysis`.
        spectral: frames.
        axis: partials and bands.
    Shape:
        audio [1, 1, T], heard [1, HEARD, N] -> [N, axis.size]
    """
    logmag = log_magnitudes(audio, spectral)[0].T
    frames = min(len(logmag), heard.shape[-1])
    logmag, octaves, level = logmag[:frames], heard[0, PITCH, :frames], heard[0, LEVEL, :frames]
    f0 = axis.lowest * 2.0 ** octaves.double().unsqueeze(1)
    f0 = tuned(f0.unsqueeze(0), logmag.unsqueeze(0))[0].float()
    around = _around(logmag, f0 * axis.numbers).amax(-1)
    last = (axis.highest / f0).floor().clamp(1, axis.partials)
    end = torch.gather(around, 1, last.long() - 1)
    beyond = end - SLOPE * torch.log(axis.numbers / last)
    partials = torch.where(axis.numbers <= last, around, beyond)
    gaps = ((axis.centres / f0).floor() + 0.5) * f0
    noise = _around(logmag, gaps).mean(-1)
    octaves = torch.log2(f0[:, 0] / axis.lowest)
    return torch.cat([octaves.unsqueeze(1), level.unsqueeze(1), partials, noise], dim=1)


def _around(logmag: Tensor, place: Tensor) -> Tensor:
    """Log-magnitudes of the bins about a place.

    Shape:
        logmag [N, F], place [N, P] in bins -> [N, P, 3]
    """
    index = place.round().long().clamp(AROUND, logmag.shape[1] - 1 - AROUND)
    return torch.stack([torch.gather(logmag, 1, index + by) for by in range(-AROUND, AROUND + 1)], dim=-1)


PROPERTIES = ("pitch", "level", "brightness", "odd_even", "breath")
"""What can be said of a decoded frame in one number; see `properties_of`."""
FIRST_PARTIALS = 24
FAINT = 0.1


def properties_of(frame: Tensor, axis: ToneAxis) -> Tensor:
    """Pitch (semitones), level, brightness over the pitch (semitones), odd over even partials, breath (dB).

    Brightness is the mean number of the first 24 partials, weighted by amplitude: MPEG-7's harmonic spectral
    centroid, over the pitch. To the powers of odd and even partials a tenth of the whole is added. Breath
    is the mean level of the noise up to 16 kHz over the power of the partials.

    Shape:
        [..., axis.size] -> [..., 5]
    """
    pitch, level = frame[..., PITCH], frame[..., LEVEL]
    numbers, ends = axis.numbers[:FIRST_PARTIALS], 2 + axis.partials
    f0 = axis.lowest * torch.exp2(pitch.detach()).unsqueeze(-1)
    room = ((axis.highest - numbers * f0) / f0 + 1.0).clamp(0.0, 1.0)
    amplitude = torch.exp(frame[..., 2 : 2 + FIRST_PARTIALS].clamp(max=12.0)) * room
    power = amplitude.square()
    whole = power.sum(-1)
    centroid = (amplitude * numbers).sum(-1) / amplitude.sum(-1)
    odd, even = (power[..., at::2].sum(-1) + FAINT * whole for at in (0, 1))
    noise = torch.matmul(frame[..., ends:], axis.spread[:, : axis.audible]).mean(-1)
    decibels = 10.0 / math.log(10.0)
    return torch.stack(
        [
            12.0 * pitch,
            2.0 * decibels * level,
            12.0 * torch.log2(centroid),
            decibels * torch.log(odd / even),
            decibels * (2.0 * noise - torch.log(whole)),
        ],
        dim=-1,
    )
