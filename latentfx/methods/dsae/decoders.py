"""Decoders of a sequential autoencoder: frame by frame, or each frame after those before it."""

import torch
from torch import Tensor, nn

from latentfx.methods.dsae.widths import NetworkConfig, mlp


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
        """Decode with teacher forcing, for training: the frames before each one are given.

        A factorised decoder ignores them.

        Shape:
            z as above or [B, 1, ...], one for all frames, v as above, x [B, N, n_output]
            -> [B, N, n_output], or [B, 1, n_output] where all frames are the same
        """
        decoded: Tensor = self(z, v)
        return decoded

    def history(self, x: Tensor, z: Tensor, v: Tensor) -> Tensor:
        """The frames that `forced` is given for x. A step draws them once, for everything that it compares.

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

    A call goes on from the frames that it has decoded itself; `forced` goes on from given frames. The papers
    only name this decoder. The sizes are ours, and so is z of the frame before (`current` shows z_t instead).

    Args:
        config: sizes.
        current: show z of the frame itself.
        dropout: share of the given frames that are hidden in training. A frame predicts the next one almost
            completely, so that a decoder that sees all of them learns to ignore z and v (Bowman et al.,
            "Generating sentences from a continuous space", 2016).
        own: share of the clips that in training are shown the frames that the decoder itself has made of
            them, as when it runs free (Bengio et al., "Scheduled sampling for sequence prediction with
            recurrent neural networks", 2015; there by frame). No gradient goes through them. With a share
            above 0, validation shows every clip the decoder's own frames, as when it is used.
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
