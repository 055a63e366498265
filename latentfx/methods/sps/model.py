"""SPS and SPS+: an autoencoder whose codes follow a law that does not change when the codes are moved.

A recurrent prior R predicts each code from those before it. Under transforms S of a group, R(S z) = S R(z):
transformed codes go through R, S is undone, and the same predictions are wanted. On melodies that is enough
to make a code of one dimension proportional to pitch, without labels.

Source: Liu, Chin, Huang, Wang, Xia, "Learning interpretable low-dimensional representation via physical
symmetry", NeurIPS 2023; its code, where the two disagree, by `preset`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from latentfx.methods.base import AnyExample, Objective
from latentfx.methods.cache import FeatureCache
from latentfx.methods.common.gaussian import Gaussian, sample
from latentfx.methods.sps.config import SPSConfig
from latentfx.methods.sps.images import NoteImages, as_numbers, prepare_frames, prepare_notes
from latentfx.methods.sps.networks import (
    MASK_CHANNELS,
    MASK_SIZE,
    NOTE_CHANNELS,
    NOTE_ROWS,
    VIDEO_CHANNELS,
    Encoder,
    FrameDecoder,
    NoteDecoder,
    image_encoder_body,
    note_encoder_body,
)
from latentfx.methods.sps.prior import Prior, draw_forcing, forcing_probability
from latentfx.methods.sps.terms import (
    CodeAgreement,
    CodeDivergence,
    Equivariance,
    ImageError,
    Prediction,
    PriorError,
    SequencePass,
    TurnedPrediction,
)
from latentfx.methods.terms import Term, add_up


class SPS(Objective):
    """Encoder, prior and decoder, and the terms of one of the objectives.

    Args:
        config: see `SPSConfig`.
    """

    config_type: ClassVar[type] = SPSConfig
    stages: ClassVar[tuple[str, ...]] = ("train",)
    config: SPSConfig
    iteration: Tensor

    def __init__(self, config: SPSConfig) -> None:
        super().__init__(config)
        self.images = NoteImages(config.notes) if config.view == "notes" else None
        self.encoder, self.decoder = build_networks(config)
        plain = config.kind == "beta-vae"
        sizes = config.prior_units, config.prior_layers, config.prior_cell
        self.prior = None if plain else Prior(config.content, *sizes)
        self.families = config.families()
        self.terms = terms_of(config)
        self.register_buffer("iteration", torch.zeros((), dtype=torch.long))

    @property
    def sample_rate(self) -> int:
        return self.config.notes.sample_rate

    def prepare(self, examples: Sequence[AnyExample]) -> FeatureCache:
        """Images of every example: a frame of the features is a note, or a frame of a video."""
        if self.images is not None:
            return prepare_notes(examples, self.images)
        config = self.config
        if config.view == "video":
            return prepare_frames(examples, "video", VIDEO_CHANNELS[0], config.image_size)
        return prepare_frames(examples, "masks", MASK_CHANNELS[0], MASK_SIZE)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The terms of the objective; beside them `z_std`, the deviation of the content over the batch.

        A run is on the plateau, where the decoder ignores the code, as long as `z_std` stays small.
        """
        seen = self.see(as_numbers(batch["image"]))
        if self.training:
            self.iteration += 1
        spread = seen.q[0][..., : self.config.content].detach().std(dim=(0, 1), correction=0).mean()
        return {**add_up(self.terms, seen), "z_std": spread}

    def see(self, images: Tensor) -> SequencePass:
        """Encode, draw, predict and decode.

        Shape:
            [B, T, ...]
        """
        config = self.config
        q = self.encode(images)
        drawn = self.draw(q)
        z, style = drawn[..., : config.content], self.pooled(drawn[..., config.content :])
        if self.prior is None:
            decoded = self.decode(z, style)
            return SequencePass(images, q, z, decoded, z[:, :0], decoded[:, :0])
        predicted = self.prior(z, self.forcing(z.shape[1] - 1))
        turned = self.turn(self.prior, z)
        later = style[:, 1:].repeat(config.copies, 1, 1)
        parts = [(z, style), (predicted, style[:, 1:]), *((each.flatten(0, 1), later) for each in turned)]
        decoded, decoded_predicted, *others = self.decode_all(parts)
        shape = (config.copies, len(images), images.shape[1] - 1)
        return SequencePass(
            images,
            q,
            z,
            decoded,
            predicted,
            decoded_predicted,
            turned,
            tuple(other.reshape(*shape, *other.shape[2:]) for other in others),
            config.copies,
        )

    def encode(self, images: Tensor) -> Gaussian:
        """Posteriors of content and style.

        Shape:
            [B, T, ...] -> two of [B, T, content + style]
        """
        mean, logvar = self.encoder(images.flatten(0, 1))
        return mean.unflatten(0, images.shape[:2]), logvar.unflatten(0, images.shape[:2])

    def draw(self, q: Gaussian) -> Tensor:
        """Codes: draws of a variational model, means of an autoencoder."""
        mean, logvar = q
        if self.config.kind == "ae":
            return mean
        if self.config.weights.noise == "reference":
            return mean + 0.5 * logvar.exp() * torch.randn_like(mean)
        return sample(q)

    def pooled(self, style: Tensor) -> Tensor:
        """Random pooling: the style of one frame, the same frame for the whole batch, at every time.

        Shape:
            [B, T, S] -> [B, T, S]
        """
        if self.config.style == 0 or self.config.kind == "beta-vae":
            return style
        frames = style.shape[1]
        among = min(self.config.pool_from or frames, frames)
        index = int(torch.randint(among, ()))
        return style[:, index : index + 1].expand(-1, frames, -1)

    def forcing(self, steps: int) -> list[bool]:
        """Which steps of a roll-out see the code, at this point of the training."""
        config, weights = self.config, self.config.weights
        probability = forcing_probability(int(self.iteration), weights.alpha, weights.beta, config.iterations)
        return draw_forcing(steps, config.given_frames, probability)

    def turn(self, prior: Prior, z: Tensor) -> tuple[Tensor, ...]:
        """For each group: transform, predict, transform back.

        Shape:
            [B, T, C] -> each [K, B, T - 1, C]
        """
        copies, found = self.config.copies, []
        for family in self.families:
            motion = family.sample(copies, len(z), z)
            predicted = prior(motion.apply(z.repeat(copies, 1, 1)), self.forcing(z.shape[1] - 1))
            found.append(motion.inverse().apply(predicted).unflatten(0, (copies, len(z))))
        return tuple(found)

    def decode(self, z: Tensor, style: Tensor) -> Tensor:
        """Logits of images.

        Shape:
            z [B, T, C], style [B, T, S] -> [B, T, ...]
        """
        return self.decode_all([(z, style)])[0]

    def decode_all(self, parts: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
        """Logits of several groups of codes, in one pass."""
        codes = [torch.cat(part, dim=-1) for part in parts]
        logits = self.decoder(torch.cat([code.flatten(0, 1) for code in codes]))
        pieces = logits.split([code.shape[0] * code.shape[1] for code in codes])
        return [piece.unflatten(0, code.shape[:2]) for piece, code in zip(pieces, codes, strict=True)]

    def codes(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Posterior means of the content, and of the style where there is one, for each frame."""
        return {name: mean for name, (mean, _) in self._spaces(batch).items()}

    def posteriors(self, batch: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Posteriors of the same; none of an autoencoder."""
        return {} if self.config.kind == "ae" else self._spaces(batch)

    def _spaces(self, batch: Mapping[str, Tensor]) -> dict[str, Gaussian]:
        mean, logvar = self.encode(as_numbers(batch["image"]))
        size = self.config.content
        found = {"content": (mean[..., :size], logvar[..., :size])}
        return found | ({"style": (mean[..., size:], logvar[..., size:])} if self.config.style else {})


def build_networks(config: SPSConfig) -> tuple[Encoder, nn.Module]:
    """Encoder and decoder of a view."""
    size, view = config.content + config.style, config.view
    heads = size, config.kind != "ae", config.init == "scaled"
    if view == "notes":
        frames = config.notes.frames
        encoder = Encoder(note_encoder_body(frames), NOTE_CHANNELS * NOTE_ROWS, *heads)
        return encoder, NoteDecoder(size, frames)
    channels = VIDEO_CHANNELS if view == "video" else MASK_CHANNELS
    side = config.image_size if view == "video" else MASK_SIZE
    features = channels[-1] * (side // 2 ** (len(channels) - 1)) ** 2
    return Encoder(image_encoder_body(channels), features, *heads), FrameDecoder(size, channels, side)


def terms_of(config: SPSConfig) -> tuple[Term[Any], ...]:
    """What an objective adds up."""
    weights = config.weights
    terms: list[Term[Any]] = [ImageError()]
    if config.kind != "beta-vae":
        terms += [Prediction(), PriorError(weights.prior)]
    if config.symmetric:
        terms += [TurnedPrediction(), Equivariance(weights.symmetry)]
        terms += [CodeAgreement(weights.symmetry)] if weights.agreement else []
    if config.kind != "ae":
        terms.append(CodeDivergence(weights.kl))
    return tuple(terms)
