"""h, hinv and T of a ring of pitch classes: in training, and at work in a plugin."""

import copy

from torch import Tensor, nn

from latentfx.methods.oplas.filmr import FiLMR, plane_of, rotation_angle, turn_in_plane


class RingNetworks(nn.Module):
    """h, hinv and T.

    Args:
        z_size: dimensions of the pitch code.
        hidden: hidden layers of h, and of hinv.
        size: dimensions of the ring's space.
    """

    def __init__(self, z_size: int, hidden: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.into = _network(z_size, hidden, size)
        self.back = _network(size, hidden, z_size)
        self.step = FiLMR(size)

    def forward(self, z: Tensor) -> Tensor:
        """H.

        Shape:
            [..., z_size] -> [..., size]
        """
        y: Tensor = self.into(z)
        return y

    def inverse(self, y: Tensor) -> Tensor:
        """Hinv.

        Shape:
            [..., size] -> [..., z_size]
        """
        z: Tensor = self.back(y)
        return z


class RingTurn(nn.Module):
    """Trained networks at work: a pitch code, so many semitones round its ring.

    Adds the reconstruction error of hinv back to the turned code. With zero steps the output then equals the
    input. In double precision: see `latentfx.methods.swapper.harmonic.in_double`.

    Args:
        networks: trained.
    Shape:
        z [..., z_size], steps [...] -> [..., z_size]
    """

    first: Tensor
    second: Tensor
    angle: Tensor

    def __init__(self, networks: RingNetworks) -> None:
        super().__init__()
        networks = copy.deepcopy(networks).double()
        self.into, self.back = networks.into, networks.back
        u, v = networks.step.u[0].detach(), networks.step.v[0].detach()
        first, second = plane_of(u, v)
        self.register_buffer("first", first)
        self.register_buffer("second", second)
        self.register_buffer("angle", rotation_angle(u, v))

    def forward(self, z: Tensor, steps: Tensor) -> Tensor:
        code = z.to(self.angle.dtype)
        y = self.into(code)
        turned = turn_in_plane(y, self.first, self.second, steps.to(code.dtype) * self.angle)
        moved: Tensor = code + self.back(turned) - self.back(y)
        return moved.to(z.dtype)


def _network(n_in: int, hidden: tuple[int, ...], n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(n_in, width), nn.SiLU()]
        n_in = width
    return nn.Sequential(*layers, nn.Linear(n_in, n_out))
