"""Play a recording through a plugin piece by piece, as it would come from a network or a microphone.

The pieces join without a seam: the result is that of one call.
"""

from pathlib import Path

import numpy as np
import soundfile

import latentfx

audio, sample_rate = soundfile.read(Path(__file__).parent / "audio" / "violin.flac", dtype="float32")
plugin = latentfx.load("timbre-swap").set(timbre="flute")

pieces = np.split(audio, range(1000, len(audio), 1000))
streamed = [plugin(piece, sample_rate, reset=False) for piece in pieces]
streamed.append(plugin.flush())

at_once = plugin(audio, sample_rate)
difference = float(np.abs(np.concatenate(streamed) - at_once).max())
print(f"{len(pieces)} pieces, largest difference from one call {difference:.1e}")
assert difference < 1e-4
