"""What models of magnitude spectra share: audio to log-magnitudes.

Four windows look at the same moment. The level is that of a Hann frame (its length sets the latency); the
local encoder sees a longer frame, whose rise is long and whose fall is short, read on a log-frequency axis in
which a transposition is a shift; a frame of half the length says which note is the newest: these end at the
newest sample. The decoder's target, which only training
sees, is a Blackman-Harris frame about the middle of the level's. A Hann frame would fill the gaps between
partials with its own side lobes, which a decoder would learn as noise.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from latentfx.dsp.logfreq import LogFrequencyAxis, log_frequency_matrix
from latentfx.dsp.loudness import k_weight
from latentfx.dsp.stft import StftAnalysis
from latentfx.dsp.windows import blackman_harris, hann
from latentfx.errors import ShapeError
from latentfx.stages import Analysis, Features, State

SILENCE = 1e-5
FAINT = 1e-2
# The frame of the newest sound is this many times shorter, and falls over so many hops.
NEWEST_SHARE = 2


@dataclass(frozen=True)
class SpectralConfig:
    """Frames and axes.

    Args:
        sample_rate: Hz.
        hop_length: samples from frame to frame.
        n_fft: samples of a decoded frame.
        analysis_length: samples of the frame that the local encoder sees.
        analysis_fall: samples over which its window falls at the newest end.
        bins_per_octave: resolution of the log-frequency axis.
        n_pitch: log-frequency bins that the local encoder sees.
        pitch_margin: bins beyond either end, for transposition.
        f_min_hz: frequency of the first bin that the encoder sees.
        floor_db: what lies this far below a frame's level counts as nothing.
        level_length: samples of the frame whose level is measured; 0 for half of n_fft. The latency is half
            of it.
    """

    sample_rate: int = 48_000
    hop_length: int = 256
    n_fft: int = 2048
    analysis_length: int = 2048
    analysis_fall: int = 640
    bins_per_octave: int = 48
    n_pitch: int = 384
    pitch_margin: int = 48
    f_min_hz: float = 55.0
    floor_db: float = -70.0
    level_length: int = 0

    def __post_init__(self) -> None:
        if not self.hop_length <= self.analysis_fall < self.analysis_length:
            raise ShapeError(
                f"analysis_fall is {self.analysis_fall}; "
                f"allowed {self.hop_length} to {self.analysis_length - 1} samples"
            )
        if self.n_fft % (2 * self.hop_length):
            raise ShapeError(
                f"n_fft is {self.n_fft}; allowed multiples of twice the hop, {2 * self.hop_length}"
            )
        if not self.hop_length <= self.level_window <= self.longest_level:
            raise ShapeError(
                f"level_length is {self.level_window}; "
                f"allowed {self.hop_length} to {self.longest_level} samples"
            )

    @property
    def bins(self) -> int:
        """Bins of a decoded frame."""
        return self.n_fft // 2 + 1

    @property
    def floor(self) -> float:
        """`floor_db` as a ratio of magnitudes."""
        return float(10.0 ** (self.floor_db / 20.0))

    @property
    def level_window(self) -> int:
        """Samples of the frame whose level is measured."""
        return self.level_length or self.n_fft // 2

    @property
    def longest_level(self) -> int:
        """The most samples that the level can be measured in."""
        return min(self.analysis_length, self.n_fft)

    @property
    def frame_window(self) -> Tensor:
        """Window of a decoded frame, float64."""
        return blackman_harris(self.n_fft)


def rise_and_fall(length: int, fall: int) -> Tensor:
    """A window of two Hann halves: a long rise, then a short fall that ends at the newest sample.

    Shape:
        -> [length], float32
    """
    rise = (torch.arange(length - fall, dtype=torch.float64) + 0.5) / (length - fall)
    down = (torch.arange(fall, dtype=torch.float64) + 0.5) / fall
    halves = [0.5 - 0.5 * torch.cos(math.pi * rise), 0.5 + 0.5 * torch.cos(math.pi * down)]
    return torch.cat(halves).float()


class SpectralAnalysis(Analysis):
    """Audio to what the encoders see, and to the level at which is played.

    `level` is that of a decoded frame's magnitudes: their root mean square (a sine of amplitude 1 has
    magnitude 1). `pitch_spectrum` is sqrt(magnitude / level) of the long frame on the log-frequency axis: of
    a logarithm, combs would take soft voices and echoes for as much as the loud line. (The root of nothing is
    kept from the rounding of an FFT by a little beneath it.) `newest_spectrum` is that of a shorter frame.

    `loud_level` is the level by which frequencies count as they do in integrated loudness.

    Shape:
        audio [B, 1, T] -> level and loud_level [B, 1, N], pitch_spectrum and newest_spectrum
        [B, n_pitch + 2 margin, N]
    """

    window: Tensor
    windows: Tensor
    weighting: Tensor

    def __init__(self, config: SpectralConfig) -> None:
        super().__init__()
        self.hop = config.hop_length
        self.silence, self.faint, self.nothing = SILENCE, FAINT, 1e-20
        self.level_window = config.level_window
        rising = rise_and_fall(config.analysis_length, config.analysis_fall)
        self.stft = StftAnalysis(config.analysis_length, config.analysis_length, self.hop, window=rising)
        lowest = config.f_min_hz * 2.0 ** (-config.pitch_margin / config.bins_per_octave)
        axis = log_frequency_matrix(
            config.analysis_length,
            config.sample_rate,
            lowest,
            config.bins_per_octave,
            config.n_pitch + 2 * config.pitch_margin,
        )
        self.axis = LogFrequencyAxis(axis)
        newest = config.analysis_length // NEWEST_SHARE
        short = nn.functional.pad(
            rise_and_fall(newest, config.hop_length), [config.analysis_length - newest, 0]
        )
        windows = torch.stack([rising * (2.0 / rising.sum()), short * (2.0 / short.sum())])
        self.register_buffer("windows", windows.unsqueeze(1), persistent=False)
        hz = torch.linspace(0.0, config.sample_rate / 2.0, config.analysis_length // 2 + 1)
        self.register_buffer(
            "weighting", torch.stack([k_weight(hz), torch.ones_like(hz)], 1), persistent=False
        )
        # Parseval: half of the frame's energy lies in the one-sided spectrum.
        frame, window = config.frame_window, hann(config.level_window)
        scale = math.sqrt(config.n_fft / 2.0 / config.bins) * 2.0 / float(frame.sum())
        scale *= float(frame.square().sum() / window.square().sum()) ** 0.5
        self.register_buffer("window", window.float() * scale, persistent=False)

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        return self.stft.initial_state(batch_size)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        frames, new_state = self.stft.frames(audio, state)
        newest = frames[..., frames.shape[-1] - self.level_window :] * self.window
        level = torch.linalg.vector_norm(newest, dim=-1)
        magnitude = self.stft.fft.magnitude(frames * self.windows)
        power = torch.matmul(magnitude[:, 0].square(), self.weighting).transpose(1, 2)
        weight = torch.sqrt(power[:, :1] / power[:, 1:].clamp(min=self.nothing))
        both = self.axis(magnitude.transpose(0, 1).flatten(0, 1).transpose(1, 2))
        spectra = torch.sqrt(both.unflatten(0, [2, -1]) / level.clamp(min=self.silence) + self.faint)
        features = {"level": level, "loud_level": level * weight}
        features.update({"pitch_spectrum": spectra[0], "newest_spectrum": spectra[1]})
        return features, new_state


def log_magnitudes(audio: Tensor, config: SpectralConfig) -> Tensor:
    """What the decoder is trained to give: log(magnitude / level + floor) of the decoded frames.

    The middle of a frame is that of the frame whose level is measured: it ends later.

    Shape:
        audio [B, 1, T] -> [B, n_fft / 2 + 1, N]
    """
    hop = config.hop_length
    ahead = (config.n_fft - config.level_window) // 2
    behind = -ahead % hop
    padded = nn.functional.pad(audio, [behind, ahead])
    stft = StftAnalysis(config.n_fft, config.n_fft, hop, window=config.frame_window)
    frames, _ = stft.frames(padded, stft.initial_state(audio.shape[0]))
    frames = frames[:, 0, (ahead + behind) // hop :]
    magnitude = stft.magnitude(frames).transpose(1, 2) * (2.0 / float(stft.window.sum()))
    return torch.log(magnitude / root_mean_square(magnitude).clamp(min=SILENCE) + config.floor)


def levelled(logmag: Tensor) -> Tensor:
    """A log spectrum at level 1, as it will be played.

    A decoder that compares log spectra as they are learns their mean, which has softer peaks than each of
    them. Scaled up to their level when it is played, the mean is too loud between the peaks. A decoder that
    compares at that level keeps the peaks.

    Shape:
        [..., F] -> [..., F]
    """
    return logmag - 0.5 * torch.log(torch.exp(2.0 * logmag.clamp(max=12.0)).mean(dim=-1, keepdim=True))


def root_mean_square(magnitude: Tensor) -> Tensor:
    """Level of each frame.

    Shape:
        [B, F, N] -> [B, 1, N]
    """
    return torch.sqrt((magnitude * magnitude).mean(dim=1, keepdim=True))
