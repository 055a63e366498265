"""A plugin file, loaded: numpy in, numpy out, no torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latentfx.arrays import Float32
from latentfx.errors import ControlError, ControlWarning, ShapeError
from latentfx.host.door import Playable, RunningBlocks, admit, open_file
from latentfx.host.guard import naming
from latentfx.host.layout import find_layout, to_channels
from latentfx.host.processor import Processor
from latentfx.host.reference import check_recording
from latentfx.host.session import STEP_LIMIT_S
from latentfx.host.stream import PluginStream
from latentfx.names import suggest
from latentfx.sound.level import set_level
from latentfx.spec import REFERENCE, Blend, PluginSpec, Reference, Setting


class Controls(Mapping[str, float]):
    """The values of a plugin's controls by name; setting one checks its range.

    Args:
        spec: says which controls there are.
    """

    def __init__(self, spec: PluginSpec) -> None:
        self._spec = spec
        self.values_row: Float32 = np.array(spec.defaults, np.float32)

    def __getitem__(self, name: str) -> float:
        return float(self.values_row[self._spec.index(name)])

    def __setitem__(self, name: str, value: float) -> None:
        index = self._spec.index(name)
        self.values_row[index] = self._spec.controls[index].check(value)

    def __contains__(self, name: object) -> bool:
        return any(control.name == name for control in self._spec.controls)

    def __iter__(self) -> Iterator[str]:
        return (control.name for control in self._spec.controls)

    def __len__(self) -> int:
        return len(self._spec.controls)

    def __repr__(self) -> str:
        return f"Controls({', '.join(f'{name}={value:g}' for name, value in self.items())})"


class LatentPlugin(Processor):
    """A latent plugin that is called like one of Pedalboard's.

    Controls are attributes (`plugin.mix = 0.5`), and so are the mixtures that some of them form
    (`plugin.timbre = "trumpet:0.7+flute:0.3"`).

    Args:
        data: content of a plugin file.
        threads: threads that one block may use.
        trust: whether operators and sizes may be any, and a file for nn~ may run, because you know the
            author; see `latentfx.load`.
        name: of a file that does not say its own.

    Raises:
        PluginFileError: the file is damaged, hostile or of another schema.
        MissingExtraError: a file for nn~, and torch is not installed.
    """

    def __init__(self, data: bytes, threads: int = 1, trust: bool = False, name: str = "nn~") -> None:
        graph = open_file(data, threads, trust, name)
        self._start(graph, graph.metadata.state, (data, threads, trust, name))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], threads: int = 1, trust: bool = False, checked: bool = False
    ) -> LatentPlugin:
        """Load a plugin file; see `latentfx.load`.

        Raises:
            PluginNotFoundError: there is no such file.
            PluginFileError: the file is damaged, hostile or of another schema.
        """
        data, trusted = admit(path, trust, checked)
        with naming(path):
            return cls(data, threads, trusted, Path(path).stem)

    @property
    def spec(self) -> PluginSpec:
        """What the plugin says of itself: rate, block, latency, channels, controls."""
        return self._graph.metadata.spec

    @property
    def name(self) -> str:
        """Short name."""
        return self.spec.name

    @property
    def sample_rate(self) -> int:
        """Rate that the plugin works at, in Hz; audio of every other rate is resampled."""
        return self.spec.sample_rate

    @property
    def latency(self) -> int:
        """Samples from input to output at `sample_rate`. Calls remove it; a live host hears it."""
        return self.spec.latency

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Method, paper, training data and its licence, versions, date."""
        return self._graph.metadata.provenance

    @property
    def report(self) -> Mapping[str, Any]:
        """What validation found when the file was written."""
        return self._graph.metadata.report

    def places(self, name: str) -> dict[str, tuple[float, float]]:
        """Where the choices of a blend lie on its map, a learnt one among them; empty without a map."""
        if (known := self._graph.metadata.maps.get(name)) is None:
            return {}
        reference = self._blend(name).reference
        code = self._initial[reference.target] if reference and self._has_learnt(reference) else None
        return known.places(REFERENCE, code)

    @property
    def blends(self) -> dict[str, Blend]:
        """The mixtures that people set by name."""
        return {blend.name: blend for blend in self.spec.blends}

    def latency_at(self, sample_rate: float) -> int:
        return round(self.latency * sample_rate / self.sample_rate)

    def set(self, /, **settings: Setting) -> LatentPlugin:
        """Set controls and blends by name, and return the plugin.

        Raises:
            ControlError: one that does not exist, or a value that is not allowed; then none is changed.
        """
        before = self.controls.values_row.copy()
        try:
            for name, value in settings.items():
                self._set(name, value)
        except BaseException:
            self.controls.values_row[:] = before
            raise
        return self

    def set_blend(self, name: str, value: str | Mapping[str, float]) -> None:
        """Set a mixture: `"trumpet"`, `"trumpet:0.7+flute:0.3"` or `{"trumpet": 0.7, "flute": 0.3}`.

        Warns:
            ControlWarning: weights that do not add up to 1; their shares are played.

        Raises:
            ControlError: no such blend or choice, a weight that is not allowed, or one of what is not learnt.
        """
        weights = self._blend(name).weights(value)
        blend = self._blend(name)
        if (learnt := blend.reference) is not None:
            self._check_learnt(blend, learnt, weights[learnt.control], f"{name} is {value!r}")
        if (uneven := blend.uneven(weights)) is not None:
            warnings.warn(f"{name} {value!r} {uneven}", ControlWarning, stacklevel=2)
        for control, weight in weights.items():
            self.controls[control] = weight

    def learn(self, name: str, audio: ArrayLike, sample_rate: float) -> None:
        """Learn one more choice of a blend from a recording, choose it, and reset.

        Args:
            name: the blend, such as `"timbre"`.
            audio: the recording, soft or loud; channels are averaged where the plugin takes one.
            sample_rate: of the recording, in Hz.

        Raises:
            ControlError: no such blend, or one that learns nothing from recordings.
            ShapeError: audio that sounds for less than 0.25 s, is silent, or has the wrong shape.

        Warns:
            AudioWarning: audio that holds no tone.
        """
        self._reference(name)
        array = np.asarray(audio)
        check_recording(name, _finite(to_channels(array, find_layout(array.shape))), sample_rate)
        self.recall(name, self.listen(name, audio, sample_rate))

    def listen(self, name: str, audio: ArrayLike, sample_rate: float) -> Float32:
        """Return the numbers that `learn` takes from a recording, and leave the plugin as it is.

        The recording is first brought to the level of the training data (`latentfx.sound.level`), because a
        model takes a soft sound for background.

        Shape:
            audio [T] or [C, T] -> the shape that the plugin has for one row

        Raises:
            ControlError: no such blend, or one that learns nothing from recordings.
            ShapeError: audio that is too short or of the wrong shape.
        """
        reference = self._reference(name)
        array = np.asarray(audio)
        rows = to_channels(array, find_layout(array.shape))
        if self.spec.in_channels == 1:
            rows = rows.mean(axis=0, keepdims=True)
        stream = self.open(rows.shape[0], sample_rate)
        levelled = set_level(_finite(rows).reshape(-1), sample_rate).reshape(rows.shape)
        if not stream.push(levelled).size:
            raise ShapeError(
                f"a recording of {rows.shape[1]} samples is too short to learn {name} from; give some seconds"
            )
        learnt: Float32 = stream.state(reference.source)[0].copy()
        return learnt

    def recall(self, name: str, value: ArrayLike) -> None:
        """Learn a choice from numbers that `listen` returned, choose it, and reset.

        Raises:
            ControlError: no such blend, or one that learns nothing from recordings.
            ShapeError: a value of another shape than this plugin's.
        """
        reference = self._reference(name)
        learnt, wanted = np.asarray(value, np.float32), self._initial[reference.target].shape
        if learnt.shape != wanted:
            raise ShapeError(
                f"a learnt {name} has the shape {learnt.shape}; plugin {self.name!r} has {wanted}"
            )
        self._initial[reference.target] = learnt.copy()
        for control in self._blend(name).controls:
            self.controls[control] = float(control == reference.control)
        self.reset()

    def copy(self) -> LatentPlugin:
        """A second plugin with the same settings and learnt choices. Both share one graph in memory."""
        twin = LatentPlugin.__new__(LatentPlugin)
        twin._start(self._graph, self._initial, self._origin)
        twin.controls.values_row[:] = self.controls.values_row
        return twin

    def __copy__(self) -> LatentPlugin:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> LatentPlugin:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (*self._origin, self._initial, self.controls.values_row.copy())

    def open(self, channels: int, sample_rate: float) -> PluginStream:
        return PluginStream(self.spec, self.blocks, channels, sample_rate)

    def blocks(self, batch: int = 1, limit_s: float = STEP_LIMIT_S) -> RunningBlocks:
        """Open a stream of whole blocks at the plugin's rate, for live hosts. Its latency is not removed.

        Args:
            batch: rows that run side by side.
            limit_s: a step that takes longer is ended, and raises.
        """
        return self._graph.open(batch, self._initial, self.controls.values_row, limit_s)

    def _start(
        self, graph: Playable, initial: Mapping[str, Float32], origin: tuple[bytes, int, bool, str]
    ) -> None:
        super().__init__()
        self._graph = graph
        self._origin = origin
        self._initial = dict(initial)
        self.controls = Controls(self.spec)

    def _check_learnt(self, blend: Blend, reference: Reference, weight: object, setting: str) -> None:
        if weight and not self._has_learnt(reference):
            raise ControlError(
                f"{setting}, and nothing was learnt from a recording yet: give one as reference= "
                f"(--reference FILE), or call learn({blend.name!r}, audio, rate)"
            )

    def _has_learnt(self, reference: Reference) -> bool:
        untouched = self._graph.metadata.state[reference.target]
        return not np.array_equal(self._initial[reference.target], untouched)

    def _blend(self, name: str) -> Blend:
        if name not in self.blends:
            raise ControlError(f"{name!r} is no blend of plugin {self.name!r}; it has {_list(self.blends)}")
        return self.blends[name]

    def _reference(self, name: str) -> Reference:
        reference = self._blend(name).reference
        if reference is None:
            raise ControlError(
                f"{name} of plugin {self.name!r} cannot be learnt from a recording; choose one of "
                f"{_list(self.blends[name].choices)}"
            )
        return reference

    def _set(self, name: str, value: Setting) -> None:
        if name in self.blends:
            self.set_blend(name, value)  # type: ignore[arg-type]  # it refuses what is no text or mapping
        else:
            for blend in self.spec.blends:
                if blend.reference is not None and blend.reference.control == name:
                    self._check_learnt(blend, blend.reference, value, f"{name} is {value!r}")
            self.controls[name] = value  # type: ignore[assignment]  # `check` refuses what is no number

    def __getattr__(self, name: str) -> Any:
        spec: PluginSpec | None = None if name.startswith("_") else self.spec
        if spec and name in self.controls:
            return self.controls[name]
        if spec and name in self.blends:
            return {c: self.controls[k] for c, k in self.blends[name].labels.items() if self.controls[k]}
        names = (*self.controls, *self.blends) if spec else ()
        raise AttributeError(
            f"{type(self).__name__} has no attribute or control {name!r}.{suggest(name, names)} "
            f"Its controls: {_list(names)}"
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.controls, *self.blends]

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "controls":
            object.__setattr__(self, name, value)
        else:
            self._set(name, value)

    def __repr__(self) -> str:
        return f"<LatentPlugin {self.name} {self.sample_rate} Hz, latency {self.latency}, {self.controls!r}>"


def _revive(
    data: bytes, threads: int, trust: bool, name: str, initial: Mapping[str, Float32], values: Float32
) -> LatentPlugin:
    """A plugin that was pickled."""
    plugin = LatentPlugin(data, threads, trust, name)
    plugin._initial.update(initial)
    plugin.controls.values_row[:] = values
    return plugin


def _finite(audio: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.isfinite(audio), audio, 0.0).astype(audio.dtype)


def _list(names: Mapping[str, Any] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
