"""Translate: slide along the pitch axis that was learnt without labels, and move in the plane of styles."""

import torch
from torch import Tensor

from latentfx.control import Control
from latentfx.dsp.glide import as_floats, glide
from latentfx.errors import ControlError
from latentfx.spec import Blend, Reference
from latentfx.stages import Factors, Operator, State

FURTHEST_ST = 12.0
FURTHEST_SD = 3.0
LONGEST_GLIDE_MS = 2000.0
SILENT_WEIGHT = 1e-4

CONTROLS = (
    Control("shift_st", -FURTHEST_ST, FURTHEST_ST, 0.0, "st", "linear", "transposition along the pitch axis"),
    Control("glide_ms", 0.0, LONGEST_GLIDE_MS, 0.0, "ms", "linear", "95 % of a shift is done by then"),
    Control(
        "style_x", -FURTHEST_SD, FURTHEST_SD, 0.0, "", "linear", "style along the first axis, deviations"
    ),
    Control(
        "style_y", -FURTHEST_SD, FURTHEST_SD, 0.0, "", "linear", "style along the second axis, deviations"
    ),
    Control("style_input", 0.0, 1.0, 1.0, "", "linear", "weight of the input's own style"),
    Control("style_reference", 0.0, 1.0, 0.0, "", "linear", "weight of the style learnt from a recording"),
)


class Translate(Operator):
    """Move the factor `content` along its axis, and the factor `style` in its plane.

    The content is a line on which a semitone has everywhere the same length: a shift is an addition. Any
    shift works, whole semitones or not. With the controls at rest nothing changes.

    Args:
        semitone: how far the content moves for a semitone upwards; below 0 where the axis points down.
        axes: what `style_x` and `style_y` move by for a deviation: two rows, or one where the style has one
            dimension.
        hop: samples from frame to frame.
        sample_rate: Hz.
    Shape:
        axes [1 or 2, S]
        content [B, 1, N] -> the same, style [B, S, N] -> the same
    Raises:
        ControlError: a semitone of length 0, or axes of another shape.
    """

    axes: Tensor
    semitone: Tensor

    def __init__(self, semitone: float, axes: Tensor, hop: int, sample_rate: int) -> None:
        if semitone == 0.0 or axes.ndim != 2 or not 1 <= len(axes) <= 2:
            raise ControlError(
                f"a semitone moves the content by {semitone:g} and the style has axes of the shape "
                f"{tuple(axes.shape)}; allowed is another length than 0, and [1 or 2, S]"
            )
        super().__init__(CONTROLS if len(axes) > 1 else tuple(c for c in CONTROLS if c.name != "style_y"))
        self.directions = len(axes)
        self.style_size = int(axes.shape[1])
        self.register_buffer("axes", axes.clone())
        self.register_buffer("semitone", torch.tensor(float(semitone)))
        self.frames_per_ms = sample_rate / hop / 1000.0
        self.silent_weight = SILENT_WEIGHT
        self.blend = Blend(
            "style",
            {"input": "style_input"},
            "input",
            Reference("style_reference", "model_style", "operator_reference"),
            "whose style it has; 'input' keeps the input's own",
        )

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """No shift yet, no style learnt.

        Shape:
            operator_shift [B, 2], the sum of two numbers; operator_started [B, 1] (0 or 1);
            operator_reference [B, S]
        """
        device = self.axes.device
        return {
            "operator_shift": torch.zeros([batch_size, 2], device=device),
            "operator_started": torch.zeros([batch_size, 1], device=device),
            "operator_reference": torch.zeros([batch_size, self.style_size], device=device),
        }

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        wanted = controls[:, 0]
        last = state["operator_shift"].double().sum(dim=1, keepdim=True)
        begin = torch.where(state["operator_started"] > 0.5, last, wanted[:, :1].double())
        shift = glide(wanted, controls[:, 1], begin, self.frames_per_ms)
        moved = factors.copy()
        content = factors["content"]
        moved["content"] = content + self.semitone * shift.unsqueeze(1).to(content.dtype)
        own, reference = factors["style"], state["operator_reference"]
        own_weight, reference_weight = controls[:, -2:-1], controls[:, -1:]
        total = own_weight + reference_weight
        style = own_weight * own + reference_weight * reference.unsqueeze(-1)
        style = torch.where(total > self.silent_weight, style / total.clamp(min=self.silent_weight), own)
        offsets = controls[:, 2 : 2 + self.directions]
        moved["style"] = style + torch.matmul(self.axes.t(), offsets)
        return moved, {
            "operator_shift": as_floats(shift[:, -1:]),
            "operator_started": torch.ones_like(state["operator_started"]),
            "operator_reference": reference,
        }
