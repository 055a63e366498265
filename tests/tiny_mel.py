"""The models on mels at test size, and spectra whose timbre and pitch are known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from latentfx.methods.dsae.models import DSAE, JDSAE, TSDSAE, MelObjective
from latentfx.training.recipes.settings import read_settings

FRAMES, BANDS = 12, 16
METHODS: dict[str, type[MelObjective]] = {"dsae": DSAE, "ts-dsae": TSDSAE, "j-dsae": JDSAE}
SIZES = {
    "mel": {"sample_rate": 8000, "n_fft": 512, "hop_length": 128, "n_mels": BANDS, "log_eps": 1e-5},
    "v_size": 3,
    "z_size": 4,
    "global_hidden": [16],
    "local_hidden": [16],
    "decoder_hidden": [24],
    "prior_hidden": 6,
}


def tiny_mel_model(method: str, decoder: str = "factorised", **changes: Any) -> MelObjective:
    """A fresh model."""
    torch.manual_seed(0)
    cls = METHODS[method]
    table = SIZES | {"decoder": decoder} | changes
    return cls(read_settings(cls.config_type, table, "method"))


def scene(clips: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Spectra that are the sum of what one of three timbres and one of five pitches looks like.

    Returns:
        the spectra, what each clip's timbre gives, what each frame's pitch gives.
    Shape:
        -> [clips, FRAMES, BANDS], [clips, 1, BANDS], [clips, FRAMES, BANDS]
    """
    looks = torch.Generator().manual_seed(7)
    timbres = torch.randn(3, BANDS, generator=looks)
    pitches = torch.randn(5, BANDS, generator=looks)
    generator = torch.Generator().manual_seed(seed)
    timbre = timbres[torch.randint(3, (clips,), generator=generator)].unsqueeze(1)
    pitch = pitches[torch.randint(5, (clips, FRAMES // 3), generator=generator)].repeat_interleave(3, dim=1)
    return timbre + pitch, timbre, pitch


def train_on_scenes(model: MelObjective, steps: int, lr: float = 1e-2) -> list[dict[str, float]]:
    """Train every stage for so many steps; the parts of the last loss of each stage."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr)
    last = []
    for index in range(len(model.stages)):
        model.begin_stage(index)
        for step in range(steps):
            parts = model.loss({"mel": scene(32, seed=step)[0]})
            optimizer.zero_grad()
            parts["loss"].backward()
            optimizer.step()
        last.append({name: float(value.detach()) for name, value in parts.items()})
    return last
