"""Rotate: turn the pitch factor round a ring. C, so many steps on, is G."""

import torch
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.dsp.glide import as_floats, glide
from latentfx.stages import Factors, Features, Operator, State

FIFTH = 7.0
MOST_STEPS = 12.0
LONGEST_GLIDE_MS = 2000.0

CONTROLS = (
    Control("steps", -MOST_STEPS, MOST_STEPS, 0.0, "", "linear", "how far round the ring"),
    Control("order", 0.0, 1.0, 0.0, "", "integer", "a step is 0 a semitone, 1 a fifth"),
    Control("root", 0.0, 11.0, 0.0, "st", "integer", "where the octaves of the ring begin, 0 is C"),
    Control("glide_ms", 0.0, LONGEST_GLIDE_MS, 0.0, "ms", "linear", "95 % of a turn is done by then"),
)


class Rotate(Operator):
    """Turn the factor `z` by `steps` round its ring; the input keeps its own global factors.

    In the order `chromatic` a step is a semitone. In the order `fifths` a step goes to the next note of the
    circle of fifths: it is a turn of the chromatic ring by seven semitones. So notes between the twelve,
    which have no place in the circle of fifths, turn too.

    Args:
        turn: moves a pitch code by a number of semitones, up within its octave from C to B and round.
        move: moves a pitch code by a number of semitones.
        hop: samples from frame to frame.
        sample_rate: Hz.
        pitch_margin: bins beyond either end in `pitch_spectrum`.
    Shape:
        turn, move: z [B, N, Z], semitones [B, N] -> [B, N, Z]
        z [B, Z, N] -> the same
    """

    def __init__(
        self, turn: nn.Module, move: nn.Module, hop: int, sample_rate: int, pitch_margin: int
    ) -> None:
        super().__init__(CONTROLS)
        self.turn = turn
        self.margin = pitch_margin
        self.move = move
        self.frames_per_ms = sample_rate / hop / 1000.0
        self.fifth = FIFTH

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """No turn yet.

        Shape:
            operator_steps [B, 2], the sum of two numbers; operator_started [B, 1] (0 or 1)
        """
        return {
            "operator_steps": torch.zeros([batch_size, 2]),
            "operator_started": torch.zeros([batch_size, 1]),
        }

    @torch.jit.export
    def on_features(self, features: Features, controls: Tensor) -> Features:
        """Crop the pitch spectra."""
        changed = features.copy()
        changed["pitch"] = features["pitch_spectrum"][:, self.margin : -self.margin]
        changed["newest"] = features["newest_spectrum"][:, self.margin : -self.margin]
        return changed

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        semitones, new_state = self._glide(controls, state)
        root = torch.round(controls[:, 2])
        z = self.move(factors["z"].transpose(1, 2), -root)
        turned = self.move(self.turn(z, semitones), root)
        rotated = factors.copy()
        rotated["z"] = turned.transpose(1, 2)
        return rotated, new_state

    def _glide(self, controls: Tensor, state: State) -> tuple[Tensor, State]:
        """The turn of each frame: an exponential approach to what the controls ask for.

        Shape:
            controls [B, P, N] -> semitones [B, N], double; state
        """
        size = torch.where(controls[:, 1] > 0.5, self.fifth, 1.0)
        wanted = controls[:, 0].double() * size
        last = state["operator_steps"].double().sum(dim=1, keepdim=True)
        begin = torch.where(state["operator_started"] > 0.5, last, wanted[:, :1])
        semitones = glide(wanted, controls[:, 3], begin, self.frames_per_ms)
        started = torch.ones_like(state["operator_started"])
        return semitones, {"operator_steps": as_floats(semitones[:, -1:]), "operator_started": started}
