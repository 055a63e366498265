"""MIDI keys play a plugin without a microphone: a tone that its encoder hears as an instrument."""

from __future__ import annotations

from latentfx.keys.keyboard import Keyboard

__all__ = ["Keyboard"]
