"""Networks have the published sizes, and the fast form of the audio networks is the published function."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latentfx.methods.sps.config import SPSConfig
from latentfx.methods.sps.model import SPS
from latentfx.methods.sps.networks import Encoder, NoteDecoder, note_encoder_body


def published_encoder(fast: Encoder) -> nn.Sequential:
    """The two-dimensional form, on images of 513 bins x 5 frames, with the weights of the fast one."""
    layers = [
        nn.Conv2d(1, 64, (5, 5), stride=2, padding=(1, 0)),
        nn.Conv2d(64, 64, (8, 1), stride=(4, 1), padding=(2, 0)),
        nn.Conv2d(64, 128, (4, 1), stride=(2, 1), padding=(1, 0)),
        nn.Conv2d(128, 128, (4, 1), stride=(2, 1), padding=(1, 0)),
    ]
    own = [layer for layer in fast.body.modules() if isinstance(layer, nn.Conv1d)]
    take(layers, own, first=True)
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())], nn.Flatten(), fast.mean)


def published_decoder(fast: NoteDecoder) -> nn.Sequential:
    layers = [
        nn.ConvTranspose2d(128, 128, (4, 1), stride=(2, 1), padding=(1, 0)),
        nn.ConvTranspose2d(128, 64, (4, 1), stride=(2, 1), padding=(1, 0)),
        nn.ConvTranspose2d(64, 64, (8, 1), stride=(4, 1), padding=(2, 0)),
        nn.ConvTranspose2d(64, 1, (5, 5), stride=2, padding=(1, 0)),
    ]
    own = [layer for layer in fast.body if isinstance(layer, nn.ConvTranspose1d)]
    take(layers, own, first=False)
    with torch.no_grad():
        layers[-1].bias.copy_(fast.bias)  # type: ignore[union-attr]
    linear = [layer for layer in fast.body if isinstance(layer, nn.Linear)]
    flat = [part for layer in linear for part in (layer, nn.ReLU())][:-1]
    parts = [part for layer in layers for part in (layer, nn.ReLU())][:-1]
    return nn.Sequential(*flat, nn.Unflatten(1, (128, 16, 1)), *parts)


@torch.no_grad()
def take(layers: list[nn.Module], own: list[nn.Module], first: bool) -> None:
    """Copy weights [a, b, bins] to [a, b, bins, 1]; the layer that sees frames to [a, 1, bins, frames]."""
    for index, (layer, fast) in enumerate(zip(layers, own, strict=True)):
        sees_frames = index == (0 if first else len(own) - 1)
        weight: Tensor = fast.weight  # type: ignore[assignment]
        spread = weight.transpose(1, 2).unsqueeze(1) if sees_frames else weight.unsqueeze(-1)
        layer.weight.copy_(spread)  # type: ignore[operator, union-attr]
        if fast.bias is not None:
            layer.bias.copy_(fast.bias)  # type: ignore[operator, union-attr]


@torch.no_grad()
def test_the_fast_encoder_is_the_published_function() -> None:
    torch.manual_seed(0)
    fast = Encoder(note_encoder_body(5), 2048, 3, has_variance=True, scaled=False)
    images = 0.3 * torch.rand(4, 5, 513)
    slow = published_encoder(fast)(images.transpose(1, 2).unsqueeze(1))
    torch.testing.assert_close(fast(images)[0], slow, rtol=0.0, atol=1e-6)


@torch.no_grad()
def test_the_fast_decoder_is_the_published_function() -> None:
    torch.manual_seed(0)
    fast = NoteDecoder(3, 5)
    z = torch.randn(4, 3)
    slow = published_decoder(fast)(z)
    torch.testing.assert_close(fast(z).transpose(1, 2).unsqueeze(1), slow, rtol=0.0, atol=1e-6)
    assert sum(p.numel() for p in fast.parameters()) == sum(
        p.numel() for p in published_decoder(fast).parameters()
    )


def test_the_audio_networks_have_the_published_number_of_weights() -> None:
    model = SPS(SPSConfig())
    count = sum(p.numel() for part in (model.encoder, model.decoder) for p in part.parameters())
    assert count == pytest.approx(2.65e6, rel=0.01)


@pytest.mark.parametrize(("view", "shape"), [("video", (3, 32, 32)), ("masks", (1, 64, 64))])
def test_video_and_masks_come_back_in_their_own_size(view: str, shape: tuple[int, ...]) -> None:
    model = SPS(SPSConfig(view=view, content=3))  # type: ignore[arg-type]
    images = torch.rand(2, 6, *shape)
    mean, logvar = model.encode(images)
    assert mean.shape == logvar.shape == (2, 6, 3)
    assert model.decode(mean, mean[..., :0]).shape == images.shape


def test_scaled_first_weights_lift_the_code_off_the_plateau() -> None:
    spread = {}
    for init in ("default", "scaled"):
        torch.manual_seed(0)
        mean, logvar = SPS(SPSConfig(init=init)).encode(0.3 * torch.rand(4, 15, 5, 513))  # type: ignore[arg-type]
        spread[init] = mean.std().item()
    assert spread["scaled"] == pytest.approx(300.0 * spread["default"], rel=1e-3)
    assert logvar.mean().item() == pytest.approx(-4.0, abs=0.2)
