"""Checks beyond the contract: what a stage, a bad cable and a long evening do to a plugin."""

from __future__ import annotations

import gc
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from latentfx.export.bundle import REQUIRED_PROVENANCE
from latentfx.plugin import Plugin
from latentfx.testing import Check, Terms
from latentfx.testing.drive import blocks_for, decibels, phrase, relative_gap, run, tone
from latentfx.testing.report import Progress, in_silence

LOUDEST_DB = 18.0
RUNAWAY_DB = 6.0
LEAK_MB = 10.0
_HOPS = (1, 2, 4, 8, 16, 32, 64)
_HIDDEN = ("", "not stated", "unknown")


def check_hops(plugin: Plugin, terms: Terms) -> Check:
    """Largest difference between one call and calls of 1 to 64 blocks."""
    audio = phrase(plugin, 2 * max(_HOPS), 1, terms.generator(50))
    controls = plugin.default_controls(1)
    whole, _ = run(plugin, audio, controls)
    pieces = [run(plugin, audio, controls, None, [n] * (2 * max(_HOPS) // n))[0] for n in _HOPS]
    return Check(
        "hops",
        max(relative_gap(piece, whole) for piece in pieces),
        terms.tolerance,
        "difference",
        "Calls of 1 to 64 blocks differ: something looks at the length of the call. Keep it in the state",
    )


def check_reset(plugin: Plugin, terms: Terms) -> Check:
    """Largest difference between a stream, and the same stream after another one and a reset."""
    audio = phrase(plugin, 8, 1, terms.generator(51))
    controls = plugin.default_controls(1)
    first, _ = run(plugin, audio, controls)
    run(plugin, 0.5 * audio.flip(-1), controls)
    again, _ = run(plugin, audio, controls, plugin.initial_state(1))
    return Check(
        "reset",
        relative_gap(again, first),
        terms.tolerance,
        "difference",
        "A stream after a reset differs from a new one: something outside the state remembers",
    )


def check_square(plugin: Plugin, terms: Terms) -> Check:
    """Peak of the output while a square wave of full scale comes in."""
    return _loudest("square", plugin, tone(plugin, blocks_for(plugin, 1.0), 1, 110.0).sign())


def check_dc(plugin: Plugin, terms: Terms) -> Check:
    """Peak of the output while a constant of full scale comes in."""
    samples = blocks_for(plugin, 2.0) * plugin.spec.block_size
    return _loudest("dc", plugin, torch.ones(1, plugin.spec.in_channels, samples))


def check_jumps(plugin: Plugin, terms: Terms) -> Check:
    """Peak of the output while the input jumps by 96 dB, ten times a second."""
    audio = phrase(plugin, blocks_for(plugin, 2.0), 1, terms.generator(52))
    audio = audio / audio.abs().max()
    span = max(plugin.spec.sample_rate // 10, 1)
    quiet = torch.arange(audio.shape[-1]) // span % 2 == 1
    return _loudest("jumps", plugin, torch.where(quiet, audio * 10.0 ** (-96.0 / 20.0), audio))


def _loudest(name: str, plugin: Plugin, audio: Tensor) -> Check:
    out, _ = run(plugin, audio, plugin.default_controls(1), None, _calls(plugin, audio))
    peak = float(out.abs().max()) if bool(out.isfinite().all()) else math.inf
    return Check(
        name,
        decibels(peak),
        LOUDEST_DB,
        "dBFS",
        "The output runs away: a gain that follows the input, or a sum that never forgets, has no bound",
    )


def check_sweeps(plugin: Plugin, terms: Terms) -> Check:
    """How much louder the output is while a control turns steadily than while it rests."""
    controls = plugin.spec.controls
    if not controls:
        return Check("sweeps", 0.0, RUNAWAY_DB, "dB", "")
    worst, guilty = -math.inf, ""
    blocks = blocks_for(plugin, 1.0)
    audio = tone(plugin, blocks)
    for index, control in enumerate(controls):
        targets = plugin.default_controls(blocks).unsqueeze(1)
        targets[:, 0, index] = torch.tensor([control.from_unit(k / (blocks - 1)) for k in range(blocks)])
        out, _ = run(plugin, audio, list(targets), None, [1] * blocks)
        rest = [run(plugin, audio, targets[k], None, _calls(plugin, audio))[0] for k in (0, blocks // 2, -1)]
        quietest = max(float(torch.cat(rest).abs().max()), 1e-4)
        peak = float(out.abs().max()) if bool(out.isfinite().all()) else math.inf
        rise = decibels(peak / quietest)
        if rise > worst:
            worst, guilty = rise, control.name
    return Check(
        "sweeps",
        worst,
        RUNAWAY_DB,
        "dB above rest",
        f"Turning {guilty!r} makes the output louder than any of its positions: a filter that moves too "
        "fast, or a gain that follows the change",
    )


def check_memory(
    plugin: Plugin,
    terms: Terms,
    minutes: float,
    resident: Callable[[], float],
    progress: Progress = in_silence,
) -> Check:
    """How much memory grows while audio runs through; the first tenth of it does not count.

    Args:
        plugin: the plugin.
        terms: of the check.
        minutes: of audio.
        resident: memory of this process now, in MB.
        progress: called at every tenth with what is done.
    """
    spec = plugin.spec
    size = max(2048 // spec.block_size, 1) * spec.block_size
    calls = math.ceil(minutes * 60 * spec.sample_rate / size)
    audio = phrase(plugin, size // spec.block_size, 1, terms.generator(53))
    controls, state, begin = plugin.default_controls(1), plugin.initial_state(1), 0.0
    with torch.inference_mode():
        for call in range(calls):
            if call % max(calls // 10, 1) == 0:
                progress(f"memory, {minutes * call / calls:.2g} of {minutes:g} min of sound")
            _, state = plugin(audio, controls, state)
            if call == calls // 10:
                gc.collect()
                begin = resident()
    gc.collect()
    return Check(
        "memory",
        max(resident() - begin, 0.0),
        LEAK_MB,
        f"MB in {minutes:g} min",
        "Memory grows while audio runs: something is kept from call to call (a list, a graph, a cache)",
    )


def check_provenance(provenance: Mapping[str, Any]) -> Check:
    """How many of the required entries are missing or unknown."""
    missing = [k for k in REQUIRED_PROVENANCE if str(provenance.get(k, "")).strip().lower() in _HIDDEN]
    return Check(
        "provenance",
        len(missing),
        0,
        "entries missing",
        f"The file does not say its {', '.join(missing)}: nobody can tell whether it may be used",
    )


def resident_mb() -> float:
    """Memory of this process in RAM, MB. On macOS the most that it ever was; on Windows 0."""
    status = Path("/proc/self/statm")
    if status.is_file():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _calls(plugin: Plugin, audio: Tensor) -> list[int]:
    """Calls of 16 blocks, as a host would make them."""
    blocks = audio.shape[-1] // plugin.spec.block_size
    return [min(16, blocks - start) for start in range(0, blocks, 16)]
