"""KITTI-Masks are read from an .npz file of plain arrays, and from nothing that could run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentfx.errors import DataError
from latentfx.training.data.load import load_data

LENGTHS = (12, 5, 14, 13)


def sequences() -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    masks = [(rng.random((length, 64, 64)) > 0.5).astype(np.float64) for length in LENGTHS]
    return masks, [rng.random((length, 3)) for length in LENGTHS]


def write(folder: Path) -> str:
    masks, latents = sequences()
    named = {f"pedestrians_{i}": mask for i, mask in enumerate(masks)}
    named |= {f"pedestrians_latents_{i}": known for i, known in enumerate(latents)}
    np.savez(folder / "kitti.npz", **named)  # type: ignore[arg-type]
    return "kitti.npz"


def load(folder: Path, path: str, **settings: object) -> Any:
    part = {"kind": "masks", "path": path, "test": 1, **settings}
    return load_data({"parts": [part]}, 16_000, seed=0, data_root=folder)


def test_long_enough_sequences_are_cut_and_the_first_ones_are_for_the_test(tmp_path: Path) -> None:
    data = load(tmp_path, write(tmp_path))
    masks, latents = sequences()
    assert (len(data.train), len(data.validation)) == (2, 1)
    assert np.array_equal(data.validation[0].arrays["masks"][:, 0], masks[0])
    assert np.array_equal(data.train[0].arrays["masks"], masks[2][:12, None])
    assert np.array_equal(data.train[0].labels["area"], latents[2][:12, 2])
    assert any("3 of 4 sequences" in note for note in data.notes)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04]\x94."])
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "some.pickle").write_bytes(content)
    with pytest.raises(DataError, match=r"some\.pickle cannot be read as an \.npz file"):
        load(tmp_path, "some.pickle")


def test_an_npz_file_that_hides_a_pickle_is_refused(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "odd.npz",
        pedestrians_0=np.array([{}], dtype=object),
        pedestrians_latents_0=np.zeros((12, 3)),
    )
    with pytest.raises(DataError, match=r"odd\.npz"):
        load(tmp_path, "odd.npz")


def test_too_few_sequences_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 sequences of 12 frames, of which 3"):
        load(tmp_path, write(tmp_path), test=3)
