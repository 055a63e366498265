"""Training data: clips from generated tones, soundfonts, recorded notes and recordings."""

from latentfx.training.data.clip import Clip, Dataset, Note, pitch_contour
from latentfx.training.data.load import load_data

__all__ = ["Clip", "Dataset", "Note", "load_data", "pitch_contour"]
