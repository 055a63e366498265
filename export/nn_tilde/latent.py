"""The latent channels of an effect, found by running it once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from latentfx.effect import LatentEffect
from latentfx.errors import ExportError
from latentfx.plugin import State

MAX_LATENT_CHANNELS = 64
"""Latent signals that a patch can hold; an effect with more gets no latent methods."""


@dataclass(frozen=True)
class LatentLayout:
    """Names and sizes of latent channels, and which state belongs to which method.

    Args:
        operator: name of the operator's method, `swap`.
        factors: factor -> dimensions.
        features: feature that the decoder reads beside the factors -> channels.
        encode_state: state of analysis and encoder, of one row at the start.
        operate_state: state of the operator.
        decode_state: state of decoder and synthesis.
    """

    operator: str
    factors: dict[str, int]
    features: dict[str, int]
    encode_state: State
    operate_state: State
    decode_state: State

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of every latent channel: `z_0`, `z_1`, ..., `level`."""
        names: list[str] = []
        for name, size in (self.factors | self.features).items():
            names += [name] if size == 1 else [f"{name}_{index}" for index in range(size)]
        return tuple(names)


def latent_layout(effect: LatentEffect) -> LatentLayout:
    """Find the latent channels of an effect.

    Raises:
        ExportError: a factor that is no signal at the hop rate.
    """
    state = effect.initial_state(1)
    spec = effect.spec
    with torch.no_grad():
        audio = torch.zeros(1, spec.in_channels, spec.block_size)
        frames = spec.block_size // effect.hop
        knobs = effect.default_controls(1)[:, : effect.operator_controls, None].repeat(1, 1, frames)
        features, analysis_state = effect.analysis(audio, state)
        features = effect.operator.on_features(features, knobs)
        factors, encode_state = effect.model.encode(features, state)
        changed, operator_state = effect.operator(factors, knobs, state)
        watched = _Watched(features)
        decoded, decode_state = effect.model.decode(changed, watched, state)
        _, synthesis_state = effect.synthesis(decoded, state)
    needed = {name: features[name] for name in features if name in watched.read_names}
    if {name: x.shape for name, x in factors.items()} != {name: x.shape for name, x in changed.items()}:
        raise ExportError(
            f"the operator of {spec.name!r} turns the factors {_shapes(factors)} into {_shapes(changed)}; "
            "as a method of nn~ it must return the factors that it takes"
        )
    _check_signals(spec.name, factors | needed, frames)
    return LatentLayout(
        operator_name(effect),
        {name: x.shape[1] for name, x in factors.items()},
        {name: x.shape[1] for name, x in needed.items()},
        {name: state[name] for name in (*analysis_state, *encode_state)},
        {name: state[name] for name in operator_state},
        {name: state[name] for name in (*decode_state, *synthesis_state)},
    )


def operator_name(effect: LatentEffect) -> str:
    """Name of the operator's method in nn~: `swap`."""
    return type(effect.operator).__name__.lower()


class _Watched(dict[str, Tensor]):
    """Features that remember which of them were read. To list them is to read all of them."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        super().__init__(features)
        self.read_names: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.read_names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read_names.add(name)
        return super().get(name, default)

    def copy(self) -> dict[str, Tensor]:
        self.read_names.update(self)
        return super().copy()

    def items(self) -> Any:
        self.read_names.update(self)
        return super().items()

    def values(self) -> Any:
        self.read_names.update(self)
        return super().values()

    def __iter__(self) -> Iterator[str]:
        self.read_names.update(super().keys())
        return super().__iter__()


def _check_signals(name: str, signals: Mapping[str, Tensor], frames: int) -> None:
    for label, value in signals.items():
        if value.dim() != 3 or value.shape[-1] != frames:
            raise ExportError(
                f"{label!r} of {name!r} has the shape {tuple(value.shape)} for {frames} hops; a latent "
                "signal of nn~ is [batch, channels, hops]"
            )


def _shapes(factors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in factors.items()}
