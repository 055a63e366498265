"""`ball`: a ball that bounces on a floor, as video, drawn by a small renderer of our own.

The ball moves steadily along the floor and falls and bounces in height. Frames are drawn at 320 x 320, one
ray a pixel, and averaged down.

Source: the video experiments of "Learning interpretable low-dimensional representation via physical
symmetry", 2023, and its code; the renderer is a re-implementation.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from latentfx.errors import RecipeError
from latentfx.training.data.example import Example, Label
from latentfx.training.data.side import Group, Outline, Side
from latentfx.training.data.source import DataSource, Job, Made

Float64 = NDArray[np.float64]
Bytes = NDArray[np.uint8]
GRAVITY, STEP_S, KEPT_SPEED = 10.0, 0.2, math.sqrt(1.0 - 0.19)
GREEN = (0.05, 0.9, 0.05)
BOXES = (
    ((-3.0, -1.5), (0.0, 3.0), (0.2, 2.0), (0.2, 3.0)),
    ((-1.5, 1.5), (0.0, 2.0), (-1.0, 1.0), (0.0, 3.0)),
    ((1.5, 3.0), (0.0, 3.0), (-2.0, -0.2), (0.2, 3.0)),
)
"""Where a ball starts: x, z, and the speeds along them. It starts at the height 1 with a speed of -8 to 8."""
DRAWN = 320
EYE, TARGET = np.array([0.0, 4.0, 2.0]), np.array([0.0, 0.0, -5.0])
HALF_WIDTH, FAR, RADIUS = 0.8, 15.0, 0.5
PLANE, SPACING = -0.5, 2.0
GREY, AMBIENT = 0.4, 0.2
GROUP = 16
"""Balls that are drawn together."""


@dataclass(frozen=True)
class Ball(DataSource):
    """Videos of a bouncing ball.

    Examples have the array `video` [N, 3, size, size] of bytes, the labels `x`, `y`, `z` of every frame, and
    `red`, `green`, `blue` of the ball.

    Args:
        train: videos to train on.
        test: videos to judge by.
        frames: of each, 0.2 s apart.
        size: height and width; a divisor of 320.
        colours: `one` is green; `many` draws one at random for each video.
    """

    limits: ClassVar = {"train": (1, 100_000), "test": (1, 100_000), "frames": (2, 1000), "size": (8, DRAWN)}
    by_instrument: ClassVar[bool] = False
    train: int = 512
    test: int = 512
    frames: int = 20
    size: int = 32
    colours: Literal["one", "many"] = "one"

    def __post_init__(self) -> None:
        if DRAWN % self.size:
            raise RecipeError(f"size of a ball part is {self.size}; allowed are divisors of {DRAWN}")

    def make(self, job: Job) -> Made:
        """Outline both sides; videos are drawn when they are read, or now where they are kept in memory."""
        sides = []
        for side, count in (("train", self.train), ("test", self.test)):
            groups: list[Group] = []
            for start in range(0, count, GROUP):
                job.progress(f"drawing balls, {side}", start, count)
                numbers = range(start, min(start + GROUP, count))
                names = [f"{job.kind}-{job.index}/{side}-{number}" for number in numbers]
                known = [Outline(name, "", self.frames * STEP_S) for name in names]
                groups.append(job.group(functools.partial(self._videos, names, job), known))
            sides.append(Side(groups))
        return Made(sides[0], sides[1], {"licence": {"generated": self.train + self.test}})

    def _videos(self, names: Sequence[str], job: Job) -> list[Example]:
        return [self._video(name, job.rng(name.rpartition("/")[2])) for name in names]

    def _video(self, name: str, rng: np.random.Generator) -> Example:
        places = throw(rng, self.frames)
        colour = np.array(GREEN) if self.colours == "one" else rng.random(3)
        video = np.stack([draw(place, colour, self.size) for place in places])
        labels: dict[str, Label] = dict(zip("xyz", places.T, strict=True))
        labels |= dict(zip(("red", "green", "blue"), map(float, colour), strict=True))
        return Example({"video": video}, 1.0 / STEP_S, labels, name)


def throw(rng: np.random.Generator, frames: int) -> Float64:
    """Draw a start, and let the ball fly.

    Shape:
        -> [frames, 3], the places x, y, z
    """
    x, z, speed_x, speed_z = (rng.uniform(*limits) for limits in BOXES[int(rng.integers(len(BOXES)))])
    heights = bounce(1.0, float(rng.uniform(-8.0, 8.0)), frames)
    times_s = STEP_S * np.arange(frames)
    return np.stack([x + speed_x * times_s, heights, z + speed_z * times_s], axis=1)


def bounce(height: float, speed: float, frames: int) -> Float64:
    """Heights of a ball that keeps 0.9 of its speed at each bounce on the height 0.

    Args:
        height: of the first frame, 0 or more.
        speed: upwards.
        frames: 0.2 s apart.
    """
    found = [height]
    for _ in range(frames - 1):
        left_s = STEP_S
        while left_s > 0.0:
            landing_s = (speed + math.sqrt(speed**2 + 2.0 * GRAVITY * height)) / GRAVITY
            flown_s = min(landing_s, left_s)
            height = max(height + speed * flown_s - 0.5 * GRAVITY * flown_s**2, 0.0)
            speed -= GRAVITY * flown_s
            left_s -= flown_s
            if flown_s == landing_s:
                height, speed = 0.0, -KEPT_SPEED * speed
                if speed < 1e-3:
                    speed, left_s = 0.0, 0.0
        found.append(height)
    return np.array(found)


def draw(place: Float64, colour: Float64, size: int) -> Bytes:
    """One frame.

    Args:
        place: x, y, z of the ball; it is drawn at (x, y, -z).
        colour: from 0 to 1.
        size: height and width of the frame.
    Shape:
        place [3], colour [3] -> [3, size, size]
    """
    rays, ground = _scene()
    image = ground.copy()
    towards = EYE - np.array([place[0], place[1], -place[2]])
    half = rays @ towards
    root = half**2 - (towards @ towards - RADIUS**2)
    hit = root > 0.0
    distance = -half[hit] - np.sqrt(root[hit])
    ahead = distance > 0.0
    rows, columns = (index[ahead] for index in np.nonzero(hit))
    normal = (distance[ahead, None] * rays[rows, columns] + towards) / RADIUS
    light = _view().T @ (np.array([0.0, 1.0, 4.0]) / math.sqrt(17.0))
    shade = AMBIENT + np.maximum(normal @ light, 0.0)
    image[rows, columns] = np.clip(colour * shade[:, None], 0.0, 1.0)
    block = DRAWN // size
    mean = image.reshape(size, block, size, block, 3).mean(axis=(1, 3))
    return np.asarray(np.round(255.0 * mean).transpose(2, 0, 1), dtype=np.uint8)


def _view() -> Float64:
    """Axes of the eye as rows: right, up, backwards."""
    back = (EYE - TARGET) / np.linalg.norm(EYE - TARGET)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(back, right), back])


@functools.cache
def _scene() -> tuple[Float64, Float64]:
    """Rays of length 1 through every pixel, and the picture without a ball.

    Shape:
        -> [320, 320, 3], [320, 320, 3]
    """
    along = HALF_WIDTH * ((np.arange(DRAWN) + 0.5) / DRAWN * 2.0 - 1.0)
    through = np.stack(np.broadcast_arrays(along, -along[:, None], -1.0), axis=-1)
    rays = through @ _view()
    down = np.minimum(rays[..., 1], -1e-9)
    depth = (PLANE - EYE[1]) / down
    near = (rays[..., 1] < 0.0) & (depth < FAR)
    lines = np.zeros((DRAWN, DRAWN), dtype=bool)
    for axis in (0, 2):
        ground = (EYE[axis] + depth * rays[..., axis]) / SPACING
        pixel = np.hypot(*np.gradient(ground))
        lines |= np.abs(ground - np.round(ground)) < 0.5 * pixel
    picture = np.where((lines & near)[..., None], 0.0, GREY) * np.ones(3)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True), picture
