"""Write RAVE v1 and v2 with random weights as files for nn~: `python rave_files.py FOLDER`.

Runs where RAVE is installed (`pip install acids-rave`). RAVE needs other versions of torch, scipy and numpy
than latentfx, so it needs an environment of its own. `against_rave.py` calls this. Nothing of latentfx is
imported.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

CONFIGURATIONS = {"v1": ("v1.gin", "causal.gin"), "v2": ("v2.gin", "causal.gin")}


class Live(nn.Module):
    """RAVE's own export, streaming, without its choice of dimensions and without the noise that it adds."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.pqmf, self.encoder, self.decoder = model.pqmf, model.encoder, model.decoder
        self.sr = int(model.sr)
        latent = self.encode(torch.zeros(1, 1, 1 << 14))
        size, ratio = latent.shape[1], (1 << 14) // latent.shape[2]
        self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))
        self.register_buffer("encode_params", torch.tensor([1, 1, size, ratio]))
        self.register_buffer("decode_params", torch.tensor([size, ratio, 1, 1]))

    @torch.jit.export
    def encode(self, audio: Tensor) -> Tensor:
        """Audio to the means of the latent signals.

        Shape:
            audio [B, 1, T] -> [B, Z, T / ratio]
        """
        mean: Tensor = self.encoder(self.pqmf(audio)).chunk(2, 1)[0]
        return mean

    @torch.jit.export
    def decode(self, latent: Tensor) -> Tensor:
        """Latent signals to audio.

        Shape:
            latent [B, Z, N] -> [B, 1, N * ratio]
        """
        audio: Tensor = self.pqmf.inverse(self.decoder(latent))
        return audio

    def forward(self, audio: Tensor) -> Tensor:
        return self.decode(self.encode(audio))


def write(generation: str, path: Path) -> None:
    """Build one RAVE and write it."""
    rave, gin, cached_conv = map(
        import_module, ("rave", "gin", "cached_conv")
    )  # not dependencies of latentfx
    cached_conv.use_cached_conv(True)
    gin.clear_config()
    gin.parse_config_files_and_bindings([f"configs/{name}" for name in CONFIGURATIONS[generation]], [])
    torch.manual_seed(0)
    model = rave.RAVE(n_channels=1).eval()
    for part in model.modules():
        if hasattr(part, "weight_g"):
            nn.utils.remove_weight_norm(part)
    with torch.no_grad():
        module = Live(model).eval()
        module(torch.zeros(1, 1, 1 << 14))  # the first call makes the buffers of the convolutions
        torch.jit.save(torch.jit.script(module), str(path))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in CONFIGURATIONS:
        write(name, Path(sys.argv[1]) / f"rave-{name}.ts")
