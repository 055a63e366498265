"""Settings of SPS and SPS+: what is seen, what the groups are, and what is added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from latentfx.errors import RecipeError
from latentfx.methods.sps.groups import GroupConfig, TransformGroup

Preset = Literal["paper", "official-audio", "official-video", "official-kitti"]
Kind = Literal["vae", "ae", "beta-vae"]
View = Literal["notes", "video", "masks"]


@dataclass(frozen=True)
class Weights:
    """Figures of a preset.

    Args:
        prior: weight of the squared error of the prior's prediction.
        symmetry: weight of the squared errors of the predictions under a transform.
        agreement: whether the prediction under a transform is also compared with the plain prediction.
        kl: weight of the divergence from N(0, I).
        reach: largest translation.
        noise: `correct` draws with exp(0.5 logvar); `reference` with 0.5 exp(logvar), a defect of the
            published code.
        alpha, beta: of the schedule of teacher forcing.
    """

    prior: float
    symmetry: float
    agreement: bool = True
    kl: float = 0.01
    reach: float = 1.0
    noise: Literal["correct", "reference"] = "reference"
    alpha: float = 2200.0
    beta: float = 8000.0


PRESETS: Mapping[str, Weights] = {
    "paper": Weights(1.0, 2.0, noise="correct"),
    "official-audio": Weights(2.0, 4.0, agreement=False, reach=4.0),
    "official-video": Weights(2.0, 2.0),
    "official-kitti": Weights(20.0, 20.0, alpha=1200.0, beta=6000.0),
}
GIVEN: Mapping[str, int] = {"notes": 3, "video": 5, "masks": 4}


@dataclass(frozen=True)
class NoteImagesConfig:
    """Spectrograms of single notes that follow one another on a grid.

    Args:
        sample_rate: Hz.
        hop_length: samples from frame to frame. A frame is a centred Hann window of 1024 samples; the ends of
            the audio are padded with zeros.
        frames: of one note; the next note begins right after them.
        scale: `log` is log2(magnitude + 1) / 12.5, as in the published code; `linear` is magnitude / 2800.
            A full-scale sine has a magnitude of about 512.
    """

    sample_rate: int = 16_000
    hop_length: int = 512
    frames: int = 5
    scale: Literal["log", "linear"] = "log"


@dataclass(frozen=True)
class SPSConfig:
    """Settings of the method.

    Args:
        preset: where the figures come from that are None below: the `paper`, or the configuration that the
            published code trains audio, video or KITTI with.
        kind: `vae`; `ae`, whose code is the mean and which has no divergence; or the baseline `beta-vae`,
            which keeps the reconstruction and the divergence alone.
        view: what is encoded: `notes` of audio, frames of a `video`, or `masks`.
        notes: how notes become images.
        image_size: height and width of a frame of the view `video`, a multiple of 8.
        content: dimensions of the code that the prior predicts.
        style: dimensions that stay the same over time (SPS+).
        copies: transforms that each sequence is trained under in a step (K); 0 has none.
        groups: of the transforms. By default translations along every content dimension.
        compose: `separate` trains each group by itself, with K transforms each; `joint` composes one element
            of each to one transform.
        pool_from: random pooling takes the style of one of the first so many frames; 0 takes any frame.
        prior_layers, prior_units: of the prior.
        prior_cell: `rnn` (tanh) or `gru`.
        prior_weight, symmetry_weight, kl_weight: None takes the preset's.
        agreement: compare the predictions under a transform with the plain one too; None takes the preset's.
        noise: of a draw; None takes the preset's.
        given: frames that the prior always sees; None takes 3 of notes, 5 of a video, 4 of masks.
        alpha, beta: of the schedule of teacher forcing; None takes the preset's.
        iterations: length of the run that the schedule is compressed to; 0 keeps the published length.
        init: `scaled` makes the first codes 300 times as large and their noise small. With `default` the
            inputs, which are small, give codes near 0, and the model starts on a long plateau.
    """

    preset: Preset = "paper"
    kind: Kind = "vae"
    view: View = "notes"
    notes: NoteImagesConfig = field(default_factory=NoteImagesConfig)
    image_size: int = 32
    content: int = 1
    style: int = 0
    copies: int = 4
    groups: tuple[GroupConfig, ...] = ()
    compose: Literal["separate", "joint"] = "separate"
    pool_from: int = 0
    prior_layers: int = 1
    prior_units: int = 256
    prior_cell: Literal["rnn", "gru"] = "rnn"
    prior_weight: float | None = None
    symmetry_weight: float | None = None
    kl_weight: float | None = None
    agreement: bool | None = None
    noise: Literal["correct", "reference"] | None = None
    given: int | None = None
    alpha: float | None = None
    beta: float | None = None
    iterations: int = 0
    init: Literal["default", "scaled"] = "default"

    def __post_init__(self) -> None:
        if self.content < 1 or min(self.style, self.copies, self.pool_from, self.iterations) < 0:
            raise RecipeError(
                f"method.content is {self.content}, style {self.style}, copies {self.copies}, pool_from "
                f"{self.pool_from}, iterations {self.iterations}; allowed 1 or more, then 0 or more"
            )
        if self.image_size < 8 or self.image_size % 8:
            raise RecipeError(f"method.image_size is {self.image_size}; allowed multiples of 8")
        for group in self.groups:
            if max(group.dims) >= self.content:
                raise RecipeError(
                    f"a group of method.groups acts on the dimensions {list(group.dims)}; "
                    f"allowed 0 to {self.content - 1}, the content"
                )

    @property
    def weights(self) -> Weights:
        """The figures in use."""
        base = PRESETS[self.preset]
        return Weights(
            base.prior if self.prior_weight is None else self.prior_weight,
            base.symmetry if self.symmetry_weight is None else self.symmetry_weight,
            base.agreement if self.agreement is None else self.agreement,
            base.kl if self.kl_weight is None else self.kl_weight,
            base.reach,
            base.noise if self.noise is None else self.noise,
            base.alpha if self.alpha is None else self.alpha,
            base.beta if self.beta is None else self.beta,
        )

    @property
    def given_frames(self) -> int:
        """Frames that the prior always sees."""
        return GIVEN[self.view] if self.given is None else self.given

    @property
    def symmetric(self) -> bool:
        """Whether there are transforms."""
        return self.kind != "beta-vae" and self.copies > 0

    def families(self) -> tuple[TransformGroup, ...]:
        """The groups that are trained each by itself."""
        if not self.symmetric:
            return ()
        reach = self.weights.reach
        parts = self.groups or (GroupConfig("translation", tuple(range(self.content))),)
        lists = [parts] if self.compose == "joint" else [(part,) for part in parts]
        return tuple(TransformGroup(self.content, tuple(each), reach) for each in lists)

    @property
    def title(self) -> str:
        """What a table calls it.

        >>> SPSConfig().title, SPSConfig(kind="ae", copies=0).title, SPSConfig(kind="beta-vae").title
        ('SPS-VAE, K = 4', 'SPS-AE, K = 0', 'beta-VAE')
        """
        if self.kind == "beta-vae":
            return "beta-VAE"
        return f"SPS{'+' if self.style else '-' + self.kind.upper()}, K = {self.copies}"
