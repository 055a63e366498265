"""Training data: examples from generated tones, soundfonts, recorded notes and recordings."""

from latentfx.training.data.example import Dataset, Example, Note, pitch_contour
from latentfx.training.data.load import load_data

__all__ = ["Dataset", "Example", "Note", "load_data", "pitch_contour"]
