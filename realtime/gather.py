"""The statistics of a host, from where each of them is counted."""

from __future__ import annotations

from typing import Protocol

from latentfx.automation.desk import Desk
from latentfx.host.runtime import Controls, LatentPlugin

from .bank import Bank
from .meters import Meters
from .output import OutputStage
from .stats import Latency, Stats
from .voice import Voice


class Counting(Protocol):
    """What counts while it plays: a `LiveHost`."""

    sample_rate: float
    device_latency_s: float
    xruns: int
    dropped: int
    reconnects: int
    desk: Desk
    bank: Bank
    meters: Meters
    output: OutputStage

    @property
    def plugin(self) -> LatentPlugin:
        """The plugin as its controls are set now."""

    @property
    def controls(self) -> Controls:
        """The controls."""


def gather(host: Counting, voice: Voice) -> Stats:
    """The stream so far.

    Args:
        host: what plays.
        voice: the voice of it that is heard.
    """
    engine, meters, limiter = voice.engine, host.meters, host.output.limiter
    ms = 1000 / host.sample_rate
    steps = engine.step_times.spread()
    return Stats(
        plugin=host.plugin.name,
        preset="" if host.bank.current is None else host.bank.current.name,
        place=voice.place,
        sample_rate=host.sample_rate,
        deadline_ms=meters.block * ms,
        hop_ms=1000 * engine.hop_s,
        step_ms=steps,
        load=steps.p50 / (1000 * engine.hop_s),
        xruns=host.xruns,
        dropped=host.dropped,
        limited=0 if limiter is None else limiter.blocks,
        non_finite=engine.non_finite,
        silenced=engine.silenced,
        midi=host.desk.messages.counts.now(),
        reconnects=host.reconnects,
        latency=Latency(engine.plugin_latency * ms, voice.held * ms, 1000 * host.device_latency_s),
        controls=dict(host.controls),
        **meters.stats(),
    )
