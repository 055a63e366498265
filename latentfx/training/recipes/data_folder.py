"""What a folder of recordings looks like, in words for `latentfx train --help`, the README and errors."""

from __future__ import annotations

DATA_FOLDER = (
    "A data folder holds one folder for each instrument, with sound files in it at any depth: "
    "FOLDER/violin/study.wav, FOLDER/oboe/A4.flac. A file whose name states a pitch (A4, Bb3) is a single "
    "note. A manifest.csv in FOLDER is optional; where there is one, its rows say which files are there, by "
    "the columns path, kind (note, phrase), instrument, and where known pitch_midi, f0_hz_yin, licence."
)
