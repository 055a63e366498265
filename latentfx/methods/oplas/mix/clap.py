"""LAION-CLAP as an encoder of sounds: a point on the unit sphere for a clip, by `transformers`' ClapModel.

Source: Wu et al., "Large-scale contrastive language-audio pretraining with feature fusion and
keyword-to-caption augmentation", 2023.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latentfx.errors import CheckpointError, MissingExtraError

__all__ = ["Clap", "load_clap"]


class Clap(nn.Module):
    """A ClapModel and its feature extractor.

    Args:
        model: a `transformers.ClapModel`.
        extractor: a `transformers.ClapFeatureExtractor`.
    """

    def __init__(self, model: nn.Module, extractor: Any) -> None:
        super().__init__()
        self.model = model
        self.extractor = extractor
        self.sample_rate = int(extractor.sampling_rate)
        self.size = int(model.config.projection_dim)  # type: ignore[arg-type,union-attr]

    @torch.no_grad()
    def embed(self, audio: Tensor) -> Tensor:
        """Embed a clip, of unit length.

        Shape:
            audio [T] at 48 kHz -> [size]
        """
        features = self.extractor(audio.numpy(), sampling_rate=self.sample_rate, return_tensors="pt")
        found = self.model.get_audio_features(**features)  # type: ignore[operator]
        y: Tensor = found if isinstance(found, Tensor) else found.pooler_output
        return nn.functional.normalize(y[0], dim=-1)


def transformers_with_clap() -> Any:
    """Import `transformers` and what it has of CLAP.

    `transformers` would import torchaudio, which CLAP does not need and which cannot be imported beside a
    torch without CUDA. So torchaudio is marked as absent first.

    Raises:
        MissingExtraError: `transformers` is not installed.
    """
    blocked = "torchaudio" not in sys.modules
    if blocked:
        sys.modules["torchaudio"] = None  # type: ignore[assignment]
    try:
        import transformers

        _ = transformers.ClapFeatureExtractor, transformers.ClapModel
    except ImportError as error:
        raise MissingExtraError("CLAP", "clap", "transformers") from error
    finally:
        if blocked:
            del sys.modules["torchaudio"]
    return transformers


def load_clap(folder: str | os.PathLike[str]) -> Clap:
    """Read a model from a folder: config.json, preprocessor_config.json and model.safetensors.

    Nothing is downloaded.

    Raises:
        MissingExtraError: `transformers` is not installed.
        CheckpointError: no such folder, or another model.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise CheckpointError(
            f"no folder {place}; fetch a CLAP model (laion/clap-htsat-fused, say) and name its folder"
        )
    transformers = transformers_with_clap()
    try:
        extractor = transformers.ClapFeatureExtractor.from_pretrained(place, local_files_only=True)
        model = transformers.ClapModel.from_pretrained(place, local_files_only=True, use_safetensors=True)
    except Exception as error:  # transformers has no common base for what it cannot read
        raise CheckpointError(
            f"{place} holds no CLAP model that transformers can read: {error}. It needs config.json, "
            "preprocessor_config.json and model.safetensors"
        ) from error
    return Clap(model.eval().requires_grad_(False), extractor)
