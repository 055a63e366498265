"""Asks PortAudio which rates devices accept: a program of its own, because a question may never be answered.

    python ask_rates.py '[[INDEX, INPUTS, OUTPUTS], ...]' RATE ...

Prints a line for each device: the rates that it accepts for all that it does, as JSON, or null where another
program holds it.
"""

from __future__ import annotations

import json
import sys

import sounddevice as sd

_UNAVAILABLE = -9985


def accepted(index: int, inputs: int, outputs: int, rates: list[int]) -> list[int] | None:
    """The rates of these that a device accepts; None where it is held."""
    there = []
    for rate in rates:
        try:
            if inputs:
                sd.check_input_settings(index, min(2, inputs), "float32", samplerate=rate)
            if outputs:
                sd.check_output_settings(index, min(2, outputs), "float32", samplerate=rate)
        except sd.PortAudioError as error:
            if _UNAVAILABLE in error.args:
                return None
        else:
            there.append(rate)
    return there


if __name__ == "__main__":
    asked, *rates = map(json.loads, sys.argv[1:])
    for index, inputs, outputs in asked:
        sys.stdout.write(f"{json.dumps(accepted(index, inputs, outputs, rates))}\n")
        sys.stdout.flush()
