"""Turn any analysis, model, operator and synthesis into a plugin."""

import math

import torch
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.dsp.delay import Delay
from latentfx.dsp.finite import StateGuard, finite
from latentfx.dsp.high_pass import HighPass
from latentfx.dsp.ramp import ControlRamp
from latentfx.errors import ContractError, ShapeError
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.spec import Blend
from latentfx.stages import Analysis, Factors, LatentModel, Operator, Synthesis

__all__ = ["STANDARD_CONTROLS", "LatentEffect", "encode"]

STANDARD_CONTROLS = (
    Control("mix", 0.0, 1.0, 1.0, "", "linear", "0 is the dry input, 1 the effect"),
    Control("input_db", -24.0, 24.0, 0.0, "dB", "linear", "gain before the effect; the dry path has none"),
    Control("output_db", -24.0, 24.0, 0.0, "dB", "linear", "gain after the mix"),
)
_PREFIX = "effect_"
# Poles of the high-pass: the first for what the stages hear, all for what opens the gate.
CORNERS_HZ = (20.0, 42.0, 110.0, 200.0)
ANALYSED_POLES = 2


class LatentEffect(Plugin):
    """Analysis, encoder, operator, decoder and synthesis in a row, and what players expect around them.

    The effect smooths every control, applies `input_db`, mixes in the dry input at the latency of the
    effect (`mix`; at 0 the output is the input, delayed, to the bit), applies `output_db`, and closes a
    gate where the input is silent, since a decoder may hum at rest. The gate does not hear offsets, rumble
    and soft hum. Bad samples in become zeros; a batch row whose stages reach NaN or Inf starts them again.
    The dry path has the first channels of the input, as many as come out; further channels (a side-chain)
    go to the analysis alone, and open the gate only where `gate_side_chain` says so.

    Args:
        name: short name of the plugin.
        sample_rate: Hz.
        analysis: audio to features.
        model: features to factors and back.
        operator: what the knobs do; its controls come before `STANDARD_CONTROLS`.
        synthesis: what was decoded to audio; its latency is that of the plugin.
        block_size: samples, a multiple of the analysis hop; the hop unless given.
        in_channels: channels in.
        out_channels: channels out.
        blends: groups of the operator's controls.
        description: one line for people.
        ramp_ms: after this time a control has done 95 % of a jump.
        gate_db: peak level of the input, after `input_db`, below which it counts as silence, dBFS.
        hold_ms: how long the gate stays open after that, on top of the latency.
        gate_side_chain: whether a side-chain alone is sound enough.
        high_pass: whether the stages hear the input without offset and rumble, for effects that make their
            sound anew. Effects that pass their input on need it whole.
    Raises:
        ContractError: two stages with one state name, or a stage that does not return the state it began
            with.
        ShapeError: sizes that do not fit each other.
        ControlError: the operator has a control of a standard name.
    """

    def __init__(
        self,
        name: str,
        sample_rate: int,
        analysis: Analysis,
        model: LatentModel,
        operator: Operator,
        synthesis: Synthesis,
        *,
        block_size: int | None = None,
        in_channels: int = 1,
        out_channels: int = 1,
        blends: tuple[Blend, ...] = (),
        description: str = "",
        ramp_ms: float = 20.0,
        gate_db: float = -80.0,
        hold_ms: float = 200.0,
        gate_side_chain: bool = False,
        high_pass: bool = False,
    ) -> None:
        hop, latency = analysis.hop, synthesis.latency
        block_size = hop if block_size is None else block_size
        if block_size % hop:
            raise ShapeError(f"block_size is {block_size}; allowed multiples of the analysis hop {hop}")
        if in_channels < out_channels and in_channels != 1:
            raise ShapeError(f"{in_channels} channels in cannot be the dry path of {out_channels} out")
        controls = (*operator.controls, *STANDARD_CONTROLS)
        super().__init__(
            PluginSpec(
                name,
                sample_rate,
                block_size,
                latency,
                in_channels,
                out_channels,
                controls,
                blends,
                description,
            )
        )
        self.hop = hop
        self.nepers_per_db = math.log(10.0) / 20.0
        self.side_chain = in_channels > out_channels
        self.gate_side_chain = gate_side_chain
        self.dry_channels = min(in_channels, out_channels)
        self.filtered_channels = in_channels if high_pass or gate_side_chain else self.dry_channels
        self.operator_controls = len(operator.controls)
        self.analysis = analysis
        self.model = model
        self.operator = operator
        self.synthesis = synthesis
        frames_per_ms = sample_rate / hop / 1000
        self.range = _Range(controls)
        self.ramp = ControlRamp(len(controls), hop, ramp_ms, sample_rate, _PREFIX + "ramp_")
        self.gate = _Gate(gate_db, math.ceil(hold_ms * frames_per_ms + latency / hop), hop)
        self.high_pass = high_pass
        taps = (ANALYSED_POLES, len(CORNERS_HZ)) if high_pass else (len(CORNERS_HZ),)
        self.filter = HighPass(CORNERS_HZ, taps, hop, sample_rate, _PREFIX + "filter_")
        self.dry = Delay(self.dry_channels, latency, _PREFIX + "dry_")
        self.guard = StateGuard(self._stages_state(1))
        self._rehearse()

    def initial_state(self, batch_size: int = 1) -> State:
        state = self._stages_state(batch_size)
        for part in (self.ramp, self.gate, self.dry):
            state.update(part.initial_state(batch_size))
        state.update(self.filter.initial_state(batch_size, self.filtered_channels))
        return state

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        audio = finite(audio)
        frames = audio.shape[-1] // self.hop
        samples, knobs, ramp_state = self.ramp(self.range(controls), frames, state)
        mix = samples[:, -3:-2]
        input_gain, output_gain = torch.exp(samples[:, -2:] * self.nepers_per_db).split([1, 1], 1)
        driven = audio * input_gain
        filtered, filter_state = self.filter(driven[:, : self.filtered_channels], state)
        watched = filtered[-1] if self.gate_side_chain else self._main(filtered[-1])
        opening, gate_state = self.gate(watched, state)
        heard = filtered[0] if self.high_pass else driven
        effect, stages_state = self._effect(heard, knobs[:, : self.operator_controls], state)
        dry, dry_state = self.dry(self._main(audio), state)

        new = self.guard(stages_state)
        new.update(ramp_state)
        new.update(gate_state)
        new.update(filter_state)
        new.update(dry_state)
        return (dry * (1.0 - mix) + finite(effect) * (mix * opening)) * output_gain, new

    def _effect(self, audio: Tensor, knobs: Tensor, state: State) -> tuple[Tensor, State]:
        """The five stages.

        Shape:
            audio [B, C_in, T], knobs [B, P, N] -> audio [B, C_out, T]
        """
        features, analysis_state = self.analysis(audio, state)
        features = self.operator.on_features(features, knobs)
        encoded, encode_state = self.model.encode(features, state)
        factors, operator_state = self.operator(encoded, knobs, state)
        decoded, decode_state = self.model.decode(factors, features, state)
        decoded = self.operator.on_decoded(decoded, encoded, features, knobs)
        effect, synthesis_state = self.synthesis(decoded, state)
        analysis_state = analysis_state.copy()
        for part in [encode_state, operator_state, decode_state, synthesis_state]:
            analysis_state.update(part)
        return effect, analysis_state

    def _main(self, audio: Tensor) -> Tensor:
        """The channels that are heard dry, without any side-chain."""
        return audio[:, : self.dry_channels] if self.side_chain else audio

    def _stages_state(self, batch_size: int) -> State:
        """State of the stages.

        Raises:
            ContractError: two stages with one state name.
        """
        merged: State = {}
        owners: dict[str, str] = {}
        for owner in ("analysis", "model", "operator", "synthesis"):
            for name, value in getattr(self, owner).initial_state(batch_size).items():
                if name in owners or name.startswith(_PREFIX):
                    raise ContractError(
                        f"the state {name!r} of {owner} belongs to {owners.get(name, 'the effect')} already; "
                        f"begin its name with {owner}_"
                    )
                owners[name] = owner
                merged[name] = value
        return merged

    def _rehearse(self) -> None:
        """Run one silent block, so that stages that do not fit say so here.

        Raises:
            ContractError: a stage does not return the state names that it began with.
            ShapeError: the synthesis gives audio of another shape.
        """
        spec = self.spec
        state = self.initial_state(1)
        own = {name: value for name, value in state.items() if not name.startswith(_PREFIX)}
        with torch.no_grad():
            knobs = self.default_controls(1)[:, : self.operator_controls, None]
            knobs = knobs.repeat(1, 1, spec.block_size // self.hop)
            audio, new = self._effect(torch.zeros(1, spec.in_channels, spec.block_size), knobs, state)
        if new.keys() != own.keys():
            raise ContractError(
                f"the stages begin with the states {sorted(own)} and return {sorted(new)}; each must "
                "return all of its own names and no others, encode and decode together"
            )
        expected = (1, spec.out_channels, spec.block_size)
        if audio.shape != expected:
            raise ShapeError(f"synthesis gives audio {tuple(audio.shape)} for one block; allowed {expected}")


@torch.no_grad()
def encode(effect: LatentEffect, audio: Tensor) -> Factors:
    """Factors of a recording, from a fresh state and with every control at its default.

    Args:
        effect: in evaluation mode.
        audio: filled up with zeros to whole blocks; a side-chain that is not given is silent.
    Shape:
        audio [C, T], C at most the effect's channels -> each factor [Z, N], N = T / hop, rounded up
    """
    spec, hop = effect.spec, effect.hop
    frames = -(-audio.shape[1] // hop)
    short = -audio.shape[1] % spec.block_size
    audio = nn.functional.pad(audio, (0, short, 0, spec.in_channels - audio.shape[0]))[None]
    knobs = effect.default_controls(1)[:, : effect.operator_controls, None]
    knobs = knobs.repeat(1, 1, audio.shape[2] // hop)
    state = effect.initial_state(1)
    features, _ = effect.analysis(finite(audio), state)
    factors, _ = effect.model.encode(effect.operator.on_features(features, knobs), state)
    return {name: value[0, :, :frames] for name, value in factors.items()}


class _Range(nn.Module):
    """Holds control values within their ranges; NaN becomes the minimum."""

    low: Tensor
    high: Tensor

    def __init__(self, controls: tuple[Control, ...]) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor([[c.minimum for c in controls]]), persistent=False)
        self.register_buffer("high", torch.tensor([[c.maximum for c in controls]]), persistent=False)

    def forward(self, controls: Tensor) -> Tensor:
        controls = torch.where(controls >= self.low, controls, self.low)
        return torch.where(controls <= self.high, controls, self.high)


class _Gate(nn.Module):
    """Opens with the input at once, stays open for a while, and closes over some frames.

    Args:
        level_db: peak at which it begins to open, dBFS; 10 dB above it is open.
        hold: frames for which it stays open.
        hop: samples from frame to frame.
    """

    fading: Tensor

    def __init__(self, level_db: float, hold: int, hop: int) -> None:
        super().__init__()
        self.floor = 10.0 ** (level_db / 20.0)
        self.scale = 1.0 / (10.0 ** ((level_db + 10.0) / 20.0) - self.floor)
        self.hold = max(hold, 1)
        self.fade = 8
        self.hop = hop
        rise = torch.arange(1, hop + 1).unsqueeze(1) / hop
        before, after = (nn.functional.pad(torch.ones(hop, self.fade), ends) for ends in ((0, 1), (1, 0)))
        fading = (before * (1.0 - rise) + after * rise) / self.fade
        self.register_buffer("fading", fading[:, None, None], persistent=False)

    def initial_state(self, batch_size: int = 1) -> State:
        """Closed for as long as it remembers.

        Shape:
            gate [B, hold + fade - 1]
        """
        return {"effect_gate": torch.zeros(batch_size, self.hold + self.fade - 1)}

    def forward(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        """Follow the peak of each hop, with straight lines from frame to frame.

        Shape:
            audio [B, C, T] -> opening 0..1 [B, 1, T], state
        """
        peaks = audio.abs().unflatten(-1, [-1, self.hop]).amax(3)
        if peaks.shape[1] > 1:
            peaks = peaks.amax(1, keepdim=True)
        peaks = ((peaks - self.floor) * self.scale).clamp(0.0, 1.0)
        frames = torch.cat([state["effect_gate"].unsqueeze(1), peaks], 2)
        new: State = {"effect_gate": frames[:, 0, 1 - self.hold - self.fade :]}
        # In two dimensions: in a graph, max_pool1d fixes the number of frames.
        held = nn.functional.max_pool2d(frames.unsqueeze(2), (1, self.hold), (1, 1))
        # The mean of some frames, and a line from that to the next one's, are one filter for each sample.
        opening = nn.functional.conv2d(held, self.fading).transpose(1, 3)
        return opening.reshape(audio.shape[0], 1, -1), new
