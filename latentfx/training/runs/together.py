"""The processes of one run: what they share, and what they agree on. One process alone exchanges nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from latentfx.errors import RecipeError, TrainingError
from latentfx.training.runs.rng import seed_everything
from latentfx.training.runs.stopping import Reason

_REASONS: Final[tuple[Reason | None, ...]] = (None, "time", "interrupted")


class Together:
    """The processes that train one model, each on its share of every batch.

    Every process holds the whole model. After each backward pass the gradients are averaged, so that all take
    the same step. The first process alone writes, prints and validates, and tells the others what it found.

    Args:
        fabric: launched, where there are several processes.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.rank, self.size = fabric.global_rank, fabric.world_size
        self._told = False

    @property
    def first(self) -> bool:
        """Whether this process writes, prints and validates."""
        return self.rank == 0

    def share_of(self, batch_size: int) -> slice:
        """Rows of each batch that are this process's.

        Raises:
            RecipeError: a batch that cannot be shared evenly.
        """
        if batch_size % self.size:
            raise RecipeError(
                f"train.batch_size is {batch_size}; with {self.size} processes it must be a multiple of "
                f"{self.size}, because each takes an equal share of the batch"
            )
        rows = batch_size // self.size
        return slice(self.rank * rows, (self.rank + 1) * rows)

    def seed_step(self, seed: int, step: int) -> None:
        """Seed what the loss draws in a step, by (seed, step, rank). One process alone draws on."""
        if self.size > 1:
            drawn = np.random.SeedSequence((seed, step, self.rank)).generate_state(1)
            seed_everything(int(drawn[0]))

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """The mean of each value over the processes."""
        if self.size == 1:
            return dict(values)
        told = torch.tensor(list(values.values()), dtype=torch.float64, device=self.fabric.device)
        found = self._reduced(told, "mean").tolist()
        return dict(zip(values, found, strict=True))

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every process the mean of all their gradients.

        A parameter without a gradient anywhere keeps none; one with a gradient in some processes gets one in
        all.
        """
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        if self.size == 1 or not trained:
            return
        has = torch.tensor([float(p.grad is not None) for p in trained], device=self.fabric.device)
        flat = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
        joined = torch.cat([has, *(value.reshape(-1).float() for value in flat)])
        mean = self._reduced(joined, "mean")
        anywhere, at = (mean[: len(trained)] > 0).tolist(), len(trained)
        for parameter, found in zip(trained, anywhere, strict=True):
            if found:
                part = mean[at : at + parameter.numel()]
                parameter.grad = part.reshape(parameter.shape).to(parameter.dtype).clone()
            at += parameter.numel()

    def agree(self, reason: Reason | None) -> Reason | None:
        """The reason to stop, where any of them has one."""
        if self.size == 1:
            return reason
        told = torch.tensor([float(_REASONS.index(reason))], device=self.fabric.device)
        return _REASONS[int(self._reduced(told, "max"))]

    def tell(self, what: Any = None) -> Any:
        """What the first process says; the others give nothing."""
        self._told = True
        return what if self.size == 1 else self.fabric.broadcast(what)

    def share_tensors(self, module: nn.Module) -> None:
        """Give every process the weights and buffers of the first."""
        if self.size > 1:
            for value in module.state_dict().values():
                if isinstance(value, Tensor):
                    with torch.no_grad():
                        value.copy_(self.fabric.broadcast(value.detach().cpu()).to(value.device))

    def _reduced(self, values: Tensor, how: str) -> Tensor:
        found = self.fabric.all_reduce(values, reduce_op=how)
        assert isinstance(found, Tensor)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.size == 1:
            return
        if error is not None and self.first and not self._told:
            self.tell(Failed(str(error)))
        if error is None and torch.distributed.is_initialized():
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


class Failed:
    """What the first process tells the others when it cannot begin.

    Args:
        reason: its error.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def error(self) -> TrainingError:
        """The error that the others raise."""
        return TrainingError(f"the first process could not begin: {self.reason}")


def placed_by_launcher(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """Processes a node and nodes, as torchrun or SLURM has started them; None where neither has.

    >>> placed_by_launcher({"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"})
    (4, 2)
    >>> placed_by_launcher({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_NNODES": "2"})
    (4, 2)
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        local = int(environment["LOCAL_WORLD_SIZE"])
        return local, int(environment["WORLD_SIZE"]) // local
    tasks = int(environment.get("SLURM_NTASKS", "1"))
    interactive = environment.get("SLURM_JOB_NAME") in ("bash", "interactive")
    if tasks > 1 and "SLURM_PROCID" in environment and not interactive:
        nodes = int(environment.get("SLURM_NNODES", environment.get("SLURM_JOB_NUM_NODES", "1")))
        return tasks // nodes, nodes
    return None


def is_first_process(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the first of its run, as far as its environment tells before a launch."""
    if "TORCHELASTIC_RUN_ID" in environment:
        return environment["RANK"] == "0"
    if placed_by_launcher(environment) is not None:
        return environment["SLURM_PROCID"] == "0"
    return environment.get("LOCAL_RANK", "0") == environment.get("NODE_RANK", "0") == "0"
