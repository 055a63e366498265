"""A trained network that names what it hears: its labels and its report with it, in one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from torch import nn

from latentfx.errors import CheckpointError
from latentfx.training.runs.checkpoint import read_tensors, write_tensors

NetT = TypeVar("NetT", bound=nn.Module)
ConfigT = TypeVar("ConfigT")


class Labelled(ABC, Generic[NetT, ConfigT]):
    """A trained network, its labels and where it came from.

    A subclass names its header in the file and what it is for people, and builds its network.

    Args:
        net: the network, in evaluation mode from here on.
        labels: name of every class.
        config: shape of the picture and of the network.
        report: how it was trained, on what, and how well it does, as JSON.
    """

    header: ClassVar[str]
    called: ClassVar[str]

    def __init__(
        self, net: NetT, labels: tuple[str, ...], config: ConfigT, report: Mapping[str, Any]
    ) -> None:
        self.net = net.eval().requires_grad_(False)
        self.labels = labels
        self.config = config
        self.report = dict(report)

    @classmethod
    @abstractmethod
    def build(cls, n_labels: int, config: Mapping[str, Any]) -> tuple[NetT, ConfigT]:
        """An untrained network of the shape that a file tells.

        Raises:
            TypeError: settings that its config does not have.
        """

    def save(self, path: str | Path) -> Path:
        """Write weights as safetensors, with everything else as JSON in their header."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        config = asdict(self.config)  # type: ignore[call-overload]  # a dataclass
        write_tensors(
            file,
            self.net.state_dict(),
            {self.header: {"labels": self.labels, "config": config, "report": self.report}},
        )
        return file

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            CheckpointError: the file is missing, damaged or of another kind.
        """
        tensors, header = read_tensors(Path(path))
        try:
            card = header[cls.header]
            settings = {**card["config"], "channels": tuple(card["config"]["channels"])}
            net, config = cls.build(len(card["labels"]), settings)
            net.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} is no {cls.called} ({error}); train it again") from None
        return cls(net, tuple(card["labels"]), config, card["report"])
