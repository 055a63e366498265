"""A trained latent mixer as the stages of a latent effect: two channels in, one out."""

import torch
from torch import Tensor, nn

from latentfx.dsp.bands import BandAxis
from latentfx.dsp.phase import PhaseGradientPropagation
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.methods.oplas.mix.networks import MixNetworks
from latentfx.stages import Analysis, Factors, Features, LatentModel, State, Synthesis

SILENCE = 1e-5
FAINT = 1e-3


class MixAnalysis(Analysis):
    """Main input and side-chain to magnitudes in bands, at one common level of 1, and the spectra of both.

    Args:
        n_fft: samples of a frame.
        hop: samples from frame to frame.
        axis: bins to bands.
    Shape:
        audio [B, 2, T] -> main, side [B, bands, N], level [B, 1, N]; re, im, side_re, side_im [B, F, N]
    """

    def __init__(self, n_fft: int, hop: int, axis: BandAxis) -> None:
        super().__init__()
        self.hop = hop
        self.stft = StftAnalysis.hann(n_fft, hop)
        self.scale = 2.0 / float(self.stft.window.sum())
        self.silence = SILENCE
        self.axis = axis

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        return self.stft.initial_state(batch_size, 2)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        re, im, new_state = self.stft(audio, state)
        magnitude = torch.sqrt(re * re + im * im) * self.scale
        power = (magnitude * magnitude).mean(dim=2)
        level = torch.sqrt(power.sum(dim=1, keepdim=True))
        unit = magnitude / level.clamp(min=self.silence).unsqueeze(2)
        features = {
            "main": self.axis(unit[:, 0]),
            "side": self.axis(unit[:, 1]),
            "level": level,
            "re": re[:, 0],
            "im": im[:, 0],
            "side_re": re[:, 1],
            "side_im": im[:, 1],
        }
        return features, new_state


class StreamingMix(LatentModel):
    """h(f(x)) of both inputs as the factors `main` and `side`; `main` back to magnitudes in bands.

    Args:
        networks: trained.
    Shape:
        main, side [B, bands, N], level [B, 1, N] -> main, side [B, Z, N]; -> bands [B, bands, N] at level 1
    """

    def __init__(self, networks: MixNetworks) -> None:
        super().__init__()
        self.networks = networks
        self.decoder = MixDecode(networks)

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Features to factors; see the class."""
        main, side = features["main"], features["side"]
        frames = torch.cat([main, side], 2).transpose(1, 2)
        z = self.networks.project(frames.flatten(0, 1)).unflatten(0, [frames.shape[0], frames.shape[1]])
        both = z.transpose(1, 2)
        return {"main": both[:, :, : main.shape[2]], "side": both[:, :, main.shape[2] :]}, {}

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """The factor `main` to magnitudes; see the class."""
        return {"bands": self.decoder(factors["main"]), "level": features["level"]}, {}


class MixDecode(nn.Module):
    """g(hinv(z)): magnitudes in bands, at level 1, of points of the projected space.

    Args:
        networks: trained.
    Shape:
        [B, Z, N] -> [B, bands, N]
    """

    def __init__(self, networks: MixNetworks) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, z: Tensor) -> Tensor:
        frames = z.transpose(1, 2)
        x: Tensor = self.networks.expand(self.networks.returned(frames.flatten(0, 1)))
        bands: Tensor = x.unflatten(0, [frames.shape[0], frames.shape[1]])
        return bands.transpose(1, 2)


class MixMask(nn.Module):
    """The mask, from magnitudes after the operation and without it.

    Args:
        networks: trained.
    Shape:
        changed, own [B, bands, N] -> [B, bands, N]
    """

    def __init__(self, networks: MixNetworks) -> None:
        super().__init__()
        self.networks = networks

    def forward(self, changed: Tensor, own: Tensor) -> Tensor:
        mask: Tensor = self.networks.mask(changed.transpose(1, 2), own.transpose(1, 2))
        return mask.transpose(1, 2)


class MixSynthesis(Synthesis):
    """Magnitudes to audio: a mask on the spectrum of the main input, or a gain on what is heard of both.

    A gain takes its phases from the sum of both inputs; where that sum is faint, so is the output. Where
    the spectra are missing (the latent signals come from elsewhere), the bands are taken, and phases made.

    Args:
        n_fft: samples of a frame.
        hop: samples from frame to frame.
        axis: bands to bins.
    Shape:
        bands [B, bands, N], level [B, 1, N]; with a mask also gain [B, bands, N], resynthesis [B, 1, N] and
        re, im, heard, sum_re, sum_im [B, F, N]
        -> audio [B, 1, N * hop]
    """

    def __init__(self, n_fft: int, hop: int, axis: BandAxis) -> None:
        super().__init__()
        self.phase = PhaseGradientPropagation(n_fft, hop)
        self.phase_names = list(self.phase.initial_state(1))
        self.overlap_add = StftSynthesis.hann(n_fft, hop)
        self.latency = self.overlap_add.latency
        self.scale = n_fft / 4.0
        self.faint = FAINT * self.scale
        self.silence = SILENCE * self.faint
        self.axis = axis

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        state = self.phase.initial_state(batch_size)
        state.update(self.overlap_add.initial_state(batch_size))
        return state

    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        if "mask" in decoded:
            sum_re, sum_im = decoded["sum_re"], decoded["sum_im"]
            least = (decoded["level"] * self.faint).clamp(min=self.silence)
            phased = decoded["heard"] / torch.maximum(torch.sqrt(sum_re * sum_re + sum_im * sum_im), least)
            phased = phased * self.axis.spread(decoded["gain"]) * decoded["resynthesis"]
            mask = self.axis.spread(decoded["mask"]) * (1.0 - decoded["resynthesis"])
            re = decoded["re"] * mask + sum_re * phased
            im = decoded["im"] * mask + sum_im * phased
            new_state = {name: state[name] for name in self.phase_names}
        else:
            magnitude = self.axis.spread(decoded["bands"] * decoded["level"]) * self.scale
            re, im, new_state = self.phase(magnitude, state)
        audio, tail = self.overlap_add(re.unsqueeze(1), im.unsqueeze(1), state)
        new_state.update(tail)
        return audio, new_state
