"""Mix: add the side-chain to the main input where sounds add up, or take it away."""

import torch
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.stages import Factors, Features, Operator, State

CONTROLS = (
    Control(
        "main_gain", -1.0, 1.0, 1.0, "", "linear", "how much of the main input; below 0 it is taken away"
    ),
    Control(
        "side_gain", -1.0, 1.0, 0.0, "", "linear", "how much of the side-chain; -1 takes it out of the main"
    ),
    Control(
        "resynthesis",
        0.0,
        1.0,
        0.0,
        "",
        "integer",
        "0 a mask on the main input, 1 what was decoded, with phases of both",
    ),
)


class Mix(Operator):
    """main_gain * main + side_gain * side, in a space where a mix is the sum of its stems.

    What is decoded becomes a mask for the main input's own spectrum: its ratio to what is decoded of the main
    input alone. So a side-chain at 0, or in silence, changes nothing.

    Args:
        decode: magnitudes of a point of that space.
        mask: the mask, from magnitudes after the operation and without it.
    Shape:
        decode: z [B, Z, N] -> [B, bands, N]
        mask: changed, own [B, bands, N] -> [B, bands, N]
        main, side [B, Z, N] -> the same
    """

    def __init__(self, decode: nn.Module, mask: nn.Module) -> None:
        super().__init__(CONTROLS)
        self.decode = decode
        self.mask = mask

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        mixed = factors.copy()
        mixed["main"] = controls[:, 0:1] * factors["main"] + controls[:, 1:2] * factors["side"]
        return mixed, {}

    @torch.jit.export
    def on_decoded(
        self, decoded: Features, encoded: Factors, features: Features, controls: Tensor
    ) -> Features:
        """Add the mask, what it is for, the sum of both inputs, and how much is made of that."""
        changed = decoded.copy()
        changed["mask"] = self.mask(decoded["bands"], self.decode(encoded["main"]))
        main_gain, side_gain = controls[:, 0:1], controls[:, 1:2]
        for part in ["re", "im"]:
            changed[part] = features[part]
            changed["sum_" + part] = main_gain * features[part] + side_gain * features["side_" + part]
        changed["resynthesis"] = controls[:, 2:3]
        return changed
