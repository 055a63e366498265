"""What a method is to a training run: a model, its stages, its players and their losses.

One paper is one `Objective` in a folder beside this file. Methods know nothing of plugins or recipes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Loss = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


class AnyExample(Protocol):
    """What a method reads of a training example (`latentfx.training.data` makes them).

    `arrays` are named (`audio` [T] mono float32, `stems` [S, T], `video` [N, 3, H, W] ...) and have `rate`
    values a second; `labels` are by factor, one an example or an array with one a frame; `source` names the
    recording that the example comes from. The other properties read from these.
    """

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...
    @property
    def rate(self) -> float: ...
    @property
    def labels(self) -> Mapping[str, str | float | NDArray[Any]]: ...
    @property
    def source(self) -> str: ...
    @property
    def audio(self) -> NDArray[np.float32]: ...
    @property
    def stems(self) -> NDArray[np.float32]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def instrument(self) -> str: ...
    @property
    def duration_s(self) -> float: ...


class Features(Protocol):
    """What a run reads of prepared examples: `latentfx.methods.cache` keeps them in memory or on disk.

    `lengths` [K] holds the frames of each example; `weights` [K] says how often each is drawn, up to a
    factor (None: every frame equally often).
    """

    @property
    def lengths(self) -> Tensor: ...
    @property
    def weights(self) -> Tensor | None: ...

    def crop(self, clip: Tensor, start: Tensor, length: int) -> dict[str, Tensor]:
        """Gather `length` frames of each given example, from the given frame on.

        Shape:
            clip [B], start [B] -> frame features [B, length, ...], example features [B, ...], `clip` [B]
        """

    def to(self, device: torch.device) -> Features:
        """Move what is worth it to a device; crops may come from another one."""


@dataclass(frozen=True, eq=False)
class Player:
    """One side of a training: parameters, the loss that moves them, and the settings of their optimiser.

    Args:
        name: of the player, for states and curves.
        parameters: those that this player's optimiser moves. No parameter has two players.
        loss: batch -> `loss`, which is minimised, and any parts of it that are worth a curve.
        lr: learning rate before schedule and warm-up; None takes the recipe's.
        betas: of Adam.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    loss: Loss
    lr: float | None = None
    betas: tuple[float, float] = (0.9, 0.999)


class Objective(nn.Module, ABC):
    """A model together with what it is trained to do.

    A run builds one from its `config_type`, lets it `prepare` the examples once, and then calls the loss of
    every player on random crops of the prepared features, stage after stage. Randomness inside a loss comes
    from torch's global generator, which the run seeds, saves and restores.

    Args:
        config: an instance of `config_type`, a frozen dataclass: the `[method]` table of a recipe.
    """

    config_type: ClassVar[type]
    stages: ClassVar[tuple[str, ...]]
    revision: ClassVar[int] = 1
    """Raised when weights of the same shapes begin to stand for something else: older ones are refused."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Rate of the examples that it wants, Hz."""

    @abstractmethod
    def prepare(self, examples: Sequence[AnyExample], /) -> Features:
        """Turn examples into features, once: those of the training first, then those of the validation.

        An example may be made when it is read and dropped afterwards: read each one once, in order, and hand
        its features to `FeatureCache.join` as they come. Statistics that the model needs later (a mean, a
        scale) belong into buffers, set at the first call.
        """

    def begin_stage(self, index: int) -> None:
        """Get ready for `stages[index]`: freeze and unfreeze, keep a copy of the model as a teacher.

        To resume a run or to load a checkpoint, the stages from 0 on are begun again on a fresh objective,
        and the saved weights are loaded afterwards: what a stage adds must depend on `config` and `index`
        alone. Every parameter that is ever trained exists from the start; copies made here are frozen. A run
        calls `train()` and `eval()` on the whole: a teacher with dropout must stay in evaluation mode.
        """

    def players(self) -> tuple[Player, ...]:
        """The sides of the training, in the order in which they move.

        A run asks once, before the first stage. In each step every player in turn scores the same batch, and
        its optimiser moves its own parameters: those of the others get no gradient. Validation looks at
        `loss` alone, which should be the first player's.
        """
        return (Player("model", tuple(self.parameters()), self.loss),)

    @classmethod
    def revision_of(cls, settings: Mapping[str, Any]) -> int:
        """Revision of checkpoints that do not store one.

        Args:
            settings: the `[method]` table that they were trained with, every default written out.
        """
        return cls.revision

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Points of every latent space, by name: what `latentfx.training.runs.health` looks at.

        Args:
            batch: as `Features.crop` returns it.
        Shape:
            -> each [B, D] or [B, N, D]; [n, D] where points are left out
        """
        return {}

    def posteriors(self, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Posteriors that `codes` are the means of: evaluations draw from them.

        Args:
            batch: as `Features.crop` returns it.
        Shape:
            -> each two of [B, D] or [B, N, D], mean and log-variance
        Returns:
            one for every space of `codes`; none where the model has no posteriors.
        """
        return {}

    @abstractmethod
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Score a batch of crops.

        Args:
            batch: as `Features.crop` returns it.
        Shape:
            frame features [B, N, ...], example features [B, ...] -> every value [] (a scalar)
        Returns:
            `loss`, which is minimised, and any parts of it that are worth a curve.
        """
