"""Swap: put another value in the place of a global factor. My line, that instrument."""

import torch
from torch import Tensor

from latentfx.control import Control
from latentfx.dsp.logfreq import LogFrequencyShift
from latentfx.spec import Blend, Reference
from latentfx.stages import EffectStage, Factors, Features, Operator, State

SILENT_WEIGHT = 1e-4
SHIFT_ST = 12.0


class Swap(Operator):
    """Replace the factor `v` by a weighted mean of named values, of the input's own and of a learnt one.

    With every weight at 0 the input keeps its own. `pitch_st` transposes what the local encoder sees. With
    `octave_auto` the pitch code moves by whole octaves, into the range of the timbres.

    Args:
        names: labels of the named timbres.
        timbres: their values.
        n_pitch: log-frequency bins that the model's local encoder takes.
        pitch_margin: bins beyond either end in `pitch_spectrum`.
        bins_per_octave: log bins an octave.
        default: the timbre at start.
        octaves: moves the pitch code into the range of the named timbres.
    Shape:
        timbres [K, V]
        pitch_spectrum and newest_spectrum [B, n_pitch + 2 margin, N] -> pitch and newest [B, n_pitch, N]
        z [B, Z, N], v [B, V, N] -> the same
    """

    timbres: Tensor

    def __init__(
        self,
        names: tuple[str, ...],
        timbres: Tensor,
        n_pitch: int,
        pitch_margin: int,
        bins_per_octave: int,
        default: str,
        octaves: EffectStage,
    ) -> None:
        labels = (*names, "input", "reference")
        weights = tuple(
            Control(f"timbre_{label}", 0.0, 1.0, float(label == default), "", "linear", _weight_of(label))
            for label in labels
        )
        pitch = Control(
            "pitch_st", -SHIFT_ST, SHIFT_ST, 0.0, "st", "linear", "transposition; the timbre stays"
        )
        octave = Control(
            "octave_auto", 0.0, 1.0, 0.0, "", "integer", "1 moves the line by octaves into the range"
        )
        super().__init__((*weights, pitch, octave))
        self.octaves = octaves
        self.named = len(names)
        self.silent_weight = SILENT_WEIGHT
        self.v_size = int(timbres.shape[1])
        self.register_buffer("timbres", timbres.clone())
        self.shift = LogFrequencyShift(n_pitch, pitch_margin, bins_per_octave)
        self.blend = Blend(
            "timbre",
            {label: f"timbre_{label}" for label in labels[:-1]},
            default,
            Reference("timbre_reference", "model_timbre", "operator_reference"),
            "what it sounds like; 'input' keeps the input's own",
        )

    @torch.jit.export
    def initial_state(self, batch_size: int = 1) -> State:
        """No timbre learnt.

        Shape:
            operator_reference [B, V], and those of `octaves`
        """
        state = {"operator_reference": torch.zeros([batch_size, self.v_size], device=self.timbres.device)}
        state.update(self.octaves.initial_state(batch_size))
        return state

    @torch.jit.export
    def on_features(self, features: Features, controls: Tensor) -> Features:
        """Transpose and crop the pitch spectra."""
        changed = features.copy()
        both = torch.cat([features["pitch_spectrum"], features["newest_spectrum"]])
        semitones = torch.cat([controls[:, -2], controls[:, -2]])
        shifted = self.shift(both, semitones).unflatten(0, [2, -1])
        changed["pitch"], changed["newest"] = shifted[0], shifted[1]
        return changed

    def forward(self, factors: Factors, controls: Tensor, state: State) -> tuple[Factors, State]:
        own, reference = factors["v"], state["operator_reference"]
        named, own_weight = controls[:, : self.named], controls[:, self.named : self.named + 1]
        reference_weight = controls[:, self.named + 1 : self.named + 2]
        total = named.sum(dim=1, keepdim=True) + own_weight + reference_weight
        v = torch.matmul(self.timbres.t(), named)
        v = v + own_weight * own + reference_weight * reference.unsqueeze(-1)
        v = torch.where(total > self.silent_weight, v / total.clamp(min=self.silent_weight), own)
        swapped = factors.copy()
        swapped["v"] = v
        moved, new_state = self.octaves(factors["z"].transpose(1, 2), named, controls[:, -1], state)
        swapped["z"] = moved.transpose(1, 2)
        new_state["operator_reference"] = reference
        return swapped, new_state


def _weight_of(label: str) -> str:
    if label == "input":
        return "weight of the input's own timbre"
    if label == "reference":
        return "weight of the timbre learnt from a recording"
    return f"weight of {label}"
