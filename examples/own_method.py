"""Your own method in one file: a small autoencoder of spectra, from its class to a sound.

It learns the shape of spectra as a code of three numbers, and its plugin pushes this code with three knobs.
`own_method.toml` is its recipe. This program trains it on generated tones (seconds), exports it as a plugin
and plays a recording through it, as these commands do:

    latentfx train own_method.toml
    latentfx export runs/own-method own-method.onnx --trust
    latentfx apply violin.flac own-method.flac --plugin own-method.onnx --set code_1=1.5 --output-db -12

Needs the extra `lab`. Leaves runs/own-method, `own-method.onnx` and `own-method.flac` in the current folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.dsp.bands import BandAxis
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.effect import LatentEffect
from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.stages import Analysis, Factors, Features, LatentModel, Operator, State, Synthesis

RATE, N_FFT, HOP, FAINT = 48_000, 512, 128, 1e-3


# 1. The method: what is trained.


@dataclass(frozen=True)
class ShapeConfig:
    """Settings of the method: the table [method] of the recipe."""

    bands: int = 40
    code_size: int = 3
    hidden: int = 32
    spread_weight: float = 0.1


class ShapeAE(Objective):
    """An autoencoder of the logarithm of magnitudes in bands, frame by frame, without their level."""

    config_type = ShapeConfig
    stages = ("all",)

    def __init__(self, config: ShapeConfig) -> None:
        super().__init__(config)
        bands, size, hidden = config.bands, config.code_size, config.hidden
        self.spectra = Spectra(bands)
        self.encoder = nn.Sequential(nn.Linear(bands, hidden), nn.Tanh(), nn.Linear(hidden, size))
        self.decoder = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, bands))

    @property
    def sample_rate(self) -> int:
        """Rate of the examples that it wants, Hz."""
        return RATE

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Turn each example into frames [N, bands], once."""

        def frames(example: AnyExample) -> Mapping[str, Tensor]:
            audio = torch.from_numpy(example.audio[: len(example.audio) // HOP * HOP])[None, None]
            features, _ = self.spectra(audio, self.spectra.initial_state(1))
            return {"shape": features["shape"][0].T}

        return FeatureCache.join(frames(example) for example in examples)

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The code of each frame, by name, for the report on latent spaces."""
        return {"code": self.encoder(batch["shape"])}

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Score a batch of crops [B, N, bands]; the spread keeps codes near mean 0 and deviation 1."""
        code = self.encoder(batch["shape"])
        error = (self.decoder(code) - batch["shape"]).square().mean()
        spread = code.mean((0, 1)).square().mean() + (code.std((0, 1)) - 1.0).square().mean()
        return {"loss": error + self.config.spread_weight * spread, "error": error, "spread": spread}


# 2. The plugin: the same networks in a stream of audio, with knobs on their code.


class Spectra(Analysis):
    """Audio to spectra, and to the shape [B, bands, N] that the networks see."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.hop = HOP
        self.stft = StftAnalysis.hann(N_FFT, HOP)
        self.axis = BandAxis(N_FFT, bands)
        self.faint = FAINT

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """Silence before the stream."""
        return self.stft.initial_state(batch_size)

    def forward(self, audio: Tensor, state: State) -> tuple[Features, State]:
        """Analyse some whole hops."""
        re, im, new = self.stft(audio, state)
        re, im = re[:, 0], im[:, 0]
        level = torch.log(self.axis(torch.sqrt(re * re + im * im)) + self.faint)
        return {"re": re, "im": im, "shape": level - level.mean(1, keepdim=True)}, new


class Shape(LatentModel):
    """The code of each frame as the factor `code`; back from it, how much each band changes."""

    def __init__(self, trained: ShapeAE) -> None:
        super().__init__()
        self.encoder, self.decoder = trained.encoder, trained.decoder

    @torch.jit.export
    def encode(self, features: Features, state: State) -> tuple[Factors, State]:
        """Shape [B, bands, N] -> code [B, Z, N]."""
        return {"code": self.encoder(features["shape"].transpose(1, 2)).transpose(1, 2)}, {}

    @torch.jit.export
    def decode(self, factors: Factors, features: Features, state: State) -> tuple[Features, State]:
        """Code [B, Z, N] -> change [B, bands, N], in nepers; 0 where the code is the input's own."""
        own = self.decoder(self.encoder(features["shape"].transpose(1, 2)))
        pushed = self.decoder(factors["code"].transpose(1, 2))
        change = (pushed - own).transpose(1, 2).clamp(-3.0, 2.0)
        return {"change": change, "re": features["re"], "im": features["im"]}, {}


class Push(Operator):
    """Add what the knobs say to the code; 1 is about one standard deviation of the training data."""

    def __init__(self, size: int) -> None:
        super().__init__(
            tuple(
                Control(f"code_{n}", -3.0, 3.0, 0.0, description=f"pushes number {n}")
                for n in range(1, size + 1)
            )
        )

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        """Code [B, Z, N] plus controls [B, Z, N]."""
        return {"code": factors["code"] + controls}, {}


class Gains(Synthesis):
    """The spectrum of the input, with the change of each band."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.axis = BandAxis(N_FFT, bands)
        self.overlap_add = StftSynthesis.hann(N_FFT, HOP)
        self.latency = self.overlap_add.latency

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """No frame begun."""
        return self.overlap_add.initial_state(batch_size)

    def forward(self, decoded: Features, state: State) -> tuple[Tensor, State]:
        """Make audio."""
        gain = torch.exp(self.axis.spread(decoded["change"]))
        return self.overlap_add(
            (decoded["re"] * gain).unsqueeze(1), (decoded["im"] * gain).unsqueeze(1), state
        )


def build(trained: ShapeAE, name: str, default: str | None = None) -> LatentEffect:
    """The plugin of a trained model; `plugin.builder` of the recipe names this function."""
    config = trained.config
    model, push, gains = Shape(trained), Push(config.code_size), Gains(config.bands)
    return LatentEffect(
        name, RATE, trained.spectra, model, push, gains, description="pushes the shape of the spectrum"
    ).eval()


# 3. The whole way.

if __name__ == "__main__":
    import latentfx
    from latentfx.export import export_checkpoint
    from latentfx.training.recipes.config import load_recipe
    from latentfx.training.runs.start import train

    here = Path(__file__).parent
    train(load_recipe(here / "own_method.toml"), "runs/own-method", device="cpu")
    plugin = export_checkpoint("runs/own-method", "own-method.onnx", minutes=0.1, trust=True)
    print(f"{plugin.path}: {plugin.size} bytes, latency {plugin.spec.latency} samples")
    violin = here / "audio" / "violin.flac"
    print(latentfx.apply(violin, "own-method.flac", "own-method.onnx", code_1=1.5, output_db=-12.0))
