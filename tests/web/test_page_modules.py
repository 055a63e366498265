"""The page's JavaScript by itself, in Chromium: resampling, guards, fades."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import run, visit
from selenium import webdriver
from static_server import serving

Site = Callable[[str], Path]
# A plugin that doubles its input, and does what a test asks for when it hears a certain number.
ENGINE = """
const { Engine } = await import("/engine.js");
class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
const control = { name: "gain", minimum: 0, maximum: 4, default: 2, curve: "linear" };
const plugin = { sample_rate: 48000, block_size: 64, latency: 0, in_channels: 1, out_channels: 1,
  controls: [control], state: { sum: { shape: [1], values: [0] } } };
const session = { run: async (feeds) => {
  const out = feeds.audio.data.map((value) => value * feeds.controls.data[0]);
  let sum = feeds.state_sum.data[0] + out.length;
  if (feeds.audio.data.includes(7)) out.fill(NaN);
  if (feeds.audio.data.includes(8)) sum = Infinity;
  if (feeds.audio.data.includes(9)) out.fill(1e6);
  const [audio, state] = [out, Float32Array.of(sum)].map((data) => new Tensor("float32", data, [1, 1]));
  return { audio_out: audio, state_sum_out: state };
} };
const engine = new Engine({ Tensor }, session, plugin, 48000);
"""
# The audio thread's own names, so that its module runs in the page.
WORKLET = """
let Made;
Object.assign(globalThis, { sampleRate: 48000, AudioWorkletProcessor: class { port = { postMessage() {} } },
  registerProcessor: (name, kind) => (Made = kind) });
await import("/worklet.js?" + Math.random());
const start = (held, most) => {
  const sizes = { inputs: 1, outputs: 1, latency: 0, held, most, rings: null, capacity: 1 << 14 };
  const player = new Made({ processorOptions: sizes });
  player.obey({ bell: { postMessage() {} } });
  return player;
};
const turn = (player, value = 0.5) => {
  const out = new Float32Array(128);
  player.process([[new Float32Array(128).fill(value)]], [[out]]);
  return [...out];
};
const give = (player, blocks) => {
  for (let n = 0; n < blocks; n++) player.output.write([new Float32Array(128).fill(0.5)]);
};
"""


@pytest.fixture
def page(chromium: webdriver.Chrome, site: Site) -> Iterator[webdriver.Chrome]:
    """A page that is open, and plays nothing."""
    with serving(site("ring")) as server:
        visit(chromium, server.address)
        yield chromium


@pytest.mark.parametrize(("there", "back"), [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000)])
def test_a_tone_at_another_rate_is_the_same_tone_in_blocks_of_any_size(
    page: webdriver.Chrome, there: int, back: int
) -> None:
    program = f"""
        const {{ Resampler }} = await import("/resampler.js");
        const sine = (_, at) => Math.sin((2 * Math.PI * 997 * at) / {there});
        const tone = Float32Array.from({{ length: 9000 }}, sine);
        const play = (sizes) => {{
          const resampler = new Resampler({there}, {back}, 1);
          const out = [];
          let taken = 0;
          for (let at = 0, turn = 0; at < tone.length; turn++) {{
            const size = sizes[turn % sizes.length];
            const part = tone.subarray(at, at + size);
            out.push(...resampler.process([part])[0]);
            at += size;
            taken += part.length;
            if (out.length !== resampler.ready(taken)) throw new Error("ready() says another number");
          }}
          return out;
        }};
        return [play([9000]), play([128]), play([1, 200, 37])];
    """
    whole, *pieces = (np.array(row) for row in run(page, program))
    wanted = np.sin(2 * np.pi * 997 * np.arange(len(whole)) / back)
    assert np.abs(whole - wanted)[200:-200].max() < 10 ** (-90 / 20)
    for piece in pieces:
        np.testing.assert_array_equal(piece, whole)


@pytest.mark.parametrize("note", [45, 57.3, 69, 81, 93])
def test_the_incoming_pitch_is_told(page: webdriver.Chrome, note: float) -> None:
    program = f"""
        const {{ pitchOf }} = await import("/pitch.js");
        const hz = 440 * 2 ** (({note} - 69) / 12);
        const partial = (n, at) => Math.sin((2 * Math.PI * hz * n * at) / 48000) / n;
        const wave = (_, at) => [1, 2, 3, 4].reduce((sum, n) => sum + partial(n, at), 0);
        const noise = () => 0.1 * (Math.random() - 0.5);
        const sounds = [wave, noise, () => 0].map((play) => Float32Array.from({{ length: 2048 }}, play));
        return sounds.map((sound) => pitchOf(sound, 48000));
    """
    found, noise, silence = run(page, program)
    assert found == pytest.approx(note, abs=0.05)
    assert noise is None
    assert silence is None


@pytest.mark.parametrize(
    ("heard", "out", "silenced", "state"),
    [
        pytest.param(0.25, 0.5, 0, 256, id="sound"),
        pytest.param(7, 0, 1, 256, id="NaN comes out: that hop is silence"),
        pytest.param(9, 0, 1, 256, id="far too loud: that hop is silence"),
        pytest.param(8, 16, 0, 128, id="a state that is not finite begins anew"),
    ],
)
def test_a_bad_hop_silences_itself_alone(
    page: webdriver.Chrome, heard: float, out: float, silenced: int, state: int
) -> None:
    program = f"""
        {ENGINE}
        const audio = new Float32Array(256).fill(0.25);
        audio.fill({heard}, 64, 128);
        const [lane] = await engine.push([audio]);
        return [[...lane], engine.silenced, engine.state.sum.data[0]];
    """
    lane, count, sum_ = run(page, program)
    wanted = np.full(256, 0.5)
    wanted[64:128] = out
    np.testing.assert_allclose(lane, wanted)
    assert (count, sum_) == (silenced, state)


def test_numbers_that_are_no_sound_come_in_as_silence(page: webdriver.Chrome) -> None:
    program = f"""
        {ENGINE}
        const audio = new Float32Array(64).fill(0.25);
        audio[3] = NaN; audio[4] = Infinity;
        return [[...(await engine.push([audio]))[0]], engine.nonFinite];
    """
    lane, count = run(page, program)
    assert lane[3] == lane[4] == 0
    assert lane[5] == 0.5
    assert count == 2


def test_controls_are_held_to_their_range(page: webdriver.Chrome) -> None:
    program = f"""
        {ENGINE}
        const found = [];
        for (const gain of [9, -1, NaN, 1.5]) {{
          engine.set({{ gain, other: 3 }});
          found.push(engine.controls[0]);
        }}
        return found;
    """
    assert run(page, program) == [4, 0, 0, 1.5]


def test_what_is_held_never_runs_dry(page: webdriver.Chrome) -> None:
    program = f"""
        {ENGINE}
        const held = engine.wait(48);
        let [there, least] = [held, Infinity];
        for (let turn = 0; turn < 2000; turn++) {{
          there += (await engine.push([new Float32Array(48)]))[0].length - 48;
          least = Math.min(least, there);
        }}
        return [held, least];
    """
    held, least = run(page, program)
    assert held == 48
    assert least >= 0


def test_a_late_block_is_a_short_fade_and_sound_rises_again(page: webdriver.Chrome) -> None:
    program = f"""
        {WORKLET}
        const player = start(0, 0);
        give(player, 1);
        const before = turn(player);
        const late = turn(player);
        give(player, 2); // the block that was late, and the next one
        const after = turn(player);
        return [before, late, after, player.late, player.latency];
    """
    before, late, after, count, latency = run(page, program)
    assert before == pytest.approx(np.full(128, 0.5))
    assert late[0] == pytest.approx(0.5)
    assert late[63:] == [0] * 65
    assert after[0] == 0
    assert after[63:] == pytest.approx([0.5] * 65)
    assert np.abs(np.diff([*before, *late, *after])).max() < 0.01
    assert (count, latency) == (1, 0)


def test_a_late_block_makes_the_stream_later_up_to_its_limit(page: webdriver.Chrome) -> None:
    program = f"""
        {WORKLET}
        const player = start(0, 128);
        const found = [];
        for (let n = 0; n < 3; n++) {{ turn(player); found.push(player.latency); }}
        return found;
    """
    assert run(page, program) == [128, 128, 128]


def test_panic_is_silence_that_ends(page: webdriver.Chrome) -> None:
    program = f"""
        {WORKLET}
        const player = start(0, 0);
        give(player, 1);
        turn(player);
        player.obey({{ panic: 0.02 }});
        const heard = [];
        for (let n = 0; n < 20; n++) {{ give(player, 1); heard.push(...turn(player)); }}
        return heard;
    """
    heard = np.array(run(page, program))
    assert not heard[200:900].any()
    assert heard[-128:] == pytest.approx(np.full(128, 0.5))


def test_a_bad_number_never_reaches_the_loudspeaker(page: webdriver.Chrome) -> None:
    program = f"""
        {WORKLET}
        const player = start(0, 0);
        player.output.write([new Float32Array(128).fill(NaN)]);
        return [...turn(player, NaN), ...player.history[0].slice(0, 128)];
    """
    assert run(page, program) == [0] * 256


def test_panic_ends_the_loop_that_is_walked(page: webdriver.Chrome) -> None:
    program = """
        const { Player } = await import("/player.js");
        const player = new Player({ controls: [] });
        const turned = [];
        player.turn = (values) => turned.push(values);
        const path = { points: [[0, 0], [1, 1]], steps: [{ gain: 0 }, { gain: 1 }] };
        player.send({ do: "loop", blend: "t", seconds: 1, ...path });
        const frame = () => new Promise((done) => requestAnimationFrame(done));
        await frame();
        const walked = [player.state.loop.blend, turned.length > 0];
        player.send({ do: "panic" });
        turned.length = 0;
        for (let n = 0; n < 3; n++) await frame();
        return [walked, player.state.loop, turned];
    """
    assert run(page, program) == [["t", True], None, []]
