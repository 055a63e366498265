"""A plugin file as a model whose swaps can be judged, by what it learns from a recording."""

from __future__ import annotations

import numpy as np

from latentfx.arrays import Float32
from latentfx.training.evaluations.evaluation import AnyPlugin
from latentfx.training.evaluations.swap.swapper import Codes
from latentfx.training.judges.judge import log_mel


class PluginSwapper:
    """Codes of a plugin: `z` is the clip itself, `v` what the plugin takes from it as a reference.

    It draws nothing: `sampled` codes are the same as means.

    Args:
        plugin: with a blend that learns from recordings; its other controls stay as they are.
        blend: name of that blend.
    Raises:
        ControlError: the plugin has no such blend, or one that learns nothing.
    """

    def __init__(self, plugin: AnyPlugin, blend: str = "timbre") -> None:
        self._plugin, self._blend = plugin, blend
        self.sample_rate = plugin.sample_rate
        self.v_size = plugin.listen(blend, np.zeros(plugin.sample_rate, np.float32), self.sample_rate).size
        self._last: tuple[Codes, Float32] | None = None

    def encode(self, audio: Float32, sampled: bool = False) -> Codes:
        """The clip, and what the plugin hears in it.

        Shape:
            audio [T]
        """
        return Codes(audio, self._plugin.listen(self._blend, audio, self.sample_rate))

    def log_mel(self, codes: Codes) -> Float32:
        """Log-mels of the plugin's audio.

        Shape:
            -> [N, 80]
        """
        return log_mel(self.audio(codes), self.sample_rate)

    def audio(self, codes: Codes) -> Float32:
        """The clip of `z`, played by the plugin with the timbre `v`.

        Shape:
            -> [T]
        """
        if self._last is None or self._last[0] is not codes:
            self._plugin.recall(self._blend, codes.v)
            self._last = codes, self._plugin(codes.z, self.sample_rate)
        return self._last[1]
