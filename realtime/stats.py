"""What a player wants to know of the stream: load, late blocks, levels, latency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from latentfx.automation.inbox import Counts

Place = Literal["callback", "worker"]
SILENCE_DB: Final = -120.0


class Times:
    """Durations of the last calls, and of the worst ever; adding one allocates nothing.

    Args:
        kept: how many.
    """

    def __init__(self, kept: int = 1 << 15) -> None:
        self._ns = np.zeros(kept, np.int64)
        self.count = 0
        self.worst_ns = 0

    def add(self, duration_ns: int) -> None:
        """Note one."""
        self._ns[self.count % len(self._ns)] = duration_ns
        self.count += 1
        if duration_ns > self.worst_ns:
            self.worst_ns = duration_ns

    def spread(self) -> Spread:
        """The percentiles of what is kept."""
        kept = self._ns[: min(self.count, len(self._ns))]
        if not kept.size:
            return Spread()
        p50, p99, p999 = (np.percentile(kept, (50, 99, 99.9)) / 1e6).tolist()
        return Spread(p50, p99, p999, self.worst_ns / 1e6)


@dataclass(frozen=True)
class Spread:
    """How long something took, in ms.

    Args:
        p50: the median.
        p99: 99 of 100 are below.
        p999: 999 of 1000 are below.
        worst: the longest since the start.
    """

    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    worst: float = 0.0


@dataclass(frozen=True)
class Latency:
    """From the microphone to the loudspeaker, in ms.

    Args:
        algorithmic: the plugin's own.
        buffering: until a hop is full, resampling, and blocks held back for a worker.
        device: what the sound system says of itself; nan where it says nothing credible.
    """

    algorithmic: float = 0.0
    buffering: float = 0.0
    device: float = math.nan

    @property
    def total(self) -> float:
        """All of it; a device that says nothing counts as 0."""
        return self.algorithmic + self.buffering + (0.0 if math.isnan(self.device) else self.device)


@dataclass(frozen=True)
class Stats:
    """A stream so far.

    Args:
        plugin: its name.
        preset: the preset last chosen; empty where none was.
        place: where inference runs.
        sample_rate: of the device, in Hz.
        block: samples that the device asked for last.
        blocks: callbacks so far.
        seconds: of audio so far.
        deadline_ms: how long a block lasts.
        callback_ms: time of a callback, against the deadline; where a worker infers, that is only its share.
        hop_ms: how long a hop of the plugin lasts.
        step_ms: time that a hop takes, against how long it lasts; of several that ran at once, the part of
            one.
        load: the part of the time that hops take, by their median.
        late: blocks that were not there in time, or whose callback took longer than the block lasts.
        faded: those that were not there, and are a short fade: a longer reserve makes them fewer.
        xruns: over- and under-runs that the sound system reported, or of one device behind another.
        dropped: blocks that were not recorded, because the disk was too slow.
        limited: blocks that the limiter turned down.
        non_finite: input samples that were NaN or infinite.
        silenced: hops that the plugin gave as NaN, infinite or far too loud, and that are silence.
        midi: messages that were replaced by newer values, or dropped.
        reconnects: times that a lost device came back.
        input_db: peak of the last blocks.
        output_db: peak of the last blocks.
        latency: from the microphone to the loudspeaker.
        controls: name -> value.
    """

    plugin: str
    preset: str
    place: Place
    sample_rate: float
    block: int
    blocks: int
    seconds: float
    deadline_ms: float
    callback_ms: Spread
    hop_ms: float
    step_ms: Spread
    load: float
    late: int
    faded: int
    xruns: int
    dropped: int
    limited: int
    non_finite: int
    silenced: int
    midi: Counts
    reconnects: int
    input_db: float
    output_db: float
    latency: Latency
    controls: Mapping[str, float]


def decibels(peak: float) -> float:
    """A magnitude in dB of full scale, not below -120."""
    return max(20 * math.log10(peak), SILENCE_DB) if peak > 0 else SILENCE_DB
