"""Turn any analysis, model, operator and synthesis into a plugin."""

import math

import torch
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.dsp.finite import StateGuard, finite
from latentfx.errors import ContractError, ShapeError
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.spec import Blend
from latentfx.stages import Analysis, LatentModel, Operator, Synthesis

__all__ = ["STANDARD_CONTROLS", "LatentEffect"]

STANDARD_CONTROLS = (
    Control("mix", 0.0, 1.0, 1.0, "", "linear", "0 is the dry input, 1 the effect"),
    Control("input_db", -24.0, 24.0, 0.0, "dB", "linear", "gain before the effect; the dry path has none"),
    Control("output_db", -24.0, 24.0, 0.0, "dB", "linear", "gain after the mix"),
)
_PREFIX = "effect_"


class LatentEffect(Plugin):
    """Analysis, encoder, operator, decoder and synthesis in a row, and what players expect around them.

    The effect smooths every control, applies `input_db`, mixes in the dry input at the latency of the
    effect (`mix`; at 0 the output is the input, delayed, to the bit), applies `output_db`, and closes a
    gate where the input is silent, since a decoder may hum at rest. Bad samples in become zeros; a batch
    row whose stages reach NaN or Inf starts them again. The dry path has the first channels of the input,
    as many as come out; further channels (a side-chain) go to the analysis alone.

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
        ramp_ms: how long a control takes over its whole range.
        gate_db: peak level of the input, after `input_db`, below which it counts as silence, dBFS.
        hold_ms: how long the gate stays open after that, on top of the latency.
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
    ) -> None:
        hop, latency = int(analysis.hop), int(synthesis.latency)
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
        self.latency = latency
        self.dry_channels = min(in_channels, out_channels)
        self.operator_controls = len(operator.controls)
        self.analysis = analysis
        self.model = model
        self.operator = operator
        self.synthesis = synthesis
        frames_per_ms = sample_rate / hop / 1000
        self.knobs = _Knobs(controls, max(1, round(ramp_ms * frames_per_ms)))
        self.gate = _Gate(gate_db, math.ceil(hold_ms * frames_per_ms + latency / hop))
        self.guard = StateGuard(self._stages_state(1))
        self.register_buffer("slope", torch.arange(1, hop + 1) / hop, persistent=False)
        self._rehearse()

    def initial_state(self, batch_size: int = 1) -> State:
        state = self._stages_state(batch_size)
        state[_PREFIX + "knobs"] = self.knobs.initial(batch_size)
        state[_PREFIX + "gate"] = self.gate.initial(batch_size)
        if self.latency > 0:
            state[_PREFIX + "dry"] = torch.zeros(batch_size, self.dry_channels, self.latency)
        return state

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        audio = finite(audio)
        knobs, knobs_state = self.knobs(controls, state["effect_knobs"], audio.shape[-1] // self.hop)
        mix, gains = knobs[:, -3], torch.exp(knobs[:, -2:] * (math.log(10.0) / 20.0))
        driven = audio * self._samples(gains[:, :1])
        opening, gate_state = self.gate(self._peaks(driven), state["effect_gate"])
        dry, wet = (1.0 - mix) * gains[:, 1], mix * opening * gains[:, 1]
        dry_gain, wet_gain = self._samples(torch.stack([dry, wet], 1)).split(1, 1)

        effect, stages_state = self._effect(driven, knobs[:, : self.operator_controls, 1:], state)
        new = self.guard(stages_state)
        new["effect_knobs"] = knobs_state
        new["effect_gate"] = gate_state
        past = audio[:, : self.dry_channels]
        if self.latency > 0:
            line = torch.cat([state["effect_dry"], past], -1)
            past = line[..., : audio.shape[-1]]
            new["effect_dry"] = line[..., audio.shape[-1] :]
        return past * dry_gain + finite(effect) * wet_gain, new

    def _effect(self, audio: Tensor, knobs: Tensor, state: State) -> tuple[Tensor, State]:
        """The five stages.

        Shape:
            audio [B, C_in, T], knobs [B, P, N] -> audio [B, C_out, T]
        """
        features, analysis_state = self.analysis(audio, state)
        features = self.operator.on_features(features, knobs)
        factors, encode_state = self.model.encode(features, state)
        factors, operator_state = self.operator(factors, knobs, state)
        decoded, decode_state = self.model.decode(factors, features, state)
        effect, synthesis_state = self.synthesis(decoded, state)
        analysis_state = analysis_state.copy()
        for part in [encode_state, operator_state, decode_state, synthesis_state]:
            analysis_state.update(part)
        return effect, analysis_state

    def _samples(self, frames: Tensor) -> Tensor:
        """Draw straight lines from frame to frame; the first value is that of the last frame before.

        Shape:
            frames [B, G, N + 1] -> [B, G, N * hop]
        """
        start = frames[..., :-1].unsqueeze(-1)
        return (start + (frames[..., 1:].unsqueeze(-1) - start) * self.slope).flatten(2)

    def _peaks(self, audio: Tensor) -> Tensor:
        """Peak of each frame's newest hop, over the channels that are heard dry.

        Shape:
            audio [B, C_in, T] -> [B, N]
        """
        return audio[:, : self.dry_channels].abs().unflatten(-1, [-1, self.hop]).amax([1, 3])

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


class _Knobs(nn.Module):
    """Controls that move to their targets at a steady rate, frame by frame, from the first target on.

    Args:
        controls: the controls.
        frames: how long a move over the whole range takes.
    """

    def __init__(self, controls: tuple[Control, ...], frames: int) -> None:
        super().__init__()
        self.count = len(controls)
        low = torch.tensor([[control.minimum for control in controls]])
        high = torch.tensor([[control.maximum for control in controls]])
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("high", high, persistent=False)
        self.register_buffer("step", ((high - low) / frames).unsqueeze(-1), persistent=False)

    def initial(self, batch_size: int) -> Tensor:
        """Values, and whether there are any yet.

        Shape:
            -> [B, P + 1]
        """
        return torch.zeros(batch_size, self.count + 1)

    def forward(self, target: Tensor, state: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Move on.

        Shape:
            target [B, P], state [B, P + 1] -> values at the last frame before and at each frame [B, P, N +
            1], state
        """
        target = torch.where(target >= self.low, target, self.low)
        target = torch.where(target <= self.high, target, self.high)
        begin = torch.where(state[:, -1:] > 0.5, state[:, :-1], target).unsqueeze(-1)
        reach = self.step * torch.arange(frames + 1, device=target.device)
        way = target.unsqueeze(-1) - begin
        values = begin + torch.minimum(torch.maximum(way, -reach), reach)
        last = values[..., -1]
        return values, torch.cat([last, torch.ones_like(last[:, :1])], 1)


class _Gate(nn.Module):
    """Opens with the input at once, stays open for a while, and closes over some frames.

    Args:
        level_db: peak at which it begins to open, dBFS; 10 dB above it is open.
        hold: frames for which it stays open.
    """

    def __init__(self, level_db: float, hold: int) -> None:
        super().__init__()
        self.floor = 10.0 ** (level_db / 20.0)
        self.scale = 1.0 / (10.0 ** ((level_db + 10.0) / 20.0) - self.floor)
        self.hold = max(hold, 1)
        self.fade = 8

    def initial(self, batch_size: int) -> Tensor:
        """Closed for as long as it remembers.

        Shape:
            -> [B, hold + fade - 1]
        """
        return torch.zeros(batch_size, self.hold + self.fade - 1)

    def forward(self, peaks: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Follow the peaks.

        Shape:
            peaks [B, N], state [B, H] -> opening 0..1 at the last frame before and at each frame [B, N +
            1], state
        """
        frames = torch.cat([state, ((peaks - self.floor) * self.scale).clamp(0.0, 1.0)], 1)
        held = nn.functional.max_pool1d(frames.unsqueeze(1), self.hold, 1)
        opening = nn.functional.avg_pool1d(held, self.fade, 1).squeeze(1)
        return opening, frames[:, peaks.shape[1] :]
