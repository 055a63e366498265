"""Small methods: two that keep the contract of `Objective`, and others that each break one thing in it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from latentfx.methods.base import AnyExample, Objective, Player
from latentfx.methods.cache import FeatureCache
from latentfx.methods.terms import Term, add_up

FRAME = 8


@dataclass(frozen=True)
class Settings:
    size: int = 3


@dataclass(frozen=True)
class Decoded:
    frames: Tensor
    decoded: Tensor
    taught: Tensor


@dataclass(frozen=True)
class Error(Term[Decoded]):
    name: str = "error"

    def __call__(self, seen: Decoded) -> Tensor:
        return (seen.decoded - seen.frames).square().mean()


@dataclass(frozen=True)
class Distance(Term[Decoded]):
    name: str = "distance"

    def __call__(self, seen: Decoded) -> Tensor:
        return (seen.decoded - seen.taught).square().mean()


class Good(Objective):
    """A well-behaved autoencoder that in its second stage stays near a frozen copy of its first self."""

    config_type = Settings
    stages = ("alone", "taught")
    config: Settings
    scale: Tensor

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.encoder = nn.Linear(FRAME, config.size)
        self.decoder = nn.Sequential(nn.Dropout(0.1), nn.Linear(config.size, FRAME))
        self.register_buffer("scale", torch.zeros(()))
        self.teacher: nn.Module | None = None
        self.terms: Sequence[Term[Decoded]] = [Error()]

    @property
    def sample_rate(self) -> int:
        return 8000

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        cache = FeatureCache.join(
            {"frames": torch.from_numpy(example.audio).reshape(-1, FRAME)} for example in examples
        )
        self.learn_scale(cache.frames["frames"].std())
        return cache

    def learn_scale(self, found: Tensor) -> None:
        if self.scale == 0.0:
            self.scale.copy_(found)

    def begin_stage(self, index: int) -> None:
        if index == 1:
            self.teacher = copy.deepcopy(self.decoder).requires_grad_(False)
            self.terms = [Error(), Distance(0.5)]

    def train(self, mode: bool = True) -> Good:
        super().train(mode)
        if self.teacher is not None:
            self.teacher.eval()
        return self

    def noise(self, code: Tensor) -> Tensor:
        return 0.01 * torch.randn_like(code)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        frames = batch["frames"] / self.scale
        code = self.encoder(frames)
        code = code + self.noise(code)
        taught = frames if self.teacher is None else self.teacher(code.detach())
        return add_up(self.terms, Decoded(frames, self.decoder(code), taught))

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"code": self.encoder(batch["frames"] / self.scale)}


class LossIsNaN(Good):
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts = super().loss(batch)
        return {**parts, "loss": parts["loss"] + float("nan")}


class LossByFrame(Good):
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {**super().loss(batch), "errors": batch["frames"].square().mean(-1)}


class NeedsTwoClips(Good):
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        between = (batch["frames"].mean(1) - batch["frames"].mean((0, 1))).square().sum()
        parts = super().loss(batch)
        return {**parts, "between": between / (len(batch["frames"]) - 1)}


class LearnsScaleFromValidation(Good):
    def learn_scale(self, found: Tensor) -> None:
        self.scale.copy_(found)


class CountsInValidation(Good):
    seen: Tensor

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.register_buffer("seen", torch.zeros(()))

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self.seen += 1
        return super().loss(batch)


class UnusedParameter(Good):
    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.forgotten = nn.Parameter(torch.zeros(3))


class DetachedEncoder(Good):
    def noise(self, code: Tensor) -> Tensor:
        return super().noise(code) - code + code.detach()


class TwoPlayersOfOneParameter(Good):
    def players(self) -> tuple[Player, ...]:
        return (*super().players(), Player("again", tuple(self.decoder.parameters()), self.loss))


class TeacherLearns(Good):
    def begin_stage(self, index: int) -> None:
        super().begin_stage(index)
        if self.teacher is not None:
            self.teacher.requires_grad_(True)


class TeacherDropsOut(Good):
    def train(self, mode: bool = True) -> Good:
        nn.Module.train(self, mode)
        return self


class TeacherFollows(Good):
    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if self.teacher is not None and self.training:
            self.teacher.load_state_dict(self.decoder.state_dict())
        return super().loss(batch)


class CodesAreDrawn(Good):
    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        code = super().codes(batch)["code"]
        return {"code": code + self.noise(code)}


class CodesAreInfinite(Good):
    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"code": super().codes(batch)["code"] / 0.0}


class CodesChangeName(Good):
    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        codes = super().codes(batch)
        return codes if self.teacher is None else {"taught": codes["code"]}


class DrawsFromNumpy(Good):
    def noise(self, code: Tensor) -> Tensor:
        return 0.01 * torch.from_numpy(np.random.standard_normal(code.shape)).to(code)  # noqa: NPY002


class SizedByTheData(Good):
    def learn_scale(self, found: Tensor) -> None:
        super().learn_scale(found)
        if "table" not in dict(self.named_buffers()):
            self.register_buffer("table", torch.zeros(5))


class ScaleIsNoBuffer(Good):
    """Its scale is lost when a checkpoint is opened."""

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.found = 1.0

    def learn_scale(self, found: Tensor) -> None:
        super().learn_scale(found)
        self.found = float(self.scale)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return super().loss({"frames": batch["frames"] * self.found})


class RemembersTheLastStep(Good):
    last = 0.0

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts = super().loss(batch)
        loss = parts["loss"] * (1.0 + self.last)
        if self.training and loss.device.type != "meta":
            self.last = float(loss.detach())
        return {**parts, "loss": loss}


class HoldsATensor(Good):
    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.window = torch.ones(FRAME)


class HidesAModule(Good):
    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.hidden = [nn.Linear(2, 2)]


class MakesTensorsOnTheCpu(Good):
    def noise(self, code: Tensor) -> Tensor:
        return 0.01 * torch.randn(code.shape)


class Rivals(Good):
    """A second player tells codes from noise, and the first one wants it to fail."""

    def __init__(self, config: Settings) -> None:
        super().__init__(config)
        self.critic = nn.Linear(config.size, 1)

    def players(self) -> tuple[Player, ...]:
        model = (*self.encoder.parameters(), *self.decoder.parameters())
        critic = Player("critic", tuple(self.critic.parameters()), self.critic_loss, 5e-5, (0.5, 0.9))
        return Player("model", model, self.loss), critic

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        parts = super().loss(batch)
        told = self.critic(self.codes(batch)["code"]).mean()
        return {**parts, "told": told, "loss": parts["loss"] + told}

    def critic_loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        code = self.codes(batch)["code"].detach()
        told, noise = nn.functional.softplus(self.critic(code)), self.critic(torch.randn_like(code))
        return {"loss": (told + nn.functional.softplus(-noise)).mean()}
