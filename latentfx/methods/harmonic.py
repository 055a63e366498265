"""A local encoder and a decoder that know what a harmonic spectrum looks like.

Both are drop-in forms of `LocalEncoder` and `FactorisedDecoder`: plain networks have to learn every comb of
harmonics at every pitch; these start with them. Nothing about pitch is labelled: which comb fits is learnt
from the reconstruction. (Ours, not in the papers.)
"""

import math

import torch
from torch import Tensor, nn

from latentfx.methods.dsae import GaussianHead, NetworkConfig, mlp
from latentfx.methods.spectral import SpectralConfig

HARMONICS = 16
DEPTH_BANDS = 16
SHARPNESS = 8.0
SHARE_SCALE = 4.0
BEST_SCALE = 0.1


def comb_weights(spectral: SpectralConfig, n_pitch: int) -> Tensor:
    """Weights that sum a log spectrum over the harmonics of every pitch, less what lies between them.

    Shape:
        -> [n_pitch, spectral.n_pitch]
    """
    bins = torch.arange(spectral.n_pitch, dtype=torch.float64)
    pitch = torch.arange(n_pitch, dtype=torch.float64).unsqueeze(1)
    weights = torch.zeros(n_pitch, spectral.n_pitch, dtype=torch.float64)
    for number in range(1, HARMONICS + 1):
        centre = pitch + spectral.bins_per_octave * math.log2(number)
        gap = pitch + spectral.bins_per_octave * math.log2(number + 0.5)
        peak = torch.clamp(1.0 - (bins - centre).abs(), min=0.0)
        valley = torch.clamp(1.0 - (bins - gap).abs(), min=0.0)
        weights += (peak - valley) * number**-0.5
    return (weights / HARMONICS).float()


def comb_spectra(spectral: SpectralConfig, n_pitch: int) -> Tensor:
    """Log-magnitudes of equal harmonics at every pitch, as the short Hann frame sees them, less their mean.

    Shape:
        -> [n_pitch, bins]
    """
    f0 = spectral.f_min_hz * 2.0 ** (torch.arange(n_pitch, dtype=torch.float64) / spectral.bins_per_octave)
    hz_per_bin = spectral.sample_rate / spectral.n_fft
    bins = torch.arange(spectral.bins, dtype=torch.float64) * hz_per_bin
    nearest = torch.round(bins / f0.unsqueeze(1)).clamp(min=1.0) * f0.unsqueeze(1)
    offset = (bins - nearest) / hz_per_bin
    lobe = torch.sinc(offset) / (1.0 - offset.square()).abs().clamp(min=0.25)
    level = torch.log(lobe.abs() + spectral.floor * 10.0)
    return (level - level.mean(dim=1, keepdim=True)).float()


class HarmonicEncoder(nn.Module):
    """q(z_t | x_t) from how well each pitch's comb fits, and from nothing else.

    A network that saw the whole spectrum would let z carry timbre: timbre hardly changes from frame to frame,
    so the prior p(z_t | z_<t) predicts it at no cost. The combs are fixed; how sharply they
    compete is learnt.

    Shape:
        [B, N, n_local] -> mean, logvar [B, N, z_size]
    """

    combs: Tensor

    def __init__(self, config: NetworkConfig, spectral: SpectralConfig, n_pitch: int) -> None:
        super().__init__()
        self.register_buffer("combs", comb_weights(spectral, n_pitch).T.contiguous(), persistent=False)
        self.sharpness = nn.Parameter(torch.tensor(SHARPNESS))
        self.share_scale, self.best_scale = SHARE_SCALE, BEST_SCALE
        self.body = mlp(n_pitch + 1, config.local_hidden, config)
        self.head = GaussianHead(config.local_hidden[-1], config.z_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fit = torch.matmul(x, self.combs) * self.sharpness
        best = torch.amax(fit, dim=-1, keepdim=True)
        share = torch.softmax(fit, dim=-1)
        seen = torch.cat([share * self.share_scale, best * self.best_scale], dim=-1)
        z: tuple[Tensor, Tensor] = self.head(self.body(seen))
        return z


class HarmonicDecoder(nn.Module):
    """p(x_t | z_t, v): a mixture of combs whose depth varies over frequency, plus a plain network.

    Shape:
        z [B, N, z_size], v [B, v_size] or [B, N, v_size] -> [B, N, n_output]
    """

    bands: Tensor

    def __init__(self, config: NetworkConfig, spectral: SpectralConfig, n_pitch: int) -> None:
        super().__init__()
        size = config.z_size + config.v_size + n_pitch
        self.pitch = nn.Sequential(*mlp(config.z_size, (256,), config), nn.Linear(256, n_pitch))
        self.combs = nn.Parameter(comb_spectra(spectral, n_pitch))
        self.body = mlp(size, config.decoder_hidden, config)
        self.share_scale = SHARE_SCALE
        self.depth = nn.Linear(config.decoder_hidden[-1], DEPTH_BANDS)
        self.output = nn.Linear(config.decoder_hidden[-1], config.n_output)
        self.register_buffer("bands", _band_slopes(spectral.bins), persistent=False)

    def forward(self, z: Tensor, v: Tensor) -> Tensor:
        if v.dim() == 2:
            v = v.unsqueeze(1)
        v = v.expand(z.shape[0], z.shape[1], v.shape[-1])
        share = torch.softmax(self.pitch(z), dim=-1)
        hidden = self.body(torch.cat([z, v, share * self.share_scale], dim=-1))
        comb = torch.matmul(share, self.combs)
        depth = torch.matmul(torch.nn.functional.softplus(self.depth(hidden)), self.bands)
        x: Tensor = self.output(hidden) + depth * comb
        return x


def _band_slopes(bins: int) -> Tensor:
    """Triangles that interpolate from a few bands to all bins, narrow at low frequencies.

    Shape:
        -> [DEPTH_BANDS, bins]
    """
    position = torch.linspace(0.0, 1.0, bins).sqrt() * (DEPTH_BANDS - 1)
    band = torch.arange(DEPTH_BANDS, dtype=torch.float32).unsqueeze(1)
    return torch.clamp(1.0 - (position - band).abs(), min=0.0)
