"""A plugin that plays: in the audio callback itself, or in a worker that the callback never waits for."""

from __future__ import annotations

import atexit
import math
import threading
from typing import Final
from weakref import WeakSet

import numpy as np

from latentfx.arrays import Float32
from latentfx.automation.desk import Desk
from latentfx.errors import LiveError

from .engine import Engine, StepCost
from .mixing import MAX_BLOCK, spread
from .rings import RingBuffer
from .stats import Place
from .steady import WORKER, flush_denormals, hurry

FADE: Final = 64
# Inference stays in the callback while its worst block takes less than this part of the time.
CALLBACK_SHARE: Final = 1 / 3
# A hop that takes more than this part of its own length at best leaves no room for anything else.
HIGHEST_LOAD: Final = 0.85
_ANY_BLOCK = 256
_RING_S = 1.0
_LOOK_S = 0.05
_STEPS_AHEAD = 3
_AHEAD_S = (0.01, 0.05)  # at least, at most


class Voice:
    """One plugin with its controls, sounding.

    Args:
        desk: the plugin and its controls.
        channels: channels in.
        sample_rate: of the device, in Hz.
        block: samples that come at once; None for any number.
        place: where inference runs; None measures, and chooses.
        reserve_s: sound that a worker keeps in hand, in s; None measures, and keeps more after late blocks.

    Raises:
        LiveError: the plugin is too slow for this machine.
    """

    def __init__(
        self,
        desk: Desk,
        channels: int,
        sample_rate: float,
        block: int | None,
        place: Place | None = None,
        reserve_s: float | None = None,
    ) -> None:
        self.desk = desk
        capacity = int(_RING_S * sample_rate) + 4 * MAX_BLOCK + 4 * desk.panel.spec.block_size
        self.engine = Engine(desk.playing, channels, sample_rate, desk.before_hops, capacity)
        self.cost = self.engine.measure(block or _ANY_BLOCK)
        self.place = place or _choose(self.engine, self.cost, block, reserve_s is not None)
        self.held = self._most_held = self.engine.wait_for(block)
        self._worker: _Worker | None = None
        if self.place == "worker":
            if reserve_s is None:
                self._most_held += round(_AHEAD_S[1] * sample_rate)
                self.held += _blocks_ahead(self.cost, sample_rate, block)
            else:
                self.held += round(reserve_s * sample_rate)
                self._most_held = self.held
            self._worker = _Worker(self.engine, capacity)
        self.engine.output.pad(self.held)
        self.failure: Exception | None = None
        self._owed = 0
        self._broken = False
        self._wet = np.zeros((self.engine.outputs, MAX_BLOCK), np.float32)
        self._last = np.zeros((self.engine.outputs, 1), np.float32)
        self._rise = np.linspace(0, 1, FADE, dtype=np.float32)

    @property
    def latency(self) -> int:
        """Samples from input to output, device and driver apart."""
        return self.held + self.engine.plugin_latency

    def play(self, audio: Float32, out: Float32, in_step: bool = False) -> bool:
        """Take a block and give one; a block that is not there in time is a short fade.

        After a failure of the plugin, which `failure` holds, all blocks are missing.

        Args:
            audio: what comes in.
            out: what goes out.
            in_step: wait for the worker, so that no block is late; an audio callback never does.

        Returns:
            Whether it was there.
        Shape:
            audio [C_in, T], out [channels of any number, T], T up to `MAX_BLOCK`
        """
        wet = self._wet[:, : out.shape[1]]
        good = False
        if self.failure is None:
            try:
                good = self._run(audio, wet, in_step)
            except Exception as error:  # of any kind: the sound goes on without the plugin
                self.failure = error
        if self.failure is not None:
            self._fade_out(wet)
            self._last[:] = 0
        spread(wet, out)
        return good

    def _run(self, audio: Float32, out: Float32, in_step: bool) -> bool:
        taken = True
        if self._worker is None:
            self.engine.push(audio)
        else:
            taken = self._worker.push(audio)
            if in_step:
                self._worker.wait()
            if self._worker.failure is not None:
                raise self._worker.failure
        self._owed -= self.engine.output.skip(self._owed)
        good = self._owed == 0 and self.engine.output.read(out)
        if not good:
            self._fade_out(out)
            if self._may_hold(out.shape[1]):
                self.held += out.shape[1]
            elif taken:
                self._owed += out.shape[1]
        elif self._broken:
            size = min(FADE, out.shape[1])
            out[:, :size] *= self._rise[:size]
        self._broken = not good
        self._last[:] = out[:, -1:]
        return good

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()

    def _may_hold(self, size: int) -> bool:
        """Whether a late block makes the stream later for good, or what comes too late is thrown away.

        In the callback, blocks became smaller or larger: the stream needs more in hand. A worker that was
        late on this machine will be late again, unless it has more in hand, up to a limit: the player's own
        reserve, or a measured one's.
        """
        if self._worker is None:
            return True
        return self.held + size <= self._most_held

    def _fade_out(self, out: Float32) -> None:
        size = min(FADE, out.shape[1])
        out[:] = 0
        out[:, :size] = self._last * self._rise[::-1][:size]


class _Worker:
    """A thread that runs an engine on what the callback leaves in a ring."""

    def __init__(self, engine: Engine, capacity: int) -> None:
        self._engine = engine
        self._input = RingBuffer(engine.channels, capacity)
        self._piece = np.zeros((engine.channels, MAX_BLOCK), np.float32)
        self._bell = threading.Lock()  # released by the callback, which never waits for it
        self._bell.acquire()
        self._running = True
        self._given = self._done = 0
        self._waited_for = False
        self._went_on = threading.Event()
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="latentfx-worker", daemon=True)
        self._thread.start()
        _WORKERS.add(self)

    def push(self, audio: Float32) -> bool:
        """Leave a block; False where there is no room, because the worker is a second behind."""
        taken = self._input.write(audio)
        self._given += audio.shape[1] if taken else 0
        if self._bell.locked():
            self._bell.release()
        return taken

    def wait(self) -> None:
        """Wait until all that was left is played, or never will be."""
        self._waited_for = True
        while self._done < self._given and self._thread.is_alive():
            self._went_on.wait(_LOOK_S)
            self._went_on.clear()
        self._waited_for = False

    def close(self) -> None:
        self._running = False
        if self._bell.locked():
            self._bell.release()
        self._thread.join(timeout=2)

    def _work(self) -> None:
        flush_denormals()
        hurry(WORKER)
        try:
            self._keep_up()
        except Exception as error:  # of any kind: the thread that wants the sound says so
            self.failure = error

    def _keep_up(self) -> None:
        while self._running:
            self._bell.acquire(timeout=0.1)
            while size := min(self._input.available, MAX_BLOCK):
                piece = self._piece[:, :size]
                self._input.read(piece)
                self._engine.push(piece)
                self._done += size
                if self._waited_for:
                    self._went_on.set()


# A thread that plays while the interpreter ends would abort it.
_WORKERS: WeakSet[_Worker] = WeakSet()


@atexit.register
def _close_workers() -> None:
    for worker in list(_WORKERS):
        worker.close()


def _choose(engine: Engine, cost: StepCost, block: int | None, reserved: bool) -> Place:
    """Callback or worker, by what a step costs; the callback keeps nothing in reserve.

    Raises:
        LiveError: neither keeps up.
    """
    sound_s = cost.hops * engine.hop_s
    if cost.p10 > HIGHEST_LOAD * sound_s:
        raise LiveError(
            f"plugin {engine.plugin.name!r} takes {1000 * cost.p10:.1f} ms for {1000 * sound_s:.1f} ms "
            f"of sound (channels: {engine.rows}): too slow to play live here. Play fewer channels, "
            "end what else runs, or apply it to a recording"
        )
    period_s = (block or _ANY_BLOCK) / engine.sample_rate
    return "worker" if reserved or cost.p999 >= CALLBACK_SHARE * period_s else "callback"


def _blocks_ahead(cost: StepCost, sample_rate: float, block: int | None) -> int:
    """Samples that a worker keeps in hand: whole blocks, for three slow ones (10 to 50 ms) and one more."""
    size = block or _ANY_BLOCK
    ahead_s = min(max(_STEPS_AHEAD * cost.p999, _AHEAD_S[0]), _AHEAD_S[1])
    return size * (math.ceil(ahead_s * sample_rate / size) + 1)
