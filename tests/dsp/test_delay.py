from __future__ import annotations

import pytest
import torch

from latentfx.dsp.delay import Delay
from latentfx.errors import ShapeError


@pytest.mark.parametrize("samples", [0, 1, 63, 64, 65, 768])
@pytest.mark.parametrize("block", [1, 64, 1000])
def test_audio_comes_out_so_many_samples_later_to_the_bit(samples: int, block: int) -> None:
    audio = torch.randn(2, 3, 1000)
    line = Delay(3, samples)
    state, pieces = line.initial_state(2), []
    for piece in audio.split(block, -1):
        out, state = line(piece, state)
        pieces.append(out)
    out = torch.cat(pieces, -1)
    assert line.latency == samples
    assert torch.equal(out[..., samples:], audio[..., : 1000 - samples])
    assert out[..., :samples].abs().sum() == 0.0


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="delay is -1 samples of 2 channels"):
        Delay(2, -1)
