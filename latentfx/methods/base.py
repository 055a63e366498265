"""What a method is to the training loop: a model, its stages and its loss.

One paper is one `Objective` in a file beside this one. Methods know nothing of plugins or recipes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from latentfx.methods.cache import FeatureCache


class AnyClip(Protocol):
    """What a method reads of a training clip (`latentfx.training.data` makes them).

    `audio` is mono float32 [T] at `sample_rate` Hz; `source` names the recording that it was cut from.
    """

    @property
    def audio(self) -> NDArray[np.float32]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def instrument(self) -> str: ...
    @property
    def source(self) -> str: ...


class Objective(nn.Module, ABC):
    """A model together with what it is trained to do.

    The loop builds one from its `config_type`, lets it `prepare` the clips once, and then calls `loss` on
    random crops of the prepared features, stage after stage. Randomness inside `loss` comes from torch's
    global generator, which the loop seeds, saves and restores.

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
        """Rate of the clips that it wants, Hz."""

    @abstractmethod
    def prepare(self, clips: Sequence[AnyClip]) -> FeatureCache:
        """Turn clips into features, once; called for the training clips first, then for the validation clips.

        Statistics that the model needs later (a mean, a scale) belong into buffers, set at the first call.
        """

    def begin_stage(self, index: int) -> None:
        """Get ready for `stages[index]`: freeze and unfreeze, keep a copy of the model as a teacher.

        To resume a run or to load a checkpoint, the stages from 0 on are begun again on a fresh objective,
        and the saved weights are loaded afterwards: what a stage adds must depend on `config` and `index`
        alone. Every parameter that is ever trained exists from the start; copies made here are frozen. The
        loop calls `train()` and `eval()` on the whole: a teacher with dropout must stay in evaluation mode.
        """

    @classmethod
    def revision_of(cls, settings: Mapping[str, Any]) -> int:
        """Revision of weights that tell none.

        Args:
            settings: the `[method]` table that they were trained with, every default written out.
        """
        return cls.revision

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Points of every latent space, by name: what `latentfx.training.runs.health` looks at.

        Args:
            batch: as `FeatureCache.crop` returns it.
        Shape:
            -> each [B, D] or [B, N, D]; [n, D] where points are left out
        """
        return {}

    @abstractmethod
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Score a batch of crops.

        Args:
            batch: as `FeatureCache.crop` returns it.
        Shape:
            frame features [B, N, ...], clip features [B, ...] -> every value [] (a scalar)
        Returns:
            `loss`, which is minimised, and any parts of it that are worth a curve.
        """
