"""What the verbs `apply` and `preset apply` are asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latentfx.spec import Setting

if TYPE_CHECKING:
    from latentfx.automation import Automation
    from latentfx.preset import Preset


@dataclass(frozen=True)
class ManyOptions:
    """How several recordings are worked on.

    Args:
        on: where: `local`, `ray` or `ray://HOST:PORT`.
        jobs: how many side by side.
        suffix: format of the results.
        shard: the part of the batch, such as `3/16`.
        again: whether what is done is done once more.
        json: whether one JSON object is printed instead of lines.
    """

    on: str = "local"
    jobs: int | None = None
    suffix: str | None = None
    shard: str | None = None
    again: bool = False
    json: bool = False


@dataclass(frozen=True)
class ApplyJob:
    """What is to be run through what.

    Args:
        sources: files, folders, patterns or URLs.
        target: the sound file to write; a folder or URL for several.
        plugin: name or file of a plugin, or a preset.
        controls: controls and blends by name.
        reference: a recording to learn a choice from.
        side: a recording for the side-chain.
        plot: whether a picture is drawn.
        automation: moves of the controls.
        many: how several are worked on.
        normalize: whether results are scaled.
    """

    sources: list[str]
    target: str
    plugin: str | Preset
    controls: Mapping[str, Setting]
    reference: Path | None = None
    side: Path | None = None
    plot: bool = False
    automation: Automation | None = None
    many: ManyOptions = ManyOptions()
    normalize: bool = False
