"""Laws 2, 5, 6 and 7: latency, bad samples, silence, and knobs that do not click."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from latentfx.plugin import Plugin
from latentfx.testing.drive import (
    Terms,
    blocks_for,
    decibels,
    gap,
    phrase,
    random_controls,
    run,
    tone,
)
from latentfx.testing.latency import measure_latency
from latentfx.testing.report import Check

SILENCE_DB = -80.0
CLICK_RATIO = 3.0
ALIVE_DB = 12.0
_DRY_SAMPLES = 0
_UNHEARD_DB = -75.0
_LOUDER_DB = 6.0
_LOUDEST = 1e4  # hosts make silence of what is beyond
_QUIETEST_STEP = 1e-4


def check_latency(plugin: Plugin, terms: Terms) -> Check:
    """How far the latency that is measured lies from the one that is declared."""
    spec = plugin.spec
    found = measure_latency(plugin, nonlinear=terms.nonlinear, seed=terms.seed)
    slack = terms.latency_slack
    if slack is None:
        slack = max(spec.block_size, spec.sample_rate // 200) if terms.nonlinear else 0
    return Check(
        "latency",
        abs(found - spec.latency),
        slack,
        "samples off",
        f"The spec says {spec.latency} samples, {found} were measured. Set latency={found} "
        f"(latentfx.testing.measure_latency), or find the stage that delays too much{_if_nonlinear(terms)}",
    )


def _if_nonlinear(terms: Terms) -> str:
    """What else may be wrong where a plugin is judged as a linear one."""
    if terms.nonlinear:
        return ""
    return (
        ". If it is not linear (a model that makes its own phase, a distortion), it was judged too strictly: "
        "give nonlinear=True"
    )


def check_dry_latency(plugin: Plugin, terms: Terms) -> Check:
    """The same at mix = 0, to the sample: the dry path must be aligned with the wet one."""
    spec = plugin.spec
    controls = plugin.default_controls(1)
    controls[:, spec.index("mix")] = 0.0
    found = measure_latency(plugin, controls=controls, seed=terms.seed)
    return Check(
        "dry_latency",
        abs(found - spec.latency),
        _DRY_SAMPLES,
        "samples off",
        f"At mix = 0 the sound comes {found} samples late; the spec says {spec.latency}. Delay the dry "
        "path by the latency of the wet one",
    )


def _poisoned(plugin: Plugin, terms: Terms) -> tuple[Tensor, Tensor, int]:
    """A phrase with bad samples, the phrase with zeros in their place, and where they end."""
    blocks = blocks_for(plugin, terms.settle_s)
    clean = phrase(plugin, 2 * blocks, 1, terms.generator(8))
    bad = clean.clone()
    size = plugin.spec.block_size
    start = (blocks // 2) * size
    for offset, value in enumerate((math.nan, math.inf, -math.inf)):
        bad[..., start + offset * size // 4 :: 7 * size][..., :2] = value
    bad[..., start : start + size] = math.nan
    end = (blocks // 2 + 8) * size
    bad[..., end:] = clean[..., end:]
    return bad, torch.where(bad.isfinite(), clean, torch.zeros_like(clean)), end


def check_finite(plugin: Plugin, terms: Terms) -> Check:
    """How many samples that are no sound come out when NaN and Inf go in, and when full scale does."""
    bad, clean, _ = _poisoned(plugin, terms)
    count = 0
    for audio in (bad, (50.0 * clean).clamp(-1.0, 1.0)):
        out, state = run(plugin, audio, plugin.default_controls(1))
        count += int((~(out.abs() <= _LOUDEST)).sum())
        count += sum(int((~value.isfinite()).sum()) for value in state.values())
    return Check(
        "finite",
        count,
        0,
        "bad samples and state values",
        "NaN, Inf or values beyond 10,000 came out, of bad samples or of sound at full scale. Put zeros "
        "in place of samples that are not finite before anything else (latentfx.dsp.finite.finite), let "
        "no state keep one (latentfx.dsp.finite.StateGuard), and look for divisions and logarithms of 0",
    )


def check_recovery(plugin: Plugin, terms: Terms) -> Check:
    """How far the output is from the run without bad samples, once the time to settle is over.

    A linear plugin must be back to the same samples. A model may have taken another course (its phase
    depends on the past), so its level is compared, in dB.
    """
    bad, clean, end = _poisoned(plugin, terms)
    controls = plugin.default_controls(1)
    start = end + int(0.5 * terms.settle_s * plugin.spec.sample_rate)
    healed, reference = (run(plugin, audio, controls)[0][..., start:] for audio in (bad, clean))
    if terms.nonlinear:
        levels = [decibels(float(x.square().mean().sqrt())) for x in (healed, reference)]
        measured, allowed, unit = abs(levels[0] - levels[1]), ALIVE_DB, "dB off"
    else:
        measured, allowed, unit = gap(healed, reference), 10 * terms.tolerance, "difference"
    return Check(
        "recovery",
        measured if math.isfinite(measured) else math.inf,
        allowed,
        unit,
        f"{0.5 * terms.settle_s:g} s after bad samples the sound is not what it was. A state has kept "
        "them: set it back to its start where it is not finite (latentfx.dsp.finite.StateGuard)"
        f"{_if_nonlinear(terms)}",
    )


def check_silence(plugin: Plugin, terms: Terms) -> Check:
    """Peak level in silence, from the start and after sound, once the time to settle is over.

    Four rows: controls at their defaults, all at minimum, all at maximum, and at random.
    """
    blocks = blocks_for(plugin, terms.settle_s)
    tail = blocks_for(plugin, 0.25)
    corners = _corners(plugin, terms)
    sound = phrase(plugin, blocks, len(corners), terms.generator(9))
    silence = torch.zeros(sound.shape[0], sound.shape[1], (blocks + tail) * plugin.spec.block_size)
    start = blocks * plugin.spec.block_size
    _, after = run(plugin, sound, corners)
    worst = 0.0
    for state in (None, after):
        out, _ = run(plugin, silence, corners, state)
        worst = max(worst, float(out[..., start:].abs().max()))
    return Check(
        "silence",
        decibels(worst),
        SILENCE_DB,
        "dBFS",
        f"{terms.settle_s:g} s into silence the plugin still sounds. Close a gate that follows the input "
        "(latentfx.effect has one), or give settle_s if this much tail is meant",
    )


def check_inaudible(plugin: Plugin, terms: Terms) -> Check:
    """How much louder what nobody hears comes out than it went in, once the time to settle is over.

    Four rows: an offset of 0.003, a rumble of 8 Hz at -40 dBFS, hum of 50 Hz and noise at -60 dBFS. Levels
    are A-weighted. What comes out below -75 dBFS counts as inaudible too.
    """
    spec = plugin.spec
    blocks = blocks_for(plugin, terms.settle_s) + blocks_for(plugin, 0.5)
    samples, rate = blocks * spec.block_size, spec.sample_rate
    time = torch.arange(samples, dtype=torch.float64) / rate
    noise = torch.randn(samples, generator=terms.generator(12), dtype=torch.float64)
    waves = [torch.sin(2 * math.pi * hz * time) * math.sqrt(2.0) for hz in (8.0, 50.0)]
    rows = torch.stack([torch.full_like(time, 0.003), 0.01 * waves[0], 0.001 * waves[1], 0.001 * noise])
    audio = rows.float().unsqueeze(1).repeat(1, spec.in_channels, 1)
    out, _ = run(plugin, audio, plugin.default_controls(len(rows)))
    start = samples - blocks_for(plugin, 0.5) * spec.block_size
    heard, given = (a_level_db(x[..., start:], rate).amax(-1) for x in (out, audio))
    return Check(
        "inaudible",
        float((heard.clamp(min=_UNHEARD_DB) - given.clamp(min=_UNHEARD_DB)).max()),
        _LOUDER_DB,
        "dB louder than it was",
        "An offset, a rumble, hum or room noise that nobody hears became sound. Take a high-pass ahead of "
        "what follows the input (latentfx.effect has one: high_pass), and let noise be no note",
    )


def a_level_db(audio: Tensor, sample_rate: int) -> Tensor:
    """A-weighted level, dB of full scale.

    Shape:
        [..., T] -> [...]
    Source: IEC 61672-1.
    """
    window = torch.hann_window(audio.shape[-1], dtype=torch.float64)
    power = torch.fft.rfft(audio.double() * window).abs().square()
    x = torch.fft.rfftfreq(audio.shape[-1], 1.0 / sample_rate, dtype=torch.float64).square()
    low, high = 20.6**2, 12194.0**2
    weight = high * x * x / ((x + low) * (x + high) * ((x + 107.7**2) * (x + 737.9**2)).sqrt())
    mean = 2.0 * (power * (1.2589 * weight).square()).sum(-1) / window.square().sum() / audio.shape[-1]
    return 10.0 * torch.log10(mean.clamp(min=1e-20))


def _corners(plugin: Plugin, terms: Terms) -> Tensor:
    controls = plugin.spec.controls
    default = plugin.default_controls(1)
    low = torch.tensor([[c.minimum for c in controls]], dtype=torch.float32).reshape(1, -1)
    high = torch.tensor([[c.maximum for c in controls]], dtype=torch.float32).reshape(1, -1)
    return torch.cat([default, low, high, random_controls(plugin, 1, terms.generator(10))])


def check_clicks(plugin: Plugin, terms: Terms) -> Check:
    """Largest step between two samples while a control jumps, relative to the largest while it rests.

    A steady tone runs; each control in turn jumps between its ends, at eleven irregular times so that no
    zero crossing hides all of them. The statistic is the largest absolute difference of neighbouring
    samples, divided by the largest in three runs with the control at rest (minimum, middle, maximum). Why:
    a discontinuity of height h makes a step of about h, whereas a smooth crossfade between two steady
    sounds never steps much more than the steeper of the two; so the ratio tells a click from a mere change
    of level or timbre, needs no spectrum, and does not depend on the plugin's gain.
    """
    controls = plugin.spec.controls
    if not controls:
        return Check("clicks", 0.0, CLICK_RATIO, "times the step at rest", "")
    moving, resting = _steps(plugin, terms)
    ratios = moving / resting.clamp_min(_QUIETEST_STEP)
    worst = int(ratios.nan_to_num(math.inf).argmax())
    return Check(
        "clicks",
        float(ratios[worst]),
        CLICK_RATIO,
        "times the step at rest",
        f"A jump of the control {controls[worst].name!r} clicks. Smooth it from block to block with its "
        "value in the state (latentfx.dsp.ramp), and interpolate gains from sample to sample",
    )


def _steps(plugin: Plugin, terms: Terms) -> tuple[Tensor, Tensor]:
    """Largest step with each control jumping, and at rest.

    Shape:
        -> [P], [P]
    """
    controls = plugin.spec.controls
    count = len(controls)
    ends = plugin.default_controls(3 * count).reshape(3, count, count)
    for index, control in enumerate(controls):
        for row, position in enumerate((0.0, 0.5, 1.0)):
            ends[row, index, index] = control.from_unit(position)
    generator = terms.generator(11)
    base = max(3, blocks_for(plugin, 0.05))
    split = [base + int(torch.randint(0, base, (1,), generator=generator)) for _ in range(12)]
    audio = tone(plugin, sum(split), count)
    warm = base * plugin.spec.block_size + plugin.spec.latency
    targets = [ends[0] if index % 2 else ends[2] for index in range(len(split))]
    moving = run(plugin, audio, targets, None, split)[0]
    rest = torch.stack([run(plugin, audio, target, None, split)[0] for target in ends])
    return _largest_step(moving[..., warm:]), _largest_step(rest[..., warm:]).amax(0)


def _largest_step(audio: Tensor) -> Tensor:
    return audio.diff(dim=-1).abs().amax((-2, -1))
