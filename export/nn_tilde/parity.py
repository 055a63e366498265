"""Compare a file for nn~ with the plugin that it was written from."""

from __future__ import annotations

import torch
from torch import Tensor

from latentfx.effect import LatentEffect
from latentfx.errors import ContractError
from latentfx.plugin import Plugin, State
from latentfx.testing import Agreement, ParityReport
from latentfx.testing.drive import Terms, decibels, evaluating, phrase, random_controls, relative_gap

from .attributes import named_apart
from .latent import operator_name

_CALLS = 8


def verify_nn_tilde(
    plugin: Plugin, module: torch.jit.ScriptModule, *, tolerance: float = 1e-4, seed: int = 0
) -> ParityReport:
    """Check that a module for nn~ gives what eager torch gives, called as nn~ calls it.

    `nn~` is one row, `mc.nn~` three; the knobs turn between the calls. If the module has latent methods,
    `nn~ latent` compares encode, operator and decode in a row with the plugin's stages, without
    `Operator.on_decoded`.

    Args:
        plugin: the plugin, in torch.
        module: what `export_nn_tilde` made of it.
        tolerance: largest difference of two samples allowed; see `latentfx.testing.Agreement`.
        seed: of the signal and the control values.
    Raises:
        ContractError: a larger difference.
    """
    terms = Terms(tolerance=tolerance, seed=seed)
    size = int(module.info_params[1])
    with evaluating(plugin), torch.inference_mode():
        engines = [
            _forward(plugin, module, "nn~", 1, size, terms),
            _forward(plugin, module, "mc.nn~", 3, size, terms),
        ]
        if isinstance(plugin, LatentEffect) and hasattr(module, "encode"):
            engines.append(_latent(plugin, module, size, terms))
    bad = [engine for engine in engines if not engine.difference <= tolerance]
    if bad:
        found = "; ".join(f"{e.engine} {e.difference:.3g} ({e.difference_db:.0f} dBFS)" for e in bad)
        raise ContractError(
            f"the file for nn~ of plugin {plugin.spec.name!r} differs from torch in {found}; allowed "
            f"{tolerance:g}. Look for an operation near a jump (argmax, sign, round), or state that is not "
            "in the plugin's state"
        )
    return ParityReport(plugin.spec.name, tolerance, tuple(engines))


def turn(module: torch.jit.ScriptModule, plugin: Plugin, controls: Tensor) -> None:
    """Set every control as nn~ does, by its attribute.

    Shape:
        controls [P]
    """
    names = named_apart(plugin.spec.controls, module.get_methods())
    for control, value in zip(names, controls.tolist(), strict=True):
        setter = getattr(module, f"set_{control.name}")
        if setter(int(value) if control.curve == "integer" else value) != 0:
            raise ContractError(
                f"nn~ attribute {control.name!r} refuses {value:g}; allowed {control.allowed}"
            )


def _forward(
    plugin: Plugin, module: torch.jit.ScriptModule, engine: str, batch: int, size: int, terms: Terms
) -> Agreement:
    generator = terms.generator(40 + batch)
    audio = phrase(plugin, _CALLS * size // plugin.spec.block_size, batch, generator)
    state, worst = plugin.initial_state(batch), 0.0
    module.reset_state()
    for chunk in audio.split(size, -1):
        row = random_controls(plugin, 1, generator)
        turn(module, plugin, row[0])
        expected, state = plugin(chunk, row.repeat(batch, 1), state)
        worst = max(worst, relative_gap(module(chunk), expected))
    return _agreement(engine, worst, audio, plugin)


def _latent(plugin: LatentEffect, module: torch.jit.ScriptModule, size: int, terms: Terms) -> Agreement:
    """The latent methods against the stages, knobs at rest."""
    audio = phrase(plugin, 4 * _CALLS * size // plugin.spec.block_size, 1, terms.generator(44))
    row = plugin.default_controls(1)
    turn(module, plugin, row[0])
    module.reset_state()
    operate = getattr(module, operator_name(plugin))
    knobs = row[:, : plugin.operator_controls, None].repeat(1, 1, size // plugin.hop)
    state, worst = plugin.initial_state(1), 0.0
    for chunk in audio.split(size, -1):
        expected, state = _stages(plugin, chunk, knobs, state)
        worst = max(worst, relative_gap(module.decode(operate(module.encode(chunk))), expected))
    return _agreement("nn~ latent", worst, audio, plugin)


def _stages(plugin: LatentEffect, audio: Tensor, knobs: Tensor, state: State) -> tuple[Tensor, State]:
    """Analysis, encoder, operator, decoder and synthesis, with nothing between them.

    Shape:
        audio [B, C_in, T], knobs [B, P, N] -> [B, C_out, T], state
    """
    features, new = plugin.analysis(audio, state)
    features = plugin.operator.on_features(features, knobs)
    encoded, encode_state = plugin.model.encode(features, state)
    factors, operator_state = plugin.operator(encoded, knobs, state)
    decoded, decode_state = plugin.model.decode(factors, features, state)
    out, synthesis_state = plugin.synthesis(decoded, state)
    return out, new | encode_state | operator_state | decode_state | synthesis_state


def _agreement(engine: str, worst: float, audio: Tensor, plugin: Plugin) -> Agreement:
    return Agreement(engine, worst, decibels(worst), audio.shape[-1] // plugin.spec.block_size)
