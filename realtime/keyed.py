"""A stream out alone: keys play, and no microphone is open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .devices import Device, find_device
from .wires import LARGEST, Frames, Wire, credible


class Keyed(Wire):
    """One stream out. What comes in is silence, in whose place the host plays its keys.

    Args:
        target: the output device.
        sample_rate: Hz.
        block: samples at once; 0 lets the sound system choose, None takes what suits it.
        channels: channels that the host takes.
        outputs: channels of the output device that are played, from 1.
    """

    def __init__(
        self, target: Device, sample_rate: float, block: int | None, channels: int, outputs: Sequence[int]
    ) -> None:
        super().__init__(target, target, sample_rate, block, (), outputs)
        self._channels = channels
        self._silence = np.zeros((channels, LARGEST), np.float32)

    def moved(self, source: str, target: str, allow_feedback: bool) -> Wire:
        block, _, outputs = self._wanted
        device = find_device(target, "output")
        return Keyed(device, self.sample_rate, block, self._channels, outputs)

    @property
    def label(self) -> str:
        """The devices, for people."""
        return f"keys to {self.target.name}"

    @property
    def latency_s(self) -> float:
        """What PortAudio says of the way out; nan where that is not credible."""
        return credible(self._streams[0].latency)

    def find(self) -> None:
        """Look the device up again by name."""
        self.source = self.target = find_device(self.target.name, "output")

    def _start(self, sd: Any) -> None:
        stream = sd.OutputStream(
            device=self.target.index,
            samplerate=self.sample_rate,
            blocksize=self.block,
            channels=max(self._outputs) + 1,
            dtype="float32",
            latency="low",
            callback=self._callback,
        )
        self._streams = [stream]
        stream.start()

    def _callback(self, outdata: Frames, frames: int, when: Any, status: Any) -> None:
        self._play(self._silence[:, :frames], outdata, frames, status)
