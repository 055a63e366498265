"""Presets to choose from while playing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from latentfx.errors import PresetError
from latentfx.preset import Preset, list_presets, programs, same_plugin


class Bank:
    """A list of presets, the place of the one that sounds, and those that were called and wait.

    Args:
        presets: in the order of the list.
    """

    def __init__(self, presets: Iterable[Preset]) -> None:
        self.presets = list(presets)
        self.current: Preset | None = None
        self._called: deque[int | Preset] = deque()
        self._pointed: tuple[Preset | None, Preset | None] = None, None

    def add(self, preset: Preset) -> None:
        """Take one more into the list, at its end: the programs of the others stay as they are."""
        self.presets.append(preset)

    def suit(self, plugin: str) -> None:
        """Make a list of a plugin's own presets, where no preset of the list is for it."""
        if not any(same_plugin(preset.plugin, plugin) for preset in self.presets):
            self.presets = list_presets(plugin)

    def neighbour(self, step: int) -> Preset:
        """The preset so many places further, and round; past one that was pointed at and could not sound.

        Raises:
            PresetError: the list is empty.
        """
        if not self.presets:
            raise PresetError("there are no presets to choose from; save one with: latentfx preset save NAME")
        names = [preset.name for preset in self.presets]
        sounding, pointed = self._pointed
        start = pointed if sounding is self.current and pointed is not None else self.current
        if start is not None and start.name in names:
            chosen = self.presets[(names.index(start.name) + step) % len(names)]
        else:
            chosen = self.presets[0 if step > 0 else -1]
        self._pointed = self.current, chosen
        return chosen

    def call(self, wish: int | Preset) -> None:
        """Let a preset, or a MIDI program, wait for its turn; from any thread."""
        self._called.append(wish)

    def called(self, plugin: str) -> list[Preset]:
        """The presets that were called since the last time, in order; programs without a preset are passed.

        Those of another plugin than the one that plays are left out where a later one was called: they would
        be loaded for nothing.
        """
        wishes = [self._called.popleft() for _ in range(len(self._called))]
        found = (self.program(wish) if isinstance(wish, int) else wish for wish in wishes)
        presets = [preset for preset in found if preset is not None]
        return [preset for preset in presets[:-1] if same_plugin(preset.plugin, plugin)] + presets[-1:]

    def program(self, number: int) -> Preset | None:
        """The preset that a program change calls."""
        return programs(self.presets).get(number)
