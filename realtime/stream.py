"""A host on real devices: one full-duplex stream, or two that drift."""

from __future__ import annotations

import atexit
import gc
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final

from latentfx.errors import LatentFXError, LiveError

from .devices import sound
from .host import LiveHost
from .ports import MidiInput
from .recorder import Recorder
from .steady import steady
from .wires import Wire

_ROUND_S: Final = 0.05
_STALLED_S: Final = 2.0
_CLOSE_S: Final = 3.0
_FIRST_BLOCK_S: Final = 5.0
_COLLECT_S: Final = 10.0


class LiveStream:
    """Plays a host on sound devices; use it in a `with` block, which gives the host.

    A device that is unplugged is waited for, and played again when it is back. When the sound server is gone
    the stream ends, and leaving the block raises what happened.

    Args:
        host: what is played.
        wire: the devices and channels.
        midi: ports to look after.
        recorder: what records the host, if anything.
    """

    def __init__(
        self, host: LiveHost, wire: Wire, midi: Sequence[MidiInput] = (), recorder: Recorder | None = None
    ) -> None:
        self.host = host
        self.wire = wire
        self.midi = tuple(midi)
        self.recorder = recorder
        self.failure: LatentFXError | None = None
        self.waiting = False
        self._ending = threading.Event()
        self._stack = ExitStack()

    @property
    def running(self) -> bool:
        """Whether the stream goes on: it plays, or waits for its device."""
        return self.failure is None and not self._ending.is_set()

    def __enter__(self) -> LiveHost:
        with ExitStack() as stack:
            stack.callback(self.host.close)
            for port in self.midi:
                stack.callback(port.close)
            if self.recorder is not None:
                stack.enter_context(self.recorder)
            stack.enter_context(steady())
            self._begin()
            self._stack = stack.pop_all()
        self._watcher = threading.Thread(target=self._watch, name="latentfx-watch", daemon=True)
        self._watcher.start()
        return self.host

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._watcher.join()
        if self.failure is None and not self.waiting:
            self._let_go()
        self._stack.__exit__(kind, error, trace)
        if self.failure is not None and error is None:
            raise self.failure

    def _begin(self) -> None:
        """Open the devices, learn the size of their blocks, prepare the host for it, and play."""
        self.wire.open()
        try:
            block = self.wire.first_block(_FIRST_BLOCK_S)
            self.host.prepare(block)
            self.host.device_latency_s = self.wire.latency_s
            self.wire.play(self.host)
        except BaseException:
            self._let_go()
            raise

    def _watch(self) -> None:
        """Look after presets, MIDI ports and the devices, until the end."""
        collected = time.monotonic()
        while not self._ending.wait(_ROUND_S) and self.failure is None:
            try:
                self.host.attend()
                for port in self.midi:
                    port.attend()
                if not self.wire.alive(_STALLED_S):
                    self._lost()
            except LatentFXError as error:
                self.failure = error
            if time.monotonic() - collected > _COLLECT_S:  # what was there before is frozen: this is short
                gc.collect(1)
                collected = time.monotonic()

    def _lost(self) -> None:
        """Wait for the device and play on, or say why that cannot be."""
        if self.wire.failure is not None:
            raise self.wire.failure
        self.waiting = True
        if not self._let_go():
            raise LiveError(
                f"the sound server is gone ({self.wire.label}); start it again, and then this command. What "
                "was recorded is whole"
            )
        sd = sound()
        while not self._ending.wait(1.0):
            with suppress(LiveError, sd.PortAudioError):
                sd._terminate()
                sd._initialize()
                self.wire.find()
                self._begin()
                self.waiting = False
                self.host.reconnects += 1
                return

    def _let_go(self) -> bool:
        """Close the devices. False where that hangs, as it does for ten minutes when a server has died."""
        if self.wire.dead_server:
            _forget_portaudio()
            return False
        closer = threading.Thread(target=self.wire.close, daemon=True)
        closer.start()
        closer.join(_CLOSE_S)
        if closer.is_alive():
            _forget_portaudio()
            return False
        return True


def _forget_portaudio() -> None:
    """Leave the program without PortAudio's farewell, which would wait for the dead server."""
    sd = sound()
    atexit.unregister(sd._exit_handler)
