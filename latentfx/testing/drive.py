"""Signals to try a plugin with, and how to run one over them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from latentfx.plugin import Plugin, State

_PEAK = 0.5


@dataclass(frozen=True)
class Terms:
    """Under which terms a plugin is judged: see `latentfx.testing.verify_contract`."""

    nonlinear: bool = False
    tolerance: float = 1e-4
    settle_s: float = 1.0
    latency_slack: int | None = None
    splits: int = 3
    seed: int = 0

    def generator(self, salt: int = 0) -> torch.Generator:
        """Randomness that depends on the seed and on who asks."""
        return torch.Generator().manual_seed(self.seed * 1009 + salt)


@contextmanager
def evaluating(plugin: Plugin) -> Iterator[None]:
    """Put a plugin into `eval()`, and every module of it back into its mode afterwards."""
    modes = {module: module.training for module in plugin.modules()}
    plugin.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def blocks_for(plugin: Plugin, seconds: float) -> int:
    """Whole blocks that last at least this long, and never fewer than 6."""
    return max(6, math.ceil(seconds * plugin.spec.sample_rate / plugin.spec.block_size))


def tone(plugin: Plugin, blocks: int, batch: int = 1, f0_hz: float = 233.1) -> Tensor:
    """Ten steady harmonics, the same in every row and channel.

    Shape:
        -> [B, C_in, blocks * block_size]
    """
    spec = plugin.spec
    t = torch.arange(blocks * spec.block_size, dtype=torch.float64) / spec.sample_rate
    partials = [k for k in range(1, 11) if k * f0_hz < 0.45 * spec.sample_rate] or [1]
    wave = torch.stack([torch.sin(2 * math.pi * k * f0_hz * t) / k**2 for k in partials]).sum(0)
    wave = (_PEAK * wave / wave.abs().max()).float()
    return wave.repeat(batch, spec.in_channels, 1)


def phrase(plugin: Plugin, blocks: int, batch: int, generator: torch.Generator) -> Tensor:
    """Notes with breath noise; another phrase in every row and channel.

    Shape:
        -> [B, C_in, blocks * block_size]
    """
    spec = plugin.spec
    samples = blocks * spec.block_size
    t = torch.arange(samples, dtype=torch.float64) / spec.sample_rate
    shape = (batch, spec.in_channels, 1)
    f0 = 150.0 + 400.0 * torch.rand(shape, generator=generator, dtype=torch.float64)
    swell = 0.6 + 0.4 * torch.sin(2 * math.pi * (2.0 + f0 / 200.0) * t)
    notes = sum(torch.sin(2 * math.pi * k * f0 * t) / k for k in range(1, 6))
    noise = torch.randn(batch, spec.in_channels, samples, generator=generator)
    return (0.2 * swell * notes).float() + 0.02 * noise


def random_controls(plugin: Plugin, batch: int, generator: torch.Generator) -> Tensor:
    """A random knob position for every control and row.

    Shape:
        -> [B, P]
    """
    controls = plugin.spec.controls
    positions = torch.rand(batch, len(controls), generator=generator).tolist()
    rows = [[c.from_unit(x) for c, x in zip(controls, row, strict=True)] for row in positions]
    return torch.tensor(rows, dtype=torch.float32).reshape(batch, len(controls))


def random_split(blocks: int, generator: torch.Generator) -> list[int]:
    """Cut a number of blocks into some calls: sizes of 1 block or more that add up to it."""
    cuts = torch.rand(max(blocks - 1, 0), generator=generator) < 0.3
    edges = [0, *(int(cut) + 1 for cut in torch.nonzero(cuts).flatten()), blocks]
    return [end - start for start, end in itertools.pairwise(edges)]


def run(
    plugin: Plugin,
    audio: Tensor,
    controls: Tensor | Sequence[Tensor],
    state: State | None = None,
    split: Iterable[int] | None = None,
) -> tuple[Tensor, State]:
    """Run a plugin over audio, in one call or in several.

    The plugin gets copies: what it does to them cannot reach the caller.

    Args:
        plugin: any plugin.
        audio: some whole blocks.
        controls: one target for all calls, or one for each.
        state: where the stream stands; the start unless given.
        split: blocks in each call; everything in one call unless given.
    Shape:
        audio [B, C_in, T], controls [B, P] -> audio [B, C_out, T]
    """
    size = plugin.spec.block_size
    calls = [audio.shape[-1] // size] if split is None else list(split)
    targets = [controls] * len(calls) if isinstance(controls, Tensor) else controls
    state = plugin.initial_state(audio.shape[0]) if state is None else state
    pieces = []
    with torch.inference_mode():
        for chunk, target in zip(audio.split([n * size for n in calls], -1), targets, strict=True):
            out, state = plugin(chunk.clone(), target.clone(), {name: x.clone() for name, x in state.items()})
            pieces.append(out)
    return torch.cat(pieces, -1), state


def gap(a: Tensor, b: Tensor) -> float:
    """Largest difference of two tensors; infinite where only one is finite, or where shapes differ."""
    if a.shape != b.shape:
        return math.inf
    same = (a == b) | (a.isnan() & b.isnan())
    difference = torch.where(same, torch.zeros_like(a), (a - b).abs())
    return float(difference.nan_to_num(math.inf, math.inf).max()) if difference.numel() else 0.0


def relative_gap(a: Tensor, b: Tensor) -> float:
    """Largest difference of two tensors, relative to the peak of the second where that is above 1."""
    peak = float(b.abs().nan_to_num(0.0, 0.0).max()) if b.numel() else 0.0
    return gap(a, b) / max(1.0, peak)


def state_gap(a: State, b: State) -> float:
    """Largest difference of two states; infinite where names or shapes differ."""
    if a.keys() != b.keys():
        return math.inf
    return max((gap(a[name], b[name]) for name in a), default=0.0)


def decibels(amplitude: float) -> float:
    """Amplitude in dB re full scale; no lower than -200."""
    return 20.0 * math.log10(max(amplitude, 1e-10)) if amplitude == amplitude else math.inf
