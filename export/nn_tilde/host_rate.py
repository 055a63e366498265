"""A plugin at the sample rate of a host that runs at another one.

Written for TorchScript alone: how many blocks a call holds depends on the state.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from latentfx.dsp.finite import finite
from latentfx.errors import ExportError
from latentfx.plugin import Plugin, State

_REJECTION_DB = 100.0
_PASSBAND = 0.9
HOST_RATES = (22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)


class Polyphase(nn.Module):
    """A low-pass filter read at any place between samples, as a table of its phases.

    Args:
        up: places between two samples of the input.
        down: places from one sample of the output to the next.
    """

    table: Tensor

    def __init__(self, up: int, down: int) -> None:
        super().__init__()
        self.up, self.down = up, down
        cutoff = min(1.0, up / down)
        width = (_REJECTION_DB - 8.0) / (2.285 * math.pi * (1.0 - _PASSBAND) * cutoff)
        self.reach = math.ceil(width / 2) + 1
        middle = (1.0 + _PASSBAND) / 2 * cutoff
        tap = torch.arange(2 * self.reach, dtype=torch.float64) - (self.reach - 1)
        time = tap - torch.arange(up, dtype=torch.float64).unsqueeze(1) / up
        beta = 0.1102 * (_REJECTION_DB - 8.7)
        inside = (1.0 - (time / self.reach).square()).clamp(min=0.0)
        window = torch.special.i0(beta * inside.sqrt()) / torch.special.i0(
            torch.tensor(beta, dtype=torch.float64)
        )
        table = middle * torch.sinc(middle * time) * window
        self.register_buffer("table", (table / table.sum(1, keepdim=True)).float(), persistent=False)
        self.taps = 2 * self.reach

    def count(self, place: int, length: int) -> int:
        """Samples that can be read from a place on."""
        last = (length - self.taps) * self.up + self.up - 1 - place
        return 0 if last < 0 else last // self.down + 1

    def forward(self, audio: Tensor, place: int, count: int) -> Tensor:
        """Read samples from a place on.

        Shape:
            audio [B, C, T] -> [B, C, count]
        """
        places = place + self.down * torch.arange(count, device=audio.device)
        windows = audio.unfold(2, self.taps, 1).index_select(2, places // self.up)
        return (windows * self.table.index_select(0, places % self.up)).sum(3)


class AtHostRate(Plugin):
    """A plugin whose sound comes and goes at the rate of the host.

    The latency is a whole number of the host's samples; it holds the plugin's, both filters and one block.

    Args:
        plugin: at its own rate.
        host_rate: Hz, one of `HOST_RATES`.
    Raises:
        ExportError: another rate.
    """

    def __init__(self, plugin: Plugin, host_rate: int) -> None:
        spec = plugin.spec
        if host_rate not in HOST_RATES:
            raise ExportError(
                f"the host rate is {host_rate}; allowed {', '.join(map(str, HOST_RATES))}. Take that of "
                "the host's audio settings"
            )
        common = math.gcd(spec.sample_rate, host_rate)
        up, down = spec.sample_rate // common, host_rate // common
        to_plugin, to_host = Polyphase(up, down), Polyphase(down, up)
        wait = (
            to_plugin.reach
            + (spec.block_size + to_host.reach + 1 + spec.latency) * host_rate / spec.sample_rate
        )
        latency = math.ceil(wait) + 1
        super().__init__(replace(spec, sample_rate=host_rate, latency=latency))
        self.plugin = plugin
        self.to_plugin, self.to_host = to_plugin, to_host
        self.block = spec.block_size
        self.in_channels, self.out_channels = spec.in_channels, spec.out_channels
        self.out_size = math.ceil(latency * spec.sample_rate / host_rate) + 2 * to_host.taps + 2 * self.block
        # Places are counted from the first sample kept. The first sample of all belongs to place 0 of time.
        first_in = (to_plugin.taps - (to_plugin.reach - 1)) * up
        first_out = (self.out_size - (to_host.reach - 1) + spec.latency) * down - latency * up
        self.first = (float(first_in), 0.0, float(first_out))

    def initial_state(self, batch_size: int = 1) -> State:
        state = self.plugin.initial_state(batch_size)
        state["rate_heard"] = torch.zeros(batch_size, self.in_channels, self.to_plugin.taps)
        state["rate_waiting"] = torch.zeros(batch_size, self.in_channels, self.block)
        state["rate_given"] = torch.zeros(batch_size, self.out_channels, self.out_size)
        state["rate_places"] = torch.tensor([self.first]).repeat(batch_size, 1)
        return state

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        places = state["rate_places"].amax(0)
        length, batch = audio.shape[2], audio.shape[0]
        heard = torch.cat([state["rate_heard"], finite(audio)], 2)
        start, waiting = int(places[0].item()), int(places[1].item())
        count = self.to_plugin.count(start, heard.shape[2])
        waited = torch.cat([state["rate_waiting"], self.to_plugin(heard, start, count)], 2)
        ready = waiting + count
        whole = ready // self.block * self.block
        made = torch.zeros([batch, self.out_channels, 0])
        new = state.copy()
        if whole > 0:
            begin = waited.shape[2] - ready
            made, inner = self.plugin(waited[:, :, begin : begin + whole], controls, state)
            new.update(inner)
        given = torch.cat([state["rate_given"], finite(made)], 2)
        read = int(places[2].item())
        out = self.to_host(given, read, length)
        new["rate_heard"] = heard[:, :, length:]
        new["rate_waiting"] = waited[:, :, waited.shape[2] - self.block :]
        new["rate_given"] = given[:, :, whole:]
        start = start + count * self.to_plugin.down - length * self.to_plugin.up
        read = read + length * self.to_host.down - whole * self.to_host.up
        row = torch.tensor([[float(start), float(ready - whole), float(read)]])
        new["rate_places"] = row.repeat(batch, 1)
        return out, new
