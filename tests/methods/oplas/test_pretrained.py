"""Pretrained encoders: read from the real formats, with small random weights; and the projector on top."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from latentfx.errors import CheckpointError, DataError, MissingExtraError, RecipeError
from latentfx.methods.oplas.mix.clap import load_clap, transformers_with_clap
from latentfx.methods.oplas.mix.embedding import EmbeddingMix, EmbeddingMixConfig
from latentfx.methods.oplas.mix.vggish import VGGish, load_vggish, vggish_filters, vggish_patches

LAYOUT = [f"features.{k}.{w}" for k in (0, 3, 6, 8, 11, 13) for w in ("weight", "bias")]
LAYOUT += [f"embeddings.{k}.{w}" for k in (0, 2, 4) for w in ("weight", "bias")]
SMALL = ((3, 4, 5, 5, 6, 6), 20, 12)


@dataclass(frozen=True, eq=False)
class Sounds:
    audio: np.ndarray
    stems: tuple[np.ndarray, ...]
    sample_rate: int
    instrument: str = "mix"
    source: str = "made up"


def noise(seconds: float, rate: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(round(seconds * rate), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def vggish_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small random weights as the .pth of torchvggish has them."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("vggish") / "small.pth"
    torch.save(VGGish(*SMALL).state_dict(), path)  # noqa: TID251
    return path


@pytest.fixture(scope="module")
def clap_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model with the feature extractor of the published one, saved by transformers."""
    folder = tmp_path_factory.mktemp("clap")
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    audio = {
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "hidden_size": 16,
        "enable_fusion": True,
        "projection_dim": 24,
    }
    transformers = transformers_with_clap()
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
    torch.manual_seed(0)
    transformers.ClapModel(config).save_pretrained(folder)
    transformers.ClapFeatureExtractor(truncation="fusion").save_pretrained(folder)
    return folder


def test_vggish_weights_have_the_names_of_torchvggish_and_the_published_sizes() -> None:
    with torch.device("meta"):
        weights = VGGish().state_dict()
    assert list(weights) == LAYOUT
    assert weights["embeddings.0.weight"].shape == (4096, 512 * 4 * 6)
    assert weights["embeddings.4.weight"].shape == (128, 4096)
    assert sum(value.numel() for value in weights.values()) == 72_141_184


def test_patches_are_of_96_frames_and_a_tone_lies_in_its_band() -> None:
    assert vggish_patches(torch.zeros(16000)).shape == (1, 96, 64)
    assert vggish_patches(torch.zeros(16000 * 10)).shape == (10, 96, 64)
    filters = vggish_filters()
    assert filters.shape == (64, 257)
    assert not filters[:, 0].any()
    for f0_hz in (200.0, 1000.0, 5000.0):
        tone = torch.sin(2 * torch.pi * f0_hz * torch.arange(16000) / 16000)
        band = int(vggish_patches(tone)[0].mean(0).argmax())
        assert band == int(filters[:, round(f0_hz / 31.25)].argmax())
    assert torch.allclose(vggish_patches(torch.zeros(16000)), torch.tensor(0.01).log())


def test_vggish_computes_what_the_port_computes(vggish_file: Path) -> None:
    """Features are flattened as time, frequency, channel."""
    model = load_vggish(vggish_file)
    patches = torch.randn(2, 96, 64, generator=torch.Generator().manual_seed(1))
    x: Tensor = patches[:, None]
    weights = model.state_dict()
    for place in (0, 3, 6, 8, 11, 13):
        x = nn.functional.conv2d(
            x, weights[f"features.{place}.weight"], weights[f"features.{place}.bias"], 1, 1
        )
        x = x.relu()
        x = nn.functional.max_pool2d(x, 2) if place not in (6, 11) else x
    x = x.transpose(1, 3).transpose(1, 2).flatten(1)
    for place in (0, 2, 4):
        linear = nn.functional.linear
        x = linear(x, weights[f"embeddings.{place}.weight"], weights[f"embeddings.{place}.bias"]).relu()
    torch.testing.assert_close(model(patches), x)
    assert model.embed(noise(0.5, 16000)).shape == (12,), "short sounds are followed by silence"


def test_weights_come_from_either_form_and_others_are_refused(vggish_file: Path, tmp_path: Path) -> None:
    model = load_vggish(vggish_file)
    again = tmp_path / "small.safetensors"
    save_file(model.state_dict(), again)
    audio = noise(2.0, 16000)
    torch.testing.assert_close(load_vggish(again).embed(audio), model.embed(audio))
    with pytest.raises(CheckpointError, match=r"no VGGish weights at .*absent\.pth.*harritaylor"):
        load_vggish(tmp_path / "absent.pth")
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match=r"holds no VGGish weights: .*features\.3\.weight"):
        load_vggish(tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match=r"broken\.pth is damaged or holds more than tensors"):
        load_vggish(tmp_path / "broken.pth")


def test_clap_gives_points_on_the_unit_sphere_from_a_local_folder(clap_folder: Path) -> None:
    clap = load_clap(clap_folder)
    assert (clap.sample_rate, clap.size) == (48000, 24)
    first, second = (clap.embed(noise(seconds, 48000, seed)) for seed, seconds in enumerate((3.0, 12.0)))
    for y in (first, second):
        assert y.shape == (24,)
        assert float(y.norm()) == pytest.approx(1.0, abs=1e-5)
    assert float((first - second).norm()) > 1e-3


def test_a_folder_without_a_clap_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"no folder .*absent; fetch a CLAP model"):
        load_clap(tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"holds no CLAP model.*model\.safetensors"):
        load_clap(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"latentfx\[clap\]"):
        load_clap(tmp_path)


@pytest.mark.parametrize("encoder", ["vggish", "clap"])
def test_the_projector_learns_on_embeddings(encoder: str, vggish_file: Path, clap_folder: Path) -> None:
    size, weights = (12, vggish_file) if encoder == "vggish" else (24, clap_folder)
    config = EmbeddingMixConfig(str(weights), encoder, size, blocks=2)  # type: ignore[arg-type]
    torch.manual_seed(0)
    model = EmbeddingMix(config)
    clips = []
    for seed in range(4):
        stems = tuple(
            (gain * noise(1.0, model.sample_rate, 10 * seed + k)).numpy() for k, gain in enumerate((1.0, 0.3))
        )
        clips.append(Sounds(np.sum(stems, 0), stems, model.sample_rate))
    cache = model.prepare(clips)
    assert cache.frames["stems"].shape == (4, 4, size)
    assert cache.frames["mix"].shape == (4, size)
    batch = {name: value[:, None] for name, value in cache.frames.items()}
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    before = float(model.loss(batch)["mix"].detach())
    for _ in range(40):
        parts = model.loss(batch)
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
    assert float(model.loss(batch)["mix"].detach()) < 0.3 * before


def test_a_wrong_size_and_clips_without_stems_are_named(vggish_file: Path) -> None:
    audio = noise(1.0, 16000).numpy()
    with pytest.raises(RecipeError, match=r"method\.size is 128; .*small\.pth has 12"):
        EmbeddingMix(EmbeddingMixConfig(str(vggish_file))).prepare([])
    with pytest.raises(DataError, match="has no stems"):
        EmbeddingMix(EmbeddingMixConfig(str(vggish_file), size=12)).prepare([Sounds(audio, (), 16000)])
