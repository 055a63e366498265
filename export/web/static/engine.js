/* A plugin at the rate of the sound card: samples in, samples out, hop by hop, as `latentfx live` runs it.

A hop with NaN, infinity or values beyond `LOUDEST` is silence; a state that is not finite begins anew. */

import { Resampler } from "./resampler.js";

const LOUDEST = 1e4;
const MOST_HOPS = 16;
const TRIALS = 60;
const SIMULATED_S = 3;
const AHEAD_S = [0.01, 0.05];
const KEPT_TIMES = 512;

export class Engine {
  /** `ort` is onnxruntime, `plugin` what `plugin.json` says, `rate` that of the sound card. */
  constructor(ort, session, plugin, rate) {
    Object.assign(this, { ort, session, plugin, rate });
    this.hop = plugin.block_size;
    this.inputs = plugin.in_channels;
    this.outputs = plugin.out_channels;
    this.controls = Float32Array.from(plugin.controls, (control) => control.default);
    this.to = new Resampler(rate, plugin.sample_rate, this.inputs);
    this.from = new Resampler(plugin.sample_rate, rate, this.outputs);
    this.pending = Array.from({ length: this.inputs }, () => new Float32Array(0));
    this.silenced = this.nonFinite = 0;
    this.times = [];
    this.reset();
  }

  /** Go back to the start of the stream. */
  reset() {
    this.state = Object.fromEntries(
      Object.entries(this.plugin.state).map(([name, { shape, values }]) => [
        name, new this.ort.Tensor("float32", Float32Array.from(values), [1, ...shape]),
      ]),
    );
  }

  /** Set controls by name; one that does not exist, or is no number, changes nothing. */
  set(values) {
    this.plugin.controls.forEach(({ name, minimum, maximum, curve }, at) => {
      const value = curve === "integer" ? Math.round(values[name]) : values[name];
      if (Number.isFinite(value)) this.controls[at] = Math.min(Math.max(value, minimum), maximum);
    });
  }

  /** Time the plugin; returns milliseconds of a hop, {p50, p99}. */
  async measure() {
    const silence = this.pending.map(() => new Float32Array(this.hop));
    for (let hops = 1; hops <= MOST_HOPS; hops *= 2) await this.run(silence.map(() => new Float32Array(hops * this.hop)));
    this.times = [];
    for (let trial = 0; trial < TRIALS; trial++) await this.step(silence);
    this.reset();
    return this.cost;
  }

  get cost() {
    const sorted = [...this.times].sort((a, b) => a - b);
    const at = (part) => sorted[Math.min(Math.floor(part * sorted.length), sorted.length - 1)] ?? 0;
    return { p50: at(0.5), p99: at(0.99) };
  }

  /** Silence that must lie before the sound, so that it never runs dry: `wait` for whole hops and filters,
  `ahead` in reserve for slow ones, `most` of all. In samples of the sound card. */
  hold(quantum, reserve_s) {
    const [least, most] = AHEAD_S;
    const ahead_s = reserve_s ?? Math.min(Math.max((3 * this.cost.p99) / 1000, least), most);
    const blocks = (seconds) => quantum * (Math.ceil((seconds * this.rate) / quantum) + 1);
    const wait = this.wait(quantum);
    return { held: wait + blocks(ahead_s), most: wait + blocks(Math.max(ahead_s, most)) };
  }

  wait(quantum) {
    let [given, worst] = [0, 0];
    for (let pushed = quantum; pushed < SIMULATED_S * this.rate; pushed += quantum) {
      const hops = Math.floor(this.to.ready(pushed) / this.hop);
      given = this.from.ready(hops * this.hop);
      worst = Math.max(worst, pushed - given);
    }
    return worst;
  }

  /** Take the next samples; returns those that are ready. */
  async push(lanes) {
    const clean = lanes.map((lane) => this.finite(lane));
    this.pending = this.to.process(clean).map((lane, row) => joined(this.pending[row], lane));
    const parts = [];
    for (let full; (full = Math.floor(this.pending[0].length / this.hop)); ) {
      const size = this.hop * Math.min(2 ** Math.floor(Math.log2(full)), MOST_HOPS);
      const audio = this.pending.map((lane) => lane.subarray(0, size));
      this.pending = this.pending.map((lane) => lane.slice(size));
      parts.push(this.from.process(await this.step(audio)));
    }
    return Array.from({ length: this.outputs }, (_, row) => parts.map((part) => part[row]).reduce(joined, new Float32Array(0)));
  }

  /** Run some hops, and see to it that what comes out is sound. */
  async step(audio) {
    const before = this.state;
    const begun = performance.now();
    let out = await this.run(audio);
    const hops = audio[0].length / this.hop;
    this.times.push((performance.now() - begun) / hops);
    if (this.times.length > KEPT_TIMES) this.times.shift();
    const sound = out.every((lane) => lane.every((value) => Math.abs(value) <= LOUDEST));
    const finite = Object.values(this.state).every(({ data }) => data.every(Number.isFinite));
    if (sound && finite) return out;
    if (hops > 1) { // hop by hop, so that one bad hop silences no other
      this.state = before;
      const parts = [];
      for (let at = 0; at < audio[0].length; at += this.hop) parts.push(await this.step(audio.map((lane) => lane.subarray(at, at + this.hop))));
      return out.map((_, row) => parts.map((part) => part[row]).reduce(joined));
    }
    if (!sound) {
      out = out.map((lane) => lane.fill(0));
      this.silenced++;
    }
    if (!finite) this.reset();
    return out;
  }

  async run(audio) {
    const size = audio[0].length;
    const all = new Float32Array(this.inputs * size);
    audio.forEach((lane, row) => all.set(lane, row * size));
    const { Tensor } = this.ort;
    const feeds = { audio: new Tensor("float32", all, [1, this.inputs, size]), controls: new Tensor("float32", this.controls.slice(), [1, this.controls.length]) };
    for (const [name, value] of Object.entries(this.state)) feeds[`state_${name}`] = value;
    const results = await this.session.run(feeds);
    this.state = Object.fromEntries(Object.keys(this.state).map((name) => [name, results[`state_${name}_out`]]));
    const { data } = results.audio_out;
    return Array.from({ length: this.outputs }, (_, row) => data.slice(row * size, (row + 1) * size));
  }

  finite(lane) {
    if (Number.isFinite(lane.reduce((sum, value) => sum + value, 0))) return lane;
    return lane.map((value) => {
      if (Number.isFinite(value)) return value;
      this.nonFinite++;
      return 0;
    });
  }
}

function joined(a, b) {
  if (!a.length) return b;
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
