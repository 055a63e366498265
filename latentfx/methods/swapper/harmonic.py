"""A local encoder and a decoder that know what a harmonic spectrum looks like.

They replace `LocalEncoder` and `FactorisedDecoder`. Plain networks must learn the comb of harmonics at every
pitch; these know it. (Ours, not in the papers; harmonics and noise apart as in Engel et
al., "DDSP: Differentiable digital signal processing", 2020, in log-magnitudes instead of audio.)
"""

import copy
import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from latentfx.dsp.noise import NOISE_POWER
from latentfx.methods.dsae.decoders import Decoder
from latentfx.methods.dsae.widths import NetworkConfig, mlp
from latentfx.methods.swapper.combs import Combs, DoubleCombs
from latentfx.methods.swapper.spectral import SpectralConfig

BEST_SCALE = 0.1
CODE_GAIN = 2.0
SHORTEST_PERIOD = 6.0
START_LOGVAR = -4.0
PARTIALS = 64
NOISE_BANDS = 64
NOTE_FEATURES = 256
NEIGHBOURS = 3.0
# In training the comb is moved by up to this many cents to where the target's first partials stand.
TUNING_CENTS = 32.0
TUNING_STEPS = 17
TUNED_PARTIALS = 16
# Partials are played without their blur. This much noise (nepers) takes the place of the blur between them.
BREATH = 0.18
# Log-magnitude of a decoded frame's main lobe falls as this times the squared distance in bins.
LOBE = 0.42

Network = TypeVar("Network", bound=nn.Module)


def pitch_code(n_pitch: int, size: int) -> Tensor:
    """A code of every pitch whose inner products are large for near pitches and small for others.

    Sines and cosines of the pitch, with periods from twice the range down to a few bins.

    Shape:
        -> [n_pitch, size]
    """
    angle = 2.0 * math.pi * torch.arange(n_pitch).unsqueeze(1) / code_periods(n_pitch, size)
    return torch.cat([angle.cos(), angle.sin()], dim=1)[:, :size]


def code_periods(n_pitch: int, size: int) -> Tensor:
    """Period of each cosine of `pitch_code`, and of the sine that belongs to it, in pitches.

    Shape:
        -> [size / 2]
    """
    return torch.logspace(math.log10(2.0 * n_pitch), math.log10(SHORTEST_PERIOD), (size + 1) // 2)


def mean_near_best(share: Tensor, position: Tensor, values: Tensor, neighbours: float) -> Tensor:
    """Mean of the values at the likeliest position and its neighbours.

    Shape:
        share [..., K], position [K] (0, 1, ...), values [K] -> [..., 1]
    """
    best = torch.argmax(share, dim=-1, keepdim=True).to(share.dtype)
    near = torch.where((position - best).abs() <= neighbours, share, 0.0)
    return (near * values).sum(-1, keepdim=True) / near.sum(-1, keepdim=True)


class HarmonicEncoder(nn.Module):
    """q(z_t | x_t) from how well each pitch's comb fits, and from nothing else.

    A network that saw the whole spectrum would let z carry timbre: timbre hardly changes from frame to frame,
    so the prior p(z_t | z_<t) predicts it at no cost. z is a code of the pitch; how surely it is known is
    learnt.

    Shape:
        [B, N, n_local] -> mean, logvar [B, N, z_size]
    """

    code: Tensor

    def __init__(self, config: NetworkConfig, spectral: SpectralConfig, n_pitch: int) -> None:
        super().__init__()
        self.spectral, self.n_pitch = spectral, n_pitch
        self.combs: nn.Module = Combs(spectral, n_pitch)
        self.register_buffer("code", pitch_code(n_pitch, config.z_size), persistent=False)
        self.body = mlp(config.z_size + 1, config.local_hidden, config)
        self.logvar = nn.Linear(config.local_hidden[-1], config.z_size)
        nn.init.constant_(self.logvar.bias, START_LOGVAR)
        self.best_scale = BEST_SCALE

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fit = self.fits(x)
        code = self.code_of(fit).to(x.dtype)
        best = torch.amax(fit, dim=-2).unsqueeze(-1).to(x.dtype) * self.best_scale
        logvar = self.logvar(self.body(torch.cat([code, best], dim=-1)))
        return code, torch.clamp(logvar, -12.0, 6.0)

    def fits(self, x: Tensor) -> Tensor:
        """How well the comb of each pitch fits.

        Shape:
            [B, N, n_local] -> [B, n_pitch, N]
        """
        fits: Tensor = self.combs(x)
        return fits

    def code_of(self, fits: Tensor) -> Tensor:
        """Mean code of all pitches, each weighted by how well it fits.

        Shape:
            [B, n_pitch, N] -> [B, N, z_size]
        """
        return torch.matmul(torch.softmax(fits.transpose(-1, -2), dim=-1), self.code)


class HarmonicDecoder(Decoder):
    """p(x_t | z_t, v): partials at the multiples of a pitch, over noise in bands.

    z gives the pitch; a network of z and v gives the level of every partial and band, so that what belongs to
    a partial (the missing even ones of a clarinet) stays with it at every pitch. The network is smooth over
    pitch; instruments are not, note by note: a table with a row of features for every pitch, each multiplied
    by one that v gives, adds what belongs to single notes.

    Shape:
        z [B, N, z_size + conditions], v [B, v_size] or [B, N, v_size] -> [B, N, n_output]
    """

    match: Tensor
    code: Tensor
    position: Tensor
    log_frequency: Tensor
    numbers: Tensor
    bins: Tensor
    bands: Tensor
    coarse: Tensor

    def __init__(self, config: NetworkConfig, spectral: SpectralConfig, n_pitch: int) -> None:
        super().__init__()
        self.code_size = config.z_size
        code = pitch_code(n_pitch, self.code_size)
        self.register_buffer("match", (code * CODE_GAIN).T.contiguous(), persistent=False)
        self.register_buffer("code", code, persistent=False)
        self.notes = nn.Parameter(torch.randn(n_pitch, NOTE_FEATURES))
        self.colours = nn.Linear(config.v_size, NOTE_FEATURES)
        self.body = mlp(config.z_size + config.conditions + config.v_size, config.decoder_hidden, config)
        size = config.decoder_hidden[-1] + NOTE_FEATURES
        self.partials = nn.Linear(size, PARTIALS)
        self.noise = nn.Linear(size, NOISE_BANDS)
        self.blur = nn.Linear(size, 1)
        self.mean = nn.Parameter(torch.zeros(spectral.bins))
        lowest = math.log(spectral.f_min_hz * spectral.n_fft / spectral.sample_rate)
        log_frequency = torch.arange(n_pitch).double() * math.log(2.0) / spectral.bins_per_octave + lowest
        self.neighbours = NEIGHBOURS
        self.last_partial, self.last_bin = float(PARTIALS), spectral.bins - 1.001
        self.lobe, self.breath = LOBE, BREATH
        self.register_buffer("position", torch.arange(n_pitch, dtype=torch.float32), persistent=False)
        self.register_buffer("log_frequency", log_frequency.float(), persistent=False)
        self.register_buffer("numbers", torch.arange(1.0, PARTIALS + 1.0), persistent=False)
        self.register_buffer("bins", torch.arange(spectral.bins, dtype=torch.float32), persistent=False)
        self.register_buffer("bands", _interpolation(spectral.bins), persistent=False)
        self.coarseness = spectral.n_fft // (2 * spectral.hop_length)
        self.register_buffer("coarse", self.bands[:, :: self.coarseness].contiguous(), persistent=False)

    def start_from(self, mean: Tensor) -> None:
        self.mean.data.copy_(mean)

    def forward(self, z: Tensor, v: Tensor) -> Tensor:
        return self._spectrum(*self._hidden(z, v))

    def forced(self, z: Tensor, v: Tensor, x: Tensor) -> Tensor:
        """Decode with the partials where those of x stand, for training.

        The pitch that z gives is off by a few cents, and by twenty times as many Hz at the twentieth partial.
        Without tuning, a partial's level would be learnt from a place beside its peak. A z of zeros has no
        pitch to tune.
        """
        return self._spectrum(*self._tuned(z, v, x))

    def played_power(self, z: Tensor, v: Tensor, x: Tensor) -> Tensor:
        """Power of every bin as it is played, for training: partials without blur, the mean of the noise.

        Shape:
            z and v as above, x [B, N, n_output] -> the same; a sine of magnitude 1 has power 1 at its peak
        """
        hidden, f0 = self._tuned(z, v, x)
        sharp = torch.full_like(f0, self.lobe).to(hidden.dtype)
        tone = self._harmonic(self._levels(hidden, f0), f0, sharp)
        noise = self._noise(hidden) + self.breath
        both = torch.exp(2.0 * torch.stack([tone, noise]).clamp(max=12.0))
        power: Tensor = both[0] + NOISE_POWER * both[1]
        return power

    def _spectrum(self, hidden: Tensor, f0: Tensor) -> Tensor:
        """Log-magnitudes of frames.

        Shape:
            hidden [B, N, H], f0 [B, N, 1] in bins -> [B, N, n_output]
        """
        noise = self._noise(hidden)
        steepness = torch.sigmoid(self.blur(hidden) + 3.0) * self.lobe
        tone = self._harmonic(self._levels(hidden, f0), f0, steepness)
        return noise + nn.functional.softplus(tone - noise)

    def _noise(self, hidden: Tensor) -> Tensor:
        """Mean log-magnitude of the noise in every bin.

        Shape:
            [B, N, H] -> [B, N, n_output]
        """
        return torch.matmul(self.noise(hidden), self.bands) + self.mean

    def voices(self, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is played: the level of every partial, that of the noise in a few bins, and the pitch.

        Shape:
            z and v as above -> [B, N, PARTIALS] and [B, N, F], log-magnitudes, and [B, N, 1], FFT bins
        """
        hidden, f0 = self._hidden(z, v)
        noise = torch.matmul(self.noise(hidden), self.coarse) + (self.mean[:: self.coarseness] + self.breath)
        return self._levels(hidden, f0), noise, f0

    def _hidden(self, z: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Last hidden layer, and the pitch.

        Shape:
            z [B, N, Z], v [B, V] or [B, N, V] -> [B, N, H], [B, N, 1]
        """
        if v.dim() == 2:
            v = v.unsqueeze(1).expand(z.shape[0], z.shape[1], v.shape[-1])
        pitch = z[..., : self.code_size].to(self.match.dtype)
        exact = torch.softmax(torch.matmul(pitch, self.match), dim=-1)
        share = exact.to(z.dtype)
        smooth = self.body(torch.cat([torch.matmul(share, self.code), z[..., self.code_size :], v], dim=-1))
        hidden = torch.cat([smooth, torch.matmul(share, self.notes) * self.colours(v)], dim=-1)
        return hidden, self.frequency(exact)

    def _tuned(self, z: Tensor, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """As `_hidden`, with the pitch moved to where the partials of x stand; see `forced`."""
        hidden, f0 = self._hidden(z, v)
        silent = (z == 0.0).all(-1, keepdim=True)
        return hidden, torch.where(silent, f0, tuned(f0, x[:, : z.shape[1]]))

    def _levels(self, hidden: Tensor, f0: Tensor) -> Tensor:
        """Log-magnitude of every partial: the mean spectrum where it stands, and what the network adds.

        Shape:
            hidden [B, N, H], f0 [B, N, 1] -> [B, N, PARTIALS]
        """
        partials: Tensor = self.partials(hidden)
        return partials + self._mean_at(self.numbers * f0).to(partials.dtype)

    def frequency(self, share: Tensor) -> Tensor:
        """Pitch in FFT bins: a mean around the likeliest pitch alone, so that two rivals do not mix.

        Shape:
            share [B, N, n_pitch] -> [B, N, 1]
        """
        return torch.exp(mean_near_best(share, self.position, self.log_frequency, self.neighbours))

    def _harmonic(self, partials: Tensor, f0: Tensor, steepness: Tensor) -> Tensor:
        """Each bin's level by the stronger of the two partials beside it.

        Shape:
            partials [B, N, PARTIALS], f0 [B, N, 1], steepness [B, N, 1] -> [B, N, n_output]
        """
        below = torch.floor(self.bins / f0).clamp(1.0, self.last_partial - 1.0)
        distance = (self.bins - below * f0).to(partials.dtype)
        number = below.long()
        lower = torch.gather(partials, -1, number - 1) - distance * distance * steepness
        distance = distance - f0.to(partials.dtype)
        upper = torch.gather(partials, -1, number) - distance * distance * steepness
        return torch.maximum(lower, upper)

    def _mean_at(self, position: Tensor) -> Tensor:
        """The mean spectrum between its bins.

        It is read at the partial itself. Read at the bins of its lobe, a slope would move the peak, and with
        it the pitch.

        Shape:
            [...] in bins -> [...]
        """
        position = position.clamp(0.0, self.last_bin)
        low = torch.floor(position)
        index = low.long()
        slope = self.mean[1:] - self.mean[:-1]
        return self.mean[index] + (position - low).to(slope.dtype) * slope[index]


@torch.no_grad()
def tuned(f0: Tensor, x: Tensor) -> Tensor:
    """Move pitches by up to 32 cents to where the mean log-magnitude of their partials is largest.

    Shape:
        f0 [B, N, 1] in bins, x [B, N, F] log-magnitudes -> [B, N, 1]
    """
    cents = torch.linspace(-TUNING_CENTS, TUNING_CENTS, TUNING_STEPS, device=x.device)
    candidates = f0.to(x.dtype) * 2.0 ** (cents / 1200.0)
    numbers = torch.arange(1.0, TUNED_PARTIALS + 1.0, device=x.device)
    position = (candidates.unsqueeze(-1) * numbers).clamp(max=x.shape[-1] - 1.001).flatten(-2)
    low = position.long()
    lower, upper = torch.gather(x, -1, low), torch.gather(x, -1, low + 1)
    level = lower + (position - low) * (upper - lower)
    best = level.unflatten(-1, [TUNING_STEPS, TUNED_PARTIALS]).mean(-1).argmax(-1, keepdim=True)
    return torch.gather(candidates, -1, best).to(f0.dtype)


def in_double(network: Network) -> Network:
    """A copy that computes pitches in double precision, for playing; other networks are copied unchanged.

    Engines round differently, and phase accumulates the rounding error of a frequency: 0.2 ppm of 10 kHz is a
    hundredth of a radian after a second.
    """
    network = copy.deepcopy(network)
    if isinstance(network, HarmonicEncoder):
        network.combs = DoubleCombs(network.spectral, network.n_pitch)
        network.code = network.code.double()
    if isinstance(network, HarmonicDecoder):
        network.match, network.position = network.match.double(), network.position.double()
        network.log_frequency, network.numbers = network.log_frequency.double(), network.numbers.double()
    return network


def _interpolation(bins: int) -> Tensor:
    """Triangles that interpolate from a few bands to all bins, narrow at low frequencies.

    Shape:
        -> [NOISE_BANDS, bins]
    """
    position = torch.linspace(0.0, 1.0, bins).sqrt() * (NOISE_BANDS - 1)
    band = torch.arange(NOISE_BANDS, dtype=torch.float32).unsqueeze(1)
    return torch.clamp(1.0 - (position - band).abs(), min=0.0)
