"""Sizes of the networks of a sequential autoencoder; the published ones are the defaults."""

from dataclasses import dataclass, fields
from typing import Literal

from torch import nn


@dataclass(frozen=True)
class Widths:
    """Sizes of the four networks, but for what they see and write; the published ones.

    Args:
        v_size: dimensions of the global factor.
        z_size: dimensions of the local factor, per frame.
        global_hidden: hidden layers of the global encoder.
        local_hidden: hidden layers of the local encoder.
        decoder_hidden: hidden layers of the decoder; an autoregressive one has two LSTM layers of the last.
        prior_hidden: units of each of the prior's two LSTM layers.
        activation: as published, or `silu`.
    """

    v_size: int = 16
    z_size: int = 32
    global_hidden: tuple[int, ...] = (64, 64)
    local_hidden: tuple[int, ...] = (64, 64)
    decoder_hidden: tuple[int, ...] = (64, 64)
    prior_hidden: int = 32
    activation: Literal["silu", "tanh"] = "tanh"

    def between(self, n_global: int, n_local: int, n_output: int, conditions: int = 0) -> "NetworkConfig":
        """Networks of these widths that see and write so much; see `NetworkConfig`."""
        widths = {width.name: getattr(self, width.name) for width in fields(Widths)}
        return NetworkConfig(
            n_global=n_global, n_local=n_local, n_output=n_output, conditions=conditions, **widths
        )


@dataclass(frozen=True)
class NetworkConfig(Widths):
    """Sizes of the four networks: those of `Widths`, and these.

    Args:
        n_global: features a frame that the global encoder sees.
        n_local: features a frame that the local encoder sees.
        n_output: features a frame that the decoder writes.
        conditions: features a frame that the decoder sees beside z, at the end of it.
    """

    n_global: int = 80
    n_local: int = 80
    n_output: int = 80
    conditions: int = 0


def mlp(n_in: int, hidden: tuple[int, ...], config: NetworkConfig) -> nn.Sequential:
    """Linear layers, each followed by the activation."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers.append(nn.Linear(n_in, width))
        layers.append(nn.SiLU() if config.activation == "silu" else nn.Tanh())
        n_in = width
    return nn.Sequential(*layers)
