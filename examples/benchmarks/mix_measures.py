"""What the programs about the latent mixer share: held-out songs, masks, and measures of error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentfx.dsp.bands import BandAxis
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.export.checks.opened import plugin_path
from latentfx.export.rebuild import rebuild_plugin
from latentfx.methods.oplas.mix.model import LatentMix
from latentfx.methods.oplas.mix.networks import MixNetworks
from latentfx.methods.oplas.mix.streaming import MixAnalysis, MixMask
from latentfx.training.data.folder import matches
from latentfx.training.data.sources.stems import find_songs
from latentfx.training.runs.checkpoint import load_checkpoint

Float32 = NDArray[np.float32]

RATE, N_FFT, HOP, BANDS = 48_000, 2048, 256, 480
QUIETEST_DB = -40.0
FAINT = 1e-9


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A stem of a mix.

    Args:
        song, name: names of the song and of the stem.
        stem, rest: their sum is the mix.
        others: the other stems; their sum is the rest.
    """

    song: str
    name: str
    stem: Float32
    rest: Float32
    others: tuple[Float32, ...]

    @property
    def mix(self) -> Float32:
        return self.stem + self.rest


def find_excerpts(root: Path, songs: Sequence[str], seconds: float) -> list[Excerpt]:
    """Every stem of the songs whose level is within 40 dB of the level of the rest."""
    found = []
    for song in find_songs(root):
        if not matches(song.name, songs):
            continue
        stems = {name: audio[: round(seconds * RATE)] for name, audio in song.read(RATE).items()}
        for name, stem in stems.items():
            others = tuple(audio for other, audio in stems.items() if other != name)
            rest = np.sum(others, axis=0, dtype=np.float32)
            if abs(_level_db(stem) - _level_db(rest)) < -QUIETEST_DB:
                found.append(Excerpt(song.name, name, stem, rest, others))
    if not found:
        raise SystemExit(f"no song of {root} matches {' '.join(songs)}")
    return found


def networks_of(source: Path | str) -> MixNetworks:
    """Trained networks of a shipped plugin, an .onnx file or a checkpoint folder."""
    if Path(source).is_dir():
        objective, _ = load_checkpoint(Path(source))
        assert isinstance(objective, LatentMix)
        return objective.networks.eval()
    plugin, _ = rebuild_plugin(plugin_path(str(source)))
    networks = plugin.model.networks
    assert isinstance(networks, MixNetworks)
    return networks


def si_sdr(estimate: Float32, reference: Float32) -> float:
    """Scale-invariant signal-to-distortion ratio, dB (Le Roux et al. 2019); 100 for a perfect estimate."""
    estimate64, reference64 = estimate.astype(np.float64), reference.astype(np.float64)
    wanted = reference64 * (estimate64 @ reference64) / max(reference64 @ reference64, 1e-20)
    missed = estimate64 - wanted
    return float(min(10.0 * np.log10(wanted @ wanted / max(missed @ missed, 1e-20)), 100.0))


def convergence_db(estimate: Float32, reference: Float32) -> float:
    """Spectral convergence in dB: norm of the difference of the magnitudes, over that of the magnitudes."""
    found, wanted = (torch.sqrt(re.square() + im.square()) for re, im in map(spectrum, (estimate, reference)))
    return float(20.0 * torch.log10((found - wanted).norm() / wanted.norm()))


def spectrum(audio: Float32) -> tuple[Tensor, Tensor]:
    """Spectra of Hann frames.

    Shape:
        [T] -> re [F, N], im [F, N]
    """
    stft = StftAnalysis.hann(N_FFT, HOP)
    samples = torch.from_numpy(np.ascontiguousarray(audio[: len(audio) // HOP * HOP]))
    re, im, _ = stft(samples[None, None], stft.initial_state(1))
    return re[0, 0], im[0, 0]


def masked(audio: Float32, mask: Tensor) -> Float32:
    """Multiply the spectrum of audio; the result is as long, and not delayed.

    Shape:
        audio [T], mask [F, N] -> [T]
    """
    padded = np.concatenate([audio, np.zeros(N_FFT, np.float32)])
    re, im = spectrum(padded)
    mask = torch.nn.functional.pad(mask, (0, re.shape[1] - mask.shape[1]), value=1.0)
    synthesis = StftSynthesis.hann(N_FFT, HOP)
    out, _ = synthesis((re * mask)[None, None], (im * mask)[None, None], synthesis.initial_state(1))
    whole: Float32 = out[0, 0].numpy()
    return whole[synthesis.latency :][: len(audio)]


@torch.no_grad()
def masks_for(networks: MixNetworks, mix: Float32, side: Float32, rest: Float32) -> Mapping[str, Tensor]:
    """Masks that should leave the rest of a mix; none of them uses h.

    Shape:
        -> each [F, N]
    """
    axis, shown = BandAxis(N_FFT, BANDS), MixMask(networks)
    features = _features(axis, mix, side)
    own, taken = (networks.encoder(networks.compress(features[name][0].t())) for name in ("main", "side"))

    def decoded(y: Tensor) -> Tensor:
        bands: Tensor = networks.expand(networks.decoder(y)).t().unsqueeze(0)
        return bands

    def spread(changed: Tensor) -> Tensor:
        return axis.spread(shown(changed, decoded(own)))[0]

    whole, part, wanted = (
        torch.sqrt(re.square() + im.square()) for re, im in map(spectrum, (mix, side, rest))
    )
    return {
        "oracle": (wanted / whole.clamp(min=FAINT)).clamp(max=1.0),
        "observed magnitudes": ((whole - part) / whole.clamp(min=FAINT)).clamp(0.0, 1.0),
        "decoded magnitudes": spread((decoded(own) - decoded(taken)).clamp(min=0.0)),
        "embeddings, no h": spread(decoded(own - taken)),
    }


def _features(axis: BandAxis, main: Float32, side: Float32) -> dict[str, Tensor]:
    """What the plugin's encoder sees.

    Shape:
        main [T], side [T] -> main, side [1, bands, N]
    """
    analysis = MixAnalysis(N_FFT, HOP, axis)
    usable = len(main) // HOP * HOP
    audio = torch.from_numpy(np.stack([main[:usable], side[:usable]]))[None]
    features, _ = analysis(audio, analysis.initial_state(1))
    return features


@torch.no_grad()
def additivity(networks: MixNetworks, excerpts: Sequence[Excerpt]) -> tuple[float, float]:
    """|h(f(mix)) - sum h(f(stem))| / |h(f(mix))|, and the same without h; means over frames with sound."""
    found = [
        embeddings(networks, stems) for stems in {e.song: (e.stem, *e.others) for e in excerpts}.values()
    ]
    errors = []
    for space in ("h", "f"):
        by_frame = [
            (each[space][-1] - each[space][:-1].sum(0)).norm(dim=-1) / each[space][-1].norm(dim=-1)
            for each in found
        ]
        errors.append(float(torch.cat(by_frame).mean()))
    return errors[0], errors[1]


def embeddings(networks: MixNetworks, stems: Sequence[Float32], step: int = 8) -> dict[str, Tensor]:
    """Embed every stem, and last the mix, with f and with h(f), at the level that the mix alone would have.

    Shape:
        -> each [K + 1, N, D]; every `step`-th frame in which the mix has at least -60 dBFS
    """
    mix = np.sum(stems, axis=0, dtype=np.float32)
    axis = BandAxis(N_FFT, BANDS)
    magnitudes = [torch.sqrt(re.square() + im.square()) for re, im in map(spectrum, (*stems, mix))]
    scale = 4.0 / N_FFT
    level = scale * magnitudes[-1].square().mean(0).sqrt()
    kept = (level > 1e-3).nonzero().flatten()[::step]
    bands = torch.stack([axis((scale * m[:, kept] / level[kept])[None])[0].t() for m in magnitudes])
    y = networks.encoder(networks.compress(bands.flatten(0, 1)))
    return {"f": y.unflatten(0, bands.shape[:2]), "h": networks.into(y).unflatten(0, bands.shape[:2])}


def _level_db(audio: Float32) -> float:
    return float(10.0 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))
