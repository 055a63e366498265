"""Where and how precisely to compute: Lightning Fabric, set up for what the user asked for.

A run asks the `Fabric` for its device, autocast, backward passes and clipping. With `float32` on a CPU every
number is the one that plain torch computes, bit for bit.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric

from latentfx.errors import RecipeError
from latentfx.training.runs.together import placed_by_launcher

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"float32": "32-true", "bfloat16": "bf16-mixed"}
"""What a recipe says, and Fabric's name for it."""
AUTO = ("cuda", "mps")


def make_fabric(
    device: str = "auto", precision: str = "float32", devices: int | None = None, nodes: int | None = None
) -> Fabric:
    """Set up one process on one device, or several that train together (DDP).

    Under torchrun and SLURM the processes are there already. Else Fabric starts those of this machine: it
    runs the program again with its arguments.

    Args:
        device: `auto` takes the first of CUDA, MPS (Apple) and the CPU that this machine has.
        precision: `float32`, or `bfloat16` for autocast.
        devices: processes on each machine, a device each; None takes what torchrun or SLURM says, else 1.
        nodes: machines; None likewise.
    Returns:
        Fabric, launched.
    Raises:
        RecipeError: a device that this machine or torch does not have, or numbers that the launcher denies.
    """
    devices, nodes = _count(devices, nodes)
    place = _choose(device)
    if devices * nodes > 1:
        return _launched(place, precision, devices, nodes)
    chosen = 1 if place.index is None else [place.index]
    return Fabric(
        accelerator=place.type, devices=1 if place.type == "cpu" else chosen, precision=PRECISIONS[precision]
    )


def _count(devices: int | None, nodes: int | None) -> tuple[int, int]:
    placed = placed_by_launcher()
    wanted = (devices or (placed or (1, 1))[0], nodes or (placed or (1, 1))[1])
    if placed is not None and wanted != placed:
        raise RecipeError(
            f"--devices {wanted[0]} --nodes {wanted[1]} were given; torchrun or SLURM has started "
            f"{placed[0]} processes on each of {placed[1]} nodes. Leave both options out, or start as many"
        )
    if min(wanted) < 1:
        raise RecipeError(f"--devices {devices} --nodes {nodes}; allowed are whole numbers from 1")
    return wanted


def _launched(place: torch.device, precision: str, devices: int, nodes: int) -> Fabric:
    """Several processes, this one among them."""
    if place.type == "mps" or place.index is not None:
        raise _unusable(str(place), f"{devices * nodes} processes need a device each")
    if place.type == "cuda" and devices > torch.cuda.device_count():
        raise RecipeError(
            f"--devices is {devices}; this machine has {torch.cuda.device_count()} GPUs. Give fewer, or "
            "--device cpu"
        )
    if devices > 1 and placed_by_launcher() is None and not Path(sys.argv[0]).is_file():
        raise RecipeError(
            f"{devices} processes run this program again, and {sys.argv[0]!r} is no file to run. Start "
            "latentfx train, a script, or torchrun"
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it says what every user knows
    fabric = Fabric(
        accelerator=place.type,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp",
        precision=PRECISIONS[precision],
    )
    fabric.launch()
    return fabric


def _choose(name: str) -> torch.device:
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return found if found is not None and found.type in AUTO else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:  # it lists every kind that PyTorch was ever built for
        raise _unusable(name, "PyTorch knows no such device") from None
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise _unusable(name, reason) from None
    if device.type not in (*AUTO, "cpu"):
        raise _unusable(name, "latentfx does not train on it")
    return device


def _unusable(name: str, reason: str) -> RecipeError:
    return RecipeError(f"device {name!r} cannot be used ({reason}); give auto, cpu, cuda, cuda:1 or mps")
