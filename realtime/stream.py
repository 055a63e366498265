"""A host on real devices: one full-duplex stream, or two that drift."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Final

from latentfx.errors import LatentFXError, LiveError

from .devices import forget_portaudio, sound
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
_FADE_S: Final = 0.3


class _Move:
    """A change of devices that waits for its turn."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.error: LatentFXError | None = None
        self.over = threading.Event()


class LiveStream:
    """Plays a host on sound devices; use it in a `with` block, once, which gives the host.

    A device that is unplugged is waited for, and played again when it is back. When the sound server is gone,
    or what looks after the stream fails, the stream ends, and leaving the block raises what happened.

    Args:
        host: what is played.
        wire: the devices and channels.
        midi: ports to look after.
        recorder: what records the host, if anything.
        allow_feedback: let devices be chosen that feed back.

    Raises:
        LiveError: entered a second time, or the devices refuse.
    """

    def __init__(
        self,
        host: LiveHost,
        wire: Wire,
        midi: Sequence[MidiInput] = (),
        recorder: Recorder | None = None,
        allow_feedback: bool = False,
    ) -> None:
        self.host = host
        self.wire = wire
        self.midi = tuple(midi)
        self.recorder = recorder
        self.recording = False
        self.failure: Exception | None = None
        self.waiting = False
        self._allow_feedback = allow_feedback
        self._moves: deque[_Move] = deque()
        self._entered = self._holding = False
        self._ending = threading.Event()
        self._stack = ExitStack()

    @property
    def running(self) -> bool:
        """Whether the stream goes on: it plays, or waits for its device."""
        return self.failure is None and not self._ending.is_set()

    def __enter__(self) -> LiveHost:
        if self._entered:
            raise LiveError("a stream plays once, and this one has been entered; make another with live(...)")
        self._entered = True
        with ExitStack() as stack:
            stack.callback(self.host.close)
            for port in self.midi:
                stack.callback(port.close)
            stack.push(self._end_take)
            if self.recorder is not None:
                self._begin_take(self.recorder)
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
        self._let_go()
        self._stack.__exit__(kind, error, trace)
        failure = self.failure or self.wire.failure
        if failure is not None and error is None:
            raise failure

    def record(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Begin to record while it plays; see `Recorder`.

        Raises:
            AudioFileError: a path without a file name, a take of that name, or a place that refuses it.
            LiveError: a recording is under way.
        """
        if self.recording and self.recorder is not None:
            raise LiveError(f"{self.recorder.wet} is being recorded; end that recording first")
        self._begin_take(Recorder(path, self.host, overwrite))

    def stop_recording(self) -> None:
        """End the recording, if there is one; its files are whole then.

        Raises:
            AudioFileError: the end of it could not be written.
        """
        self._end_take(None, None, None)

    def change_devices(self, source: str, target: str) -> None:
        """Play on other devices: fade out, change, fade in. Where they refuse, the ones from before play on.

        Args:
            source: name of the input device.
            target: name of the output device.

        Raises:
            LiveError: no such device, feedback, a device that refuses, or a stream that does not play.
        """
        move = _Move(self.wire.moved(source, target, self._allow_feedback))
        if not self.running or self.waiting:
            raise LiveError("the stream does not play now, so it cannot change devices; wait for its device")
        self._moves.append(move)
        while not move.over.wait(_ROUND_S):
            if not self.running:
                raise LiveError("the stream has ended, and changes devices no more")
        if move.error is not None:
            raise move.error

    def _move(self, move: _Move) -> None:
        """Change wires; runs in the thread that looks after the stream."""
        before = self.wire
        self.host.output.fall_silent(_FADE_S)
        if not self._let_go():
            raise LiveError(f"{before.label} does not answer any more; start this command again")
        try:
            self.wire = move.wire
            self._begin()
        except LatentFXError as error:
            move.error = error
            self.wire = before
            with suppress(LatentFXError):  # else it is lost, and waited for
                self._begin()
        finally:
            self.host.rise()
            move.over.set()

    def _begin_take(self, recorder: Recorder) -> None:
        recorder.__enter__()
        self.recorder, self.recording = recorder, True

    def _end_take(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.recording and self.recorder is not None:
            self.recording = False
            self.recorder.__exit__(kind, error, trace)

    def _begin(self) -> None:
        """Open the devices, learn the size of their blocks, prepare the host for it, and play."""
        self.wire.open()
        self._holding = True
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
        try:
            while not self._ending.wait(_ROUND_S):
                self.host.attend()
                while self._moves:
                    self._move(self._moves.popleft())
                for port in self.midi:
                    port.attend()
                if not self.wire.alive(_STALLED_S):
                    self._lost()
                if time.monotonic() - collected > _COLLECT_S:
                    gc.collect(1)  # what was there before is frozen: this is short
                    collected = time.monotonic()
        except Exception as error:  # of any kind: nobody else looks after the stream
            self.failure = error
            self._let_go()

    def _lost(self) -> None:
        """Wait for the device and play on, or say why that cannot be."""
        if self.wire.failure is not None:
            raise self.wire.failure
        self.waiting = True
        if not self._let_go():
            raise LiveError(
                f"the sound server is gone ({self.wire.label}); start it again, and then this command"
                + self._recorded()
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

    def _recorded(self) -> str:
        if self.recorder is None or not self.recorder.heard:
            return ""
        return f". Recorded until then: {self.recorder.wet} and {self.recorder.dry}"

    def _let_go(self) -> bool:
        """Close the devices, where they are held.

        False where that hangs, as it does for ten minutes when a server has died.
        """
        if not self._holding:
            return True
        self._holding = False
        if self.wire.dead_server:
            forget_portaudio()
            return False
        closer = threading.Thread(target=self.wire.close, daemon=True)
        closer.start()
        closer.join(_CLOSE_S)
        if closer.is_alive():
            forget_portaudio()
            return False
        return True
