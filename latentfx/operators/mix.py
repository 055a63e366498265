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
        "0 a mask on the main input, 1 both inputs as one sound, as loud as was decoded",
    ),
)


class Mix(Operator):
    """main_gain * main + side_gain * side, in a space where a mix is the sum of its stems.

    The decoded result becomes a mask on the spectrum of the main input: result over decoded main input. So a
    side-chain at 0, or in silence, changes nothing. For resynthesis it becomes a gain on the sum of both
    inputs' magnitudes: result over decoded inputs. An error of the decoder (it decodes a lone tone too soft)
    is in both, and cancels.

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
        """Add the mask and the gain, what they are for, and how much is made of the latter."""
        changed = decoded.copy()
        main_gain, side_gain = controls[:, 0:1], controls[:, 1:2]
        own, side = self.decode(encoded["main"]), self.decode(encoded["side"])
        changed["mask"] = self.mask(decoded["bands"], own)
        changed["gain"] = self.mask(decoded["bands"], main_gain.abs() * own + side_gain.abs() * side)
        heard = torch.zeros_like(features["re"])
        for gain, prefix in [(main_gain, ""), (side_gain, "side_")]:
            re, im = features[prefix + "re"], features[prefix + "im"]
            heard = heard + gain.abs() * torch.sqrt(re * re + im * im)
        changed["heard"] = heard
        for part in ["re", "im"]:
            changed[part] = features[part]
            changed["sum_" + part] = main_gain * features[part] + side_gain * features["side_" + part]
        changed["resynthesis"] = controls[:, 2:3]
        return changed
