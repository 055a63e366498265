"""The networks of the disentangled sequential autoencoders: one global factor v, one local factor z_t.

Sources: Luo, Ewert, Dixon, "Towards robust unsupervised disentanglement of sequential data" (TS-DSAE, 2022),
and "Unsupervised pitch-timbre disentanglement of musical instruments using a Jacobian disentangled sequential
autoencoder" (J-DSAE, 2024). Sizes are arguments; the papers' are the defaults.
"""

import torch
from torch import Tensor, nn

from latentfx.methods.dsae.decoders import Decoder, FactorisedDecoder
from latentfx.methods.dsae.widths import NetworkConfig, mlp


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
    """q(v | x_1..N): a network of each frame, the mean over time, two heads (after the TS-DSAE code).

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


class DSAENetworks(nn.Module):
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
