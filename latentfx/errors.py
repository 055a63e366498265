"""Every error that latentfx raises on purpose.

    LatentFXError
    ├── ControlError          a control that does not exist, or a value outside its range
    ├── ShapeError            audio or features of the wrong shape, dtype or length
    ├── BusyError             one effect with one state, wanted from two sides at once
    ├── AudioFileError        a sound file that is missing, empty, damaged or cannot be written
    ├── PluginNotFoundError   no shipped plugin, and no file, of that name
    ├── PluginFileError       a plugin file that is damaged, hostile or of another schema
    ├── ContractError         a plugin that breaks the contract (see latentfx.testing)
    ├── ExportError           a plugin that cannot be written in the wanted form
    ├── RecipeError           a training recipe with a wrong or unknown setting
    ├── DataError             training data that is missing or unusable
    ├── CheckpointError       a checkpoint that is damaged or belongs to another recipe
    ├── TrustError            a file that names code of its own, which nobody said to trust
    ├── TrainingError         a training that cannot go on (its loss is no longer a number)
    ├── PresetError           a preset that is missing, damaged, or does not fit its plugin
    ├── MidiError             a MIDI port that cannot be opened, or a binding that makes no sense
    ├── LiveError             live sound that cannot start or go on: devices, rates, feedback, too slow
    ├── ClusterError          machines that were asked for and cannot be reached or used
    └── MissingExtraError     a part of latentfx whose optional packages are not installed

and two warnings, which stop nothing:

    AudioWarning              about a recording: silence, clipping, what a format cannot hold
    ControlWarning            about a setting that does something else than its writer may think

A message says what happened, the value received, what is allowed, and what to do.
"""

from __future__ import annotations


class AudioWarning(UserWarning):
    """Something about a recording that people should know, and that stopped nothing: silence, clipping.

    `apply` gives one for each note. Python's own means turn them off, or into errors:
    `warnings.simplefilter("error", latentfx.AudioWarning)`.
    """


class ControlWarning(UserWarning):
    """A setting that does something else than its writer may think, and that stopped nothing."""


class LatentFXError(Exception):
    """The base of every error below: catch this to catch them all."""


class ControlError(LatentFXError, ValueError):
    """A control that does not exist, or a value outside its range."""


class ShapeError(LatentFXError, ValueError):
    """Audio or features of the wrong shape, dtype or length."""


class BusyError(LatentFXError, RuntimeError):
    """One effect with one state, wanted from two sides at once: two threads, or two places of a chain."""


class AudioFileError(LatentFXError, OSError):
    """A sound file that is missing, empty, damaged or cannot be written."""


class PluginNotFoundError(LatentFXError, FileNotFoundError):
    """No shipped plugin, and no file, of that name."""


class PluginFileError(LatentFXError, ValueError):
    """A plugin file that is damaged, hostile or of another schema."""


class ContractError(LatentFXError, AssertionError):
    """A plugin that breaks the contract (see `latentfx.testing`)."""


class ExportError(LatentFXError, RuntimeError):
    """A plugin that cannot be written in the wanted form."""


class RecipeError(LatentFXError, ValueError):
    """A training recipe with a wrong or unknown setting."""


class DataError(LatentFXError, ValueError):
    """Training data that is missing or unusable."""


class CheckpointError(LatentFXError, ValueError):
    """A checkpoint that is damaged or belongs to another recipe."""


class TrustError(LatentFXError, PermissionError):
    """A file that names code of its own, which nobody said to trust."""


class TrainingError(LatentFXError, RuntimeError):
    """A training that cannot go on (its loss is no longer a number)."""


class PresetError(LatentFXError, ValueError):
    """A preset that is missing, damaged, or does not fit its plugin."""


class MidiError(LatentFXError, ValueError):
    """A MIDI port that cannot be opened, or a binding that makes no sense."""


class LiveError(LatentFXError, RuntimeError):
    """Live sound that cannot start or go on: devices, rates, feedback, a plugin that is too slow."""


class ClusterError(LatentFXError, RuntimeError):
    """Machines that were asked for and cannot be reached or used."""


class MissingExtraError(LatentFXError, ImportError):
    """A part of latentfx whose optional packages are not installed.

    Args:
        what: the thing that was asked for, as the user knows it.
        extra: the extra that brings it.
        module: the module that could not be imported.
    """

    def __init__(self, what: str, extra: str, module: str) -> None:
        super().__init__(f"{what} needs {module}, which is not installed: pip install 'latentfx[{extra}]'")
        self.extra = extra
