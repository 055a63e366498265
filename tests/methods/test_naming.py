"""A classifier that learns from recordings and teaches a decoder."""

from __future__ import annotations

import dataclasses

import torch
from tiny_swap import tiny_config
from torch import Tensor

from latentfx.methods.jdsae import JDSAE
from latentfx.methods.naming import SpectrumNamer

SPECTRAL = tiny_config().spectral


def spectra(label: Tensor, seed: int = 0) -> Tensor:
    """Noise with one loud region for each label: [B, 4, F]."""
    noise = 0.3 * torch.randn(len(label), 4, SPECTRAL.bins, generator=torch.Generator().manual_seed(seed))
    region = torch.arange(SPECTRAL.bins) // 64
    return noise + 2.0 * (region == label.view(-1, 1, 1))


def learnt() -> SpectrumNamer:
    torch.manual_seed(0)
    namer = SpectrumNamer(SPECTRAL, 3)
    optimizer = torch.optim.AdamW(namer.parameters(), lr=3e-3)
    label = torch.tensor([0, 1, 2, -1]).repeat(8)
    for seed in range(60):
        optimizer.zero_grad()
        namer.learn(spectra(label, seed), label).backward()
        optimizer.step()
    return namer


def test_it_learns_to_name_recordings_and_skips_those_without_a_name() -> None:
    namer, label = learnt(), torch.tensor([2, 0, 1, 1])
    assert namer(spectra(label, 1000)).argmax(1).tolist() == label.tolist()
    wrong = spectra(torch.tensor([2, 0, 1, 0]), 1000)
    skipped = torch.tensor([2, 0, 1, -1])
    assert float(namer.learn(wrong, skipped).detach()) < 0.1 < float(namer.learn(wrong, label).detach())


def test_what_it_judges_learns_and_it_does_not() -> None:
    namer, label = learnt(), torch.tensor([0, 1, 2])
    namer.zero_grad()
    worn = spectra(torch.tensor([1, 1, 1])).requires_grad_()
    before = float(namer.judge(worn, label).detach())
    namer.judge(worn, label).backward()
    assert all(weight.grad is None for weight in namer.parameters())
    assert worn.grad is not None
    better = (worn - 300.0 * worn.grad).detach()
    assert float(namer.judge(better, label)) < before - 0.1


def test_the_objective_judges_once_every_timbre_has_been_heard() -> None:
    model = JDSAE(dataclasses.replace(tiny_config(), judged_weight=0.5))
    x, z = torch.randn(6, 4, SPECTRAL.bins), torch.randn(6, 4, 9)
    instrument = torch.tensor([0, 1, 2, -1, 0, 1])
    assert [float(term.detach()) for term in model._judged(x, z, instrument)] == [0.0, 0.0]
    model.timbre_weights.fill_(1.0)
    heard, judged = model._judged(x, z, instrument)
    assert min(float(heard.detach()), float(judged.detach())) > 0.1
    (heard + judged).backward()
    assert model.namer is not None
    assert all(weight.grad is not None for weight in model.namer.parameters())
    assert model.networks.decoder.get_parameter("notes").grad is not None
    assert JDSAE(dataclasses.replace(tiny_config(), judged_weight=0.0)).namer is None
