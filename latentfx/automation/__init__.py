"""Controls that move while a plugin plays: by MIDI, by hand, from a file; live and offline alike."""
