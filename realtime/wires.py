"""PortAudio streams that carry blocks between devices and a host."""

from __future__ import annotations

import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latentfx.arrays import Float32
from latentfx.errors import LiveError

from .devices import JACK, Device, find_device, share_a_clock, sound
from .drift import DriftBridge
from .feedback import refuse_feedback
from .host import LiveHost
from .steady import CALLBACK, flush_denormals, hurry

LARGEST: Final = 1 << 15
_BLOCK: Final = 256
_HIGHEST_LATENCY_S: Final = 10.0

Frames = NDArray[np.float32]


class Wire(ABC):
    """Devices and channels, and the stream between them.

    Args:
        source: the input device.
        target: the output device.
        sample_rate: of the output device, in Hz.
        block: samples at once; 0 lets the sound system choose, None takes what suits it.
        inputs: channels of the input device that are taken, from 1.
        outputs: channels of the output device that are played, from 1.
    """

    def __init__(
        self,
        source: Device,
        target: Device,
        sample_rate: float,
        block: int | None,
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> None:
        self.source = source
        self.target = target
        self.sample_rate = sample_rate
        self.block = _fitting_block(block, target)
        self._wanted = (block, tuple(inputs), tuple(outputs))
        self.failure: LiveError | None = None
        self._inputs = [_checked(source, "input", source.inputs, channel) for channel in inputs]
        self._outputs = [_checked(target, "output", target.outputs, channel) for channel in outputs]
        self._in = np.zeros((len(inputs), LARGEST), np.float32)
        self._out = np.zeros((len(outputs), LARGEST), np.float32)
        self._host: LiveHost | None = None
        self._streams: list[Any] = []
        self._calls = 0
        self._frames = 0
        self._seen = (0, 0.0)
        self._flushed = False

    def moved(self, source: str, target: str, allow_feedback: bool) -> Wire:
        """The same channels at the same rate, on devices of other names.

        Raises:
            LiveError: no such device, a channel that it does not have, or feedback.
        """
        inward, outward = find_device(source, "input"), find_device(target, "output")
        if not allow_feedback:
            refuse_feedback(inward, outward)
        return make_wire(inward, outward, self.sample_rate, *self._wanted)

    @property
    def label(self) -> str:
        """The devices, for people."""
        same = self.source.index == self.target.index
        return self.source.name if same else f"{self.source.name} to {self.target.name}"

    @property
    @abstractmethod
    def latency_s(self) -> float:
        """What the sound system says of the way in and out; nan where that is not credible."""

    @abstractmethod
    def _start(self, sd: Any) -> None:
        """Open and start the streams."""

    @property
    def dead_server(self) -> bool:
        """Whether the streams belong to a server that stopped calling: nothing may be said to it any more."""
        return self.target.host_api == JACK and bool(self._streams) and not self._active()

    def open(self) -> None:
        """Start the streams; they play silence until `play`.

        Raises:
            LiveError: the sound system refuses.
        """
        sd = sound()
        self._host, self._calls, self._flushed = None, 0, False
        try:
            self._start(sd)
        except (sd.PortAudioError, ValueError) as error:
            self.close()
            raise LiveError(
                f"{self.label} refuses {len(self._inputs)} channels in, {len(self._outputs)} out at "
                f"{self.sample_rate:g} Hz in blocks of {self.block or 'any number of'} samples ({error}). "
                "Try another --rate, --block or device, and close programs that hold it"
            ) from None

    def find(self) -> None:
        """Look the devices up again by name, after the list was made anew.

        Raises:
            LiveError: they are not back.
        """
        self.source = find_device(self.source.name, "input")
        self.target = find_device(self.target.name, "output")

    def first_block(self, patience_s: float) -> int:
        """Wait for the first callback and say how many samples it brought.

        Raises:
            LiveError: none came.
        """
        end = time.monotonic() + patience_s
        while self._calls == 0:
            if time.monotonic() > end:
                raise LiveError(f"{self.label} opened, but asks for no sound; try another device")
            time.sleep(0.005)
        return self._frames

    def play(self, host: LiveHost) -> None:
        """Let the callback run the host."""
        self._host = host

    def alive(self, patience_s: float) -> bool:
        """Whether callbacks come."""
        now = time.monotonic()
        calls, since = self._seen
        if self._calls != calls:
            self._seen = (self._calls, now)
            since = now
        return self._active() and now - since < patience_s

    def close(self) -> None:
        """Stop the streams."""
        sd = sound()
        for stream in self._streams:
            with contextlib.suppress(sd.PortAudioError):
                stream.abort()
            with contextlib.suppress(sd.PortAudioError):
                stream.close()
        self._streams = []

    def _active(self) -> bool:
        return bool(self._streams) and all(stream.active for stream in self._streams)

    def _play(self, audio: Float32, outdata: Frames, frames: int, status: Any) -> None:
        """Run the host on what is in `audio`, into the device's memory."""
        if not self._flushed:
            self._flushed = True
            flush_denormals()
            hurry(CALLBACK)
        self._calls += 1
        self._frames = frames
        host = self._host
        if host is None:
            outdata.fill(0)
            return
        if status:
            host.xruns += 1
        out = self._out[:, :frames]
        try:
            host.render(audio, out)
        except Exception as error:
            self.failure = LiveError(f"the plugin failed while it played: {error}")
            outdata.fill(0)
            raise sound().CallbackAbort from error
        if outdata.shape[1] > len(self._outputs):
            outdata.fill(0)
        for row, channel in enumerate(self._outputs):
            outdata[:, channel] = out[row]

    def _take(self, indata: Frames, frames: int) -> Float32:
        audio = self._in[:, :frames]
        for row, channel in enumerate(self._inputs):
            audio[row] = indata[:, channel]
        return audio


class Duplex(Wire):
    """One stream in and out, on devices of one clock."""

    def _start(self, sd: Any) -> None:
        stream = sd.Stream(
            device=(self.source.index, self.target.index),
            samplerate=self.sample_rate,
            blocksize=self.block,
            channels=(max(self._inputs) + 1, max(self._outputs) + 1),
            dtype="float32",
            latency="low",
            callback=self._callback,
        )
        self._streams = [stream]
        stream.start()

    @property
    def latency_s(self) -> float:
        """What PortAudio says of the way in and out; nan where that is not credible."""
        return credible(sum(self._streams[0].latency))

    def _callback(self, indata: Frames, outdata: Frames, frames: int, when: Any, status: Any) -> None:
        self._play(self._take(indata, frames), outdata, frames, status)


class Pair(Wire):
    """A stream in and a stream out, on devices with clocks of their own; a `DriftBridge` lies between."""

    def _start(self, sd: Any) -> None:
        source_rate = _input_rate(sd, self.source, self.sample_rate, max(self._inputs) + 1)
        block = self.block or 256
        self._bridge = DriftBridge(len(self._inputs), source_rate, self.sample_rate, block, block)
        shared = {"blocksize": block, "dtype": "float32", "latency": "low"}
        self._streams = [
            sd.InputStream(
                device=self.source.index,
                samplerate=source_rate,
                channels=max(self._inputs) + 1,
                callback=self._hear,
                **shared,
            )
        ]
        self._streams.append(
            sd.OutputStream(
                device=self.target.index,
                samplerate=self.sample_rate,
                channels=max(self._outputs) + 1,
                callback=self._sound,
                **shared,
            )
        )
        self._taken = np.zeros((len(self._inputs), LARGEST), np.float32)
        for stream in self._streams:
            stream.start()

    @property
    def latency_s(self) -> float:
        """What PortAudio says of both ways, and the wait between them; nan where that is not credible."""
        return credible(sum(stream.latency for stream in self._streams)) + self._bridge.latency_s

    def _hear(self, indata: Frames, frames: int, when: Any, status: Any) -> None:
        if status and self._host is not None:
            self._host.xruns += 1
        self._bridge.write(self._take(indata, frames))

    def _sound(self, outdata: Frames, frames: int, when: Any, status: Any) -> None:
        audio = self._taken[:, :frames]
        slips = self._bridge.slips
        self._bridge.read(audio)
        self._play(audio, outdata, frames, status or self._bridge.slips != slips)


def make_wire(
    source: Device,
    target: Device,
    sample_rate: float,
    block: int | None,
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> Wire:
    """The kind of wire that two devices need; see `Wire`.

    Raises:
        LiveError: a channel that they do not have.
    """
    kind: type[Wire] = Duplex if share_a_clock(source, target) else Pair
    return kind(source, target, sample_rate, block, inputs, outputs)


def _fitting_block(block: int | None, target: Device) -> int:
    """On JACK the server's own blocks cost no latency; elsewhere a fixed size saves some."""
    return block if block is not None else 0 if target.host_api == JACK else _BLOCK


def _checked(device: Device, kind: str, there: int, channel: int) -> int:
    """The position of a channel that counts from 1."""
    if not 1 <= channel <= there:
        raise LiveError(f"{kind} channel {channel} of {device.name!r}; it has channels 1 to {there}")
    return channel - 1


def credible(latency_s: float) -> float:
    """A latency as a sound system states it; nan where it cannot be."""
    return latency_s if 0 <= latency_s < _HIGHEST_LATENCY_S else math.nan


def _input_rate(sd: Any, source: Device, wanted: float, channels: int) -> float:
    """The rate wanted where the input device has it, else its own."""
    try:
        sd.check_input_settings(source.index, channels, "float32", samplerate=wanted)
    except (sd.PortAudioError, ValueError):
        return source.sample_rate
    return wanted
