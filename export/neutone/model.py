"""A plugin in the form that Neutone FX calls. Imports the SDK; `neutone.file` prepares that."""

import torch
from neutone_sdk import ContinuousNeutoneParameter, WaveformToWaveformBase
from torch import Tensor

from latentfx.export.nn_tilde.module import NnTilde

from .knobs import Knob, Words


class NeutonePlugin(WaveformToWaveformBase):  # type: ignore[misc]  # the SDK ships no types
    """Up to four knobs of 0..1, audio [C, T] in buffers of whole blocks, the latency told to the DAW.

    Args:
        model: the plugin, with its state inside.
        knobs: what the player turns.
        words: what is shown of it.
        buffers: samples of the buffers that it takes.
    """

    # TorchScript reads the annotations of this class alone: those of the SDK's are repeated.
    neutone_parameters_metadata: dict[str, dict[str, int | float | str | bool | list[str] | list[int]]]
    remapped_params: dict[str, Tensor]
    neutone_parameter_names: list[str]
    spans: list[list[int]]
    buffer_sizes: list[int]

    def __init__(self, model: NnTilde, knobs: tuple[Knob, ...], words: Words, buffers: list[int]) -> None:
        spec = model.steps.plugin.spec
        self.knobs = knobs
        self.title, self.short, self.long = words.name, words.short, words.long
        self.technical, self.cited = words.technical, words.citation
        self.mono_in, self.mono_out = spec.in_channels == 1, spec.out_channels == 1
        self.rate_hz = spec.sample_rate
        self.delay_samples = spec.latency
        self.buffer_sizes = buffers
        self.knob_names = [knob.name for knob in knobs]
        self.spans = [list(knob.indices) for knob in knobs]
        self.lows = [knob.low for knob in knobs]
        self.highs = [knob.high for knob in knobs]
        self.logs = [knob.log for knob in knobs]
        super().__init__(model)

    def get_model_name(self) -> str:
        return self.title

    def get_model_authors(self) -> list[str]:
        return ["latentfx"]

    def get_model_short_description(self) -> str:
        return self.short

    def get_model_long_description(self) -> str:
        return self.long

    def get_technical_description(self) -> str:
        return self.technical

    def get_citation(self) -> str:
        return self.cited

    def get_tags(self) -> list[str]:
        return ["latent space"]

    def get_model_version(self) -> str:
        return "1"

    def is_experimental(self) -> bool:
        return True

    def get_neutone_parameters(self) -> list[ContinuousNeutoneParameter]:
        return [ContinuousNeutoneParameter(knob.name, knob.text, knob.default) for knob in self.knobs]

    @torch.jit.export
    def is_input_mono(self) -> bool:
        return self.mono_in

    @torch.jit.export
    def is_output_mono(self) -> bool:
        return self.mono_out

    @torch.jit.export
    def get_native_sample_rates(self) -> list[int]:
        return [self.rate_hz]

    @torch.jit.export
    def get_native_buffer_sizes(self) -> list[int]:
        return self.buffer_sizes

    @torch.jit.export
    def calc_model_delay_samples(self) -> int:
        return self.delay_samples

    def reset_model(self) -> bool:
        self.model.reset_state()
        return True

    def do_forward_pass(self, x: Tensor, params: dict[str, Tensor]) -> Tensor:
        for index, name in enumerate(self.knob_names):
            position = min(max(float(params[name].item()), 0.0), 1.0)
            controls = self.spans[index]
            if len(controls) == 1:
                low, high = self.lows[index], self.highs[index]
                value = low + (high - low) * position
                if self.logs[index]:
                    value = low * (high / low) ** position
                self.model.turn(controls[0], value, low, high)
            else:  # from one choice to the next
                place = position * float(len(controls) - 1)
                for step, control in enumerate(controls):
                    self.model.turn(control, 1.0 - abs(place - float(step)), 0.0, 1.0)
        out: Tensor = self.model.forward(x.unsqueeze(0)).squeeze(0)
        return out
