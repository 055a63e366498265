"""Streaming signal processing with explicit state. Only `resample` runs without torch."""
