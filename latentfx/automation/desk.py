"""The controls: where the player put them, and where the plugin hears them on their way."""

from __future__ import annotations

from collections.abc import Callable
from math import exp

import numpy as np
from mido import Message

from latentfx.automation.inbox import CALM, Inbox
from latentfx.host.runtime import LatentPlugin
from latentfx.preset import Preset

PRESET_GLIDE_S = 0.05
_NEAR = 1e-4


class Desk:
    """Controls between the threads that turn them and the one that plays.

    Args:
        plugin: where the controls start; two copies are made of it.
    """

    def __init__(self, plugin: LatentPlugin) -> None:
        self.panel = plugin.copy()
        self.playing = plugin.copy()
        self.messages = Inbox()
        self.handle: Callable[[Message], None] | None = None
        spec = plugin.spec
        self._hop_s = spec.block_size / spec.sample_rate
        self._pace = np.ones(len(spec.controls), np.float32)
        self._whole = np.array([control.curve == "integer" for control in spec.controls], bool)
        self._near = np.array([_NEAR * (c.maximum - c.minimum) for c in spec.controls], np.float32)
        self._gliding = 0
        self._smooth = False

    def anew(self) -> Desk:
        """The same controls where they are, with the messages that wait, for a plugin that begins anew."""
        desk = Desk(self.panel)
        desk.messages = self.messages
        return desk

    def smooth(self, index: int, smoothing_ms: float) -> None:
        """Let a control go two thirds of the way to its new value in so many ms; 0 for at once."""
        self._pace[index] = 1.0 if smoothing_ms <= 0 else 1 - exp(-1000 * self._hop_s / smoothing_ms)
        self._pace[self._whole] = 1.0
        self._smooth = bool((self._pace < 1).any())

    def recall(self, preset: Preset) -> None:
        """Set the controls of a preset; they glide there.

        Raises:
            PresetError: the preset does not fit the plugin.
        """
        wanted = self.panel.copy()
        preset.set(wanted)
        np.copyto(self.panel.controls.values_row, wanted.controls.values_row)  # in one step
        self._gliding = max(round(PRESET_GLIDE_S / self._hop_s), 1)

    def before_hops(self, hops: int) -> None:
        """Hear what MIDI said, and bring the controls of the coming hops where they should be."""
        if self.handle is not None:
            for message in self.messages.take(CALM * hops):
                self.handle(message)
        row, wanted = self.playing.controls.values_row, self.panel.controls.values_row
        if not (self._gliding or self._smooth):
            np.copyto(row, wanted)
            return
        pace = self._pace if hops == 1 else 1 - (1 - self._pace) ** hops
        if self._gliding:
            pace = np.minimum(pace, np.where(self._whole, 1, np.float32(min(hops / self._gliding, 1))))
            self._gliding = max(self._gliding - hops, 0)
        moved = row + pace * (wanted - row)
        np.copyto(row, np.where((pace == 1) | (np.abs(wanted - moved) < self._near), wanted, moved))
