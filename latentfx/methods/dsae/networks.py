"""The networks of the disentangled sequential autoencoders: one global factor v, one local factor z_t.

Sources: Luo, Ewert, Dixon, "Towards robust unsupervised disentanglement of sequential data" (TS-DSAE, 2022),
and "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled sequential
autoencoder" (J-DSAE, 2024). Sizes are arguments; the papers' are the defaults.
"""

from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor, nn

Gaussian = tuple[Tensor, Tensor]


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


class GaussianHead(nn.Module):
    """Mean and log-variance (kept within -12 and 6: ours) of a diagonal Gaussian.

    Shape:
        [..., n_in] -> two of [..., n_out]
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.mean = nn.Linear(n_in, n_out)
        self.logvar = nn.Linear(n_in, n_out)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(hidden), torch.clamp(self.logvar(hidden), -12.0, 6.0)


class GlobalEncoder(nn.Module):
    """q(v | x_1..N): a per-frame network, the mean over time, two heads (METHODS: TS-DSAE code).

    `frame` and `head` are the two halves, so that a streaming host can keep the mean itself.

    Shape:
        x [B, N, n_global], weight [B, N] (1 where a frame counts) -> mean, logvar [B, v_size]
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frame = mlp(config.n_global, config.global_hidden, config)
        self.head = GaussianHead(config.global_hidden[-1], config.v_size)

    def forward(self, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        share = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-6)
        v: tuple[Tensor, Tensor] = self.head((self.frame(x) * share.unsqueeze(-1)).sum(dim=1))
        return v


class LocalEncoder(nn.Module):
    """q(z_t | x_t): per frame, not conditioned on v.

    Shape:
        [B, N, n_local] -> mean, logvar [B, N, z_size]
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.frame = mlp(config.n_local, config.local_hidden, config)
        self.head = GaussianHead(config.local_hidden[-1], config.z_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z: tuple[Tensor, Tensor] = self.head(self.frame(x))
        return z


class LocalPrior(nn.Module):
    """p(z_t | z_<t): two LSTM layers over the sampled sequence, shifted by a step; the first step is N(0, I).

    Shape:
        z [B, N, z_size] -> mean, logvar [B, N, z_size]
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.lstm = nn.LSTM(config.z_size, config.prior_hidden, num_layers=2, batch_first=True)
        self.head = GaussianHead(config.prior_hidden, config.z_size)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.head(self.lstm(z[:, :-1])[0])
        first = torch.zeros_like(z[:, :1])
        return torch.cat([first, mean], dim=1), torch.cat([first, logvar], dim=1)


class Decoder(nn.Module):
    """p(x_t | z_t, v) in some form.

    Shape:
        z [B, N, z_size + conditions], v [B, v_size] or [B, N, v_size] -> [B, N, n_output]
    """

    def start_from(self, mean: Tensor) -> None:
        """Begin with this output, so that training need not find it (ours).

        Shape:
            mean [n_output]
        """
        raise NotImplementedError

    def forced(self, z: Tensor, v: Tensor, x: Tensor) -> Tensor:
        """Decode where the frames before each one are known: teacher forcing, for training.

        A factorised form has no use for them.

        Shape:
            z as above or [B, 1, ...], one for all frames, v as above, x [B, N, n_output]
            -> [B, N, n_output], or [B, 1, n_output] where all frames are the same
        """
        decoded: Tensor = self(z, v)
        return decoded

    def history(self, x: Tensor, z: Tensor, v: Tensor) -> Tensor:
        """What `forced` is shown in place of the frames of x; once a step, for all that is compared in it.

        Shape:
            x [B, N, n_output], z and v as `forced` -> [B, N, n_output]
        """
        return x


class FactorisedDecoder(Decoder):
    """p(x_t | z_t, v) as a plain network.

    Shape:
        z [B, N, z_size + conditions], v [B, v_size] or [B, N, v_size] -> [B, N, n_output]
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.body = mlp(config.z_size + config.conditions + config.v_size, config.decoder_hidden, config)
        self.output = nn.Linear(config.decoder_hidden[-1], config.n_output)

    def start_from(self, mean: Tensor) -> None:
        self.output.bias.data.copy_(mean)

    def forward(self, z: Tensor, v: Tensor) -> Tensor:
        if v.dim() == 2:
            v = v.unsqueeze(1)
        v = v.expand(z.shape[0], z.shape[1], v.shape[-1])
        x: Tensor = self.output(self.body(torch.cat([z, v], dim=-1)))
        return x


class AutoregressiveDecoder(Decoder):
    """p(x_t | x_<t, z_<t, v): two LSTM layers that see the frame before, and z as it was then.

    Called, it goes on from what it has decoded itself; `forced` goes on from given frames. (The papers name
    it; that z lags too, and the sizes, are ours. `current` shows z_t in place of z_t-1.)

    Args:
        config: sizes.
        current: show z of the frame itself.
        dropout: share of the given frames that are hidden in training. A frame says nearly all of the next,
            so a decoder that is shown each one learns to use neither z nor v (Bowman et al., "Generating
            sentences from a continuous space", 2016).
        own: share of the clips that in training are shown the frames that the decoder itself has made of
            them, as when it runs free (Bengio et al., "Scheduled sampling for sequence prediction with
            recurrent neural networks", 2015; there by frame). No gradient goes through them. If there are
            any, validation shows them to all clips: that is how the decoder is used.
    Shape:
        z [B, N, z_size + conditions], v [B, v_size] or [B, N, v_size] -> [B, N, n_output]
    """

    def __init__(
        self, config: NetworkConfig, current: bool = False, dropout: float = 0.0, own: float = 0.0
    ) -> None:
        super().__init__()
        self.current, self.dropout, self.own = current, dropout, own
        n_in = config.n_output + config.z_size + config.conditions + config.v_size
        self.lstm = nn.LSTM(n_in, config.decoder_hidden[-1], num_layers=2, batch_first=True)
        self.output = nn.Linear(config.decoder_hidden[-1], config.n_output)

    def start_from(self, mean: Tensor) -> None:
        self.output.bias.data.copy_(mean)

    def forced(self, z: Tensor, v: Tensor, x: Tensor) -> Tensor:
        decoded: Tensor = self.output(
            self.lstm(torch.cat([_before(x), self._codes(z, v, x.shape[1])], -1))[0]
        )
        return decoded

    def history(self, x: Tensor, z: Tensor, v: Tensor) -> Tensor:
        """All frames; in training some of them, the others zeros, or the decoder's own."""
        if self.training:
            shown = x * (torch.rand(x.shape[:2], device=x.device) >= self.dropout).unsqueeze(-1)
            alone = torch.rand(len(x), device=x.device) < self.own
        else:
            shown, alone = x.clone(), torch.full_like(x[:, 0, 0], self.own > 0.0, dtype=torch.bool)
        if alone.any():
            with torch.no_grad():
                shown[alone] = self(z.expand(-1, x.shape[1], -1)[alone], v[alone])
        return shown

    def forward(self, z: Tensor, v: Tensor) -> Tensor:
        codes = self._codes(z, v, z.shape[1])
        x = codes.new_zeros(len(codes), self.output.out_features)
        still = codes.new_zeros(len(codes), self.lstm.hidden_size)
        lower = upper = (still, still)
        frames = []
        for step in codes.unbind(1):  # cells, for a whole LSTM a step takes twice as long
            lower = torch.lstm_cell(torch.cat([x, step], -1), lower, *self.lstm.all_weights[0])
            upper = torch.lstm_cell(lower[0], upper, *self.lstm.all_weights[1])
            x = self.output(upper[0])
            frames.append(x)
        return torch.stack(frames, dim=1)

    def _codes(self, z: Tensor, v: Tensor, frames: int) -> Tensor:
        """What each step sees beside the frame before it.

        Shape:
            z [B, N or 1, Z], v [B, V] or [B, N, V] -> [B, frames, Z + V]
        """
        z = z.expand(-1, frames, -1)
        if v.dim() == 2:
            v = v.unsqueeze(1)
        return torch.cat([z if self.current else _before(z), v.expand(-1, frames, -1)], dim=-1)


def _before(sequence: Tensor) -> Tensor:
    """Every frame a step later, after a frame of zeros.

    Shape:
        [B, N, ...] -> [B, N, ...]
    """
    return torch.cat([torch.zeros_like(sequence[:, :1]), sequence[:, :-1]], dim=1)


class DSAE(nn.Module):
    """The four networks together.

    Args:
        config: sizes.
        local_encoder: another form of `LocalEncoder`.
        decoder: another form of `FactorisedDecoder`.
    """

    def __init__(
        self,
        config: NetworkConfig,
        local_encoder: nn.Module | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.global_encoder = GlobalEncoder(config)
        self.local_encoder: nn.Module = LocalEncoder(config) if local_encoder is None else local_encoder
        self.prior = LocalPrior(config)
        self.decoder: Decoder = FactorisedDecoder(config) if decoder is None else decoder


def sample(gaussian: Gaussian) -> Tensor:
    """Reparameterised draw from N(mean, exp(logvar))."""
    mean, logvar = gaussian
    return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


def kl_divergence(q: Gaussian, p: Gaussian | None = None) -> Tensor:
    """KL(q || p) of diagonal Gaussians, per dimension, in nats; p is N(0, I) when left out.

    Shape:
        -> as q's mean
    """
    mean, logvar = q
    p_mean, p_logvar = p if p is not None else (torch.zeros_like(mean), torch.zeros_like(logvar))
    return 0.5 * (p_logvar - logvar + (logvar.exp() + (mean - p_mean) ** 2) * torch.exp(-p_logvar) - 1.0)
