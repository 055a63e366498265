"""Live sound: a plugin between a microphone and a loudspeaker, turned by MIDI. No torch."""

from __future__ import annotations

from latentfx.automation.midi_map import MidiMap

from .devices import Device, list_devices
from .host import LiveHost
from .ports import list_midi_inputs
from .rates import accepted_rates
from .recorder import Recorder
from .session import live
from .stats import Latency, Spread, Stats
from .stream import LiveStream

__all__ = [
    "Device",
    "Latency",
    "LiveHost",
    "LiveStream",
    "MidiMap",
    "Recorder",
    "Spread",
    "Stats",
    "accepted_rates",
    "list_devices",
    "list_midi_inputs",
    "live",
]
