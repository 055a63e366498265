"""Laws 1, 3 and 4: form, purity, independent rows, and any split like one call."""

from __future__ import annotations

import math

import torch

from latentfx.plugin import Plugin, State
from latentfx.testing.drive import (
    Terms,
    blocks_for,
    gap,
    phrase,
    random_controls,
    random_split,
    relative_gap,
    run,
    state_gap,
)
from latentfx.testing.report import Check

_SECONDS = 0.4
_ROUNDING = 1e-6


def check_form(plugin: Plugin, terms: Terms) -> Check:
    """Count what is wrong with the form: dtypes, shapes, names of the state and of the output."""
    spec = plugin.spec
    faults: list[str] = []
    row = plugin.initial_state(1)
    for batch in (1, 3):
        faults += _state_faults("initial_state", plugin.initial_state(batch), row, batch)
    for batch in (1, 3) if not faults else ():
        audio = phrase(plugin, 4, batch, terms.generator(1))
        out, last = run(plugin, audio, plugin.default_controls(batch))
        expected = (batch, spec.out_channels, audio.shape[-1])
        if out.shape != expected or out.dtype != torch.float32:
            faults.append(f"audio out is {out.dtype}{tuple(out.shape)}, not float32{expected}")
        faults += _state_faults("the state returned", last, row, batch)
    found = "; ".join(dict.fromkeys(faults))
    return Check("form", len(faults), 0, "faults", f"Mend: {found}" if faults else "")


def _state_faults(where: str, state: State, row: State, batch: int) -> list[str]:
    if state.keys() != row.keys():
        return [f"{where} has the names {sorted(state)}, not {sorted(row)}"]
    faults = []
    for name, value in state.items():
        expected = (batch, *row[name].shape[1:])
        if value.dtype != torch.float32 or value.shape != expected:
            faults.append(f"{name!r} in {where} is {value.dtype}{tuple(value.shape)}, not float32{expected}")
    return faults


def check_inputs_unchanged(plugin: Plugin, terms: Terms) -> Check:
    """Largest change that a call makes to the tensors it was given, or to a state it returned before."""
    generator = terms.generator(2)
    before, given, after = (phrase(plugin, 4, 2, generator) for _ in range(3))
    controls = random_controls(plugin, 2, generator)
    _, state = run(plugin, before, plugin.default_controls(2))
    audio, knobs, held = given.clone(), controls.clone(), {name: x.clone() for name, x in state.items()}
    with torch.inference_mode():
        _, returned = plugin(audio, knobs, held)
        kept = {name: x.clone() for name, x in returned.items()}
        plugin(after, controls, {name: x.clone() for name, x in state.items()})
    changed = max(gap(audio, given), gap(knobs, controls), state_gap(held, state), state_gap(returned, kept))
    return Check(
        "inputs_unchanged",
        changed,
        0.0,
        "change",
        "A call writes into a tensor it does not own. Make a new tensor (x = x + 1, torch.cat) in place of "
        "x += 1, x[...] = or state[name] = on what was passed in, and return no buffer of the module",
    )


def check_pure(plugin: Plugin, terms: Terms) -> Check:
    """Largest difference between runs from the same input and state, with other sound run in between."""
    audio = phrase(plugin, 6, 2, terms.generator(4))
    controls = random_controls(plugin, 2, terms.generator(5))
    first, first_state = run(plugin, audio, controls)
    run(plugin, audio.flip(-1), plugin.default_controls(2))
    again, again_state = run(plugin, audio, controls)
    measured = max(gap(first, again), state_gap(first_state, again_state))
    return Check(
        "pure",
        measured,
        _ROUNDING,
        "difference",
        "The same input and state gave another output. Keep everything that lasts from call to call in "
        "the state (no attributes of self), call no random function, and put the module into eval()",
    )


def check_splits(plugin: Plugin, terms: Terms) -> Check:
    """Largest difference between one long call and the same audio in calls of random length.

    The stream has begun with other control values, so that smoothed controls are under way.
    """
    generator = terms.generator(6)
    blocks = min(blocks_for(plugin, _SECONDS), 48)
    before = phrase(plugin, 3, 2, generator)
    audio = phrase(plugin, blocks, 2, generator)
    _, state = run(plugin, before, random_controls(plugin, 2, generator))
    target = random_controls(plugin, 2, generator)
    whole, _ = run(plugin, audio, target, state)
    measured = 0.0
    for split in [[1] * blocks, *(random_split(blocks, generator) for _ in range(terms.splits))]:
        pieces, _ = run(plugin, audio, target, state, split)
        measured = max(measured, relative_gap(pieces, whole))
    return Check(
        "splits",
        measured,
        terms.tolerance,
        "difference",
        "Cutting the input otherwise changes the output. Whatever looks at a whole call (a mean, a "
        "normalisation, padding, a ramp as long as the call) must look at one block or at the state instead",
    )


def check_rows(plugin: Plugin, terms: Terms) -> Check:
    """Largest change in one row when another changes or turns into NaN, and against the row alone."""
    generator = terms.generator(7)
    audio = phrase(plugin, 8, 3, generator)
    controls = random_controls(plugin, 3, generator)
    out, _ = run(plugin, audio, controls)
    measured = 0.0
    for other in (torch.zeros_like(audio[1]), torch.full_like(audio[1], math.nan)):
        changed = audio.clone()
        changed[1] = other
        neighbours, _ = run(plugin, changed, controls)
        measured = max(measured, relative_gap(neighbours[::2], out[::2]))
    alone, _ = run(plugin, audio[2:], controls[2:])
    measured = max(measured, relative_gap(alone, out[2:]))
    return Check(
        "rows",
        measured,
        terms.tolerance,
        "difference",
        "A row of the batch hears another. Reduce over dimensions 1 and up only (no x.mean(), x.max() over "
        "everything, no batch norm in training mode), and let initial_state give every row the same",
    )
