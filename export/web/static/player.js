/* A plugin on the visitor's microphone or file. The page's parts see it as a surface.

Where the page is cross-origin isolated, the threads share memory; else they send each other the samples, which
costs a little more. `service.js` isolates the page by itself, wherever a browser lets it work. */

import { Surface } from "./page/surface.js";
import { Walker } from "./page/walker.js";
import { pitchOf } from "./pitch.js";
import { Ring } from "./rings.js";

const QUANTUM = 128;
const CAPACITY = 1 << 17;
const FALL_DB_S = 20;
const BANDS_HZ = Array.from({ length: 28 }, (_, at) => 40 * 2 ** (at / 3));

export class Player extends Surface {
  /** `plugin` is what `plugin.json` says. Options: `rate` of the sound, `reserve_s` in hand, `shared` memory. */
  constructor(plugin, { rate, reserve_s, shared = self.crossOriginIsolated } = {}) {
    super();
    Object.assign(this, { plugin, reserve_s, shared });
    this.wanted = rate;
    this.facts = { late: 0, held: 0, frame: 0 };
    this.walker = new Walker((values) => this.send({ do: "set", values }));
    this.take({ type: "state", plugin, values: defaults(plugin), state: "waiting", trouble: "" });
  }

  /** What is known, for programs: latency in samples of `rate`, and how many times faster than the sound. */
  stats() {
    const { cost, silenced, nonFinite } = this.facts;
    const hop_ms = (1000 * this.plugin.block_size) / this.plugin.sample_rate;
    return {
      rate: this.context?.sampleRate, shared: this.shared, late: this.facts.late, frame: this.facts.frame,
      latency: this.facts.held + this.algorithmic, step_ms: cost, speed: hop_ms / cost?.p50, silenced, nonFinite,
    };
  }

  /** Load the plugin and open the sound; a browser wants a click before. */
  async open() {
    this.opening ??= this.prepare();
    await this.opening;
    await this.context.resume();
  }

  async prepare() {
    const base = new URL(".", import.meta.url).href;
    this.context = new AudioContext({ latencyHint: "interactive", ...(this.wanted && { sampleRate: this.wanted }) });
    const { sampleRate: rate } = this.context;
    const { plugin, shared } = this;
    this.algorithmic = Math.round((plugin.latency * rate) / plugin.sample_rate);
    this.worker = new Worker(new URL("worker.js", base), { type: "module" });
    const ready = new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => this.hear(data, resolve, reject);
      this.worker.onerror = (event) => reject(new Error(event.message || "the worker did not start"));
    });
    this.worker.postMessage({ begin: { plugin, base, rate, quantum: QUANTUM, reserve_s: this.reserve_s } });
    this.worker.postMessage({ set: this.state.values });
    const [{ held, most, cost }] = await Promise.all([ready, this.context.audioWorklet.addModule(new URL("worklet.js", base))]);
    Object.assign(this.facts, { held, cost });
    const rings = shared ? { input: Ring.memory(plugin.in_channels, CAPACITY, true), output: Ring.memory(plugin.out_channels, CAPACITY, true) } : null;
    const { port1, port2 } = new MessageChannel();
    this.worker.postMessage({ port: port1, rings }, [port1]);
    this.node = new AudioWorkletNode(this.context, "latentfx-player", {
      outputChannelCount: [plugin.out_channels],
      processorOptions: { inputs: plugin.in_channels, outputs: plugin.out_channels, latency: this.algorithmic, held, most, rings, capacity: CAPACITY },
    });
    this.node.port.postMessage({ tap: Boolean(this.taps), bell: port2 }, [port2]);
    this.node.port.onmessage = ({ data }) => this.meter(data);
    this.analyser = new AnalyserNode(this.context, { fftSize: 4096, smoothingTimeConstant: 0.5 });
    this.ear = new AnalyserNode(this.context, { fftSize: 2048 });
    this.heard = new Float32Array(this.ear.fftSize);
    this.node.connect(this.analyser).connect(this.context.destination);
    this.take({ type: "state", state: "on" });
  }

  /** Hear the microphone, as it is: nothing that a telephone call needs is done to it. */
  async microphone() {
    await this.open();
    const wishes = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, latency: 0 };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wishes });
    this.device_s = stream.getAudioTracks()[0].getSettings().latency ?? 0;
    this.listenTo(new MediaStreamAudioSourceNode(this.context, { mediaStream: stream }), () => stream.getTracks().forEach((track) => track.stop()));
  }

  /** Hear a sound file, from its start. */
  async file(blob, loop = false) {
    await this.open();
    const buffer = await this.context.decodeAudioData(await blob.arrayBuffer());
    const source = new AudioBufferSourceNode(this.context, { buffer, loop });
    this.device_s = 0;
    this.listenTo(source, () => source.stop());
    source.onended = () => source === this.source && this.silence();
    source.start();
  }

  /** Hear nothing. */
  silence() {
    this.source?.disconnect();
    this.halt?.();
    this.source = this.halt = null;
    this.take({ type: "state", hears: false });
  }

  listenTo(source, halt) {
    this.silence();
    Object.assign(this, { source, halt });
    source.connect(this.node);
    source.connect(this.ear);
    this.take({ type: "state", hears: true });
  }

  /** Keep what comes in and what is heard, sample for sample, until `stop`, which gives both. Before `open`, from
  the first sample on. */
  tap() {
    this.taps = [];
    this.node?.port.postMessage({ tap: true });
  }

  async stop() {
    await new Promise((resolve) => setTimeout(resolve, 100));
    this.node.port.postMessage({ tap: false });
    const { taps } = this;
    this.taps = null;
    return { dry: joined(taps, "dry"), wet: joined(taps, "wet"), rate: this.context.sampleRate };
  }

  /** Obey what the page's parts ask for. */
  send(message) {
    const { do: action, values, name, on } = message;
    if (action === "set") this.turn(values);
    else if (action === "reset") this.turn({ [name]: this.plugin.controls.find((control) => control.name === name).default });
    else if (action === "bypass") this.pass(on);
    else if (action === "panic") {
      this.unloop();
      this.worker?.postMessage({ reset: true });
      this.node?.port.postMessage({ panic: (2 * this.plugin.block_size) / this.plugin.sample_rate });
    } else if (action === "loop") this.take({ type: "state", loop: { ...message, began: this.walker.start(message) } });
    else if (action === "unloop") this.unloop();
  }

  /** Walk a loop no longer; the controls stay where they are. */
  unloop() {
    this.walker.stop();
    this.take({ type: "state", loop: null });
  }

  turn(values) {
    this.worker?.postMessage({ set: values });
    this.take({ type: "state", values });
  }

  pass(on) {
    this.node?.port.postMessage({ bypass: on });
    this.take({ type: "state", state: on ? "bypass" : "on" });
  }

  /** The pitch that comes in, as a MIDI note, or null. */
  note() {
    if (!this.source) return null;
    this.ear.getFloatTimeDomainData(this.heard);
    return pitchOf(this.heard, this.context.sampleRate);
  }

  hear({ ready, stats, failed }, resolve, reject) {
    if (ready) resolve(ready);
    if (stats) Object.assign(this.facts, stats);
    if (failed) {
      reject(new Error(failed));
      if (this.node) this.pass(true);
      this.take({ type: "state", trouble: failed });
    }
  }

  meter({ meters, taps }) {
    if (taps && this.taps) this.taps.push(...taps);
    const seconds = (meters.frame - this.facts.frame) / this.context.sampleRate;
    Object.assign(this.facts, meters);
    const fall = (db, before = -120) => Math.max(db, before - FALL_DB_S * seconds);
    const { input_db, output_db } = this.state.meters;
    const ms = (samples) => (1000 * samples) / this.context.sampleRate;
    const device = 1000 * ((this.context.baseLatency || 0) + (this.context.outputLatency || 0) + (this.device_s || 0));
    this.take({
      type: "meters",
      seconds: meters.frame / this.context.sampleRate,
      input_db: fall(decibels(meters.input), input_db),
      output_db: fall(decibels(meters.output), output_db),
      late: meters.late,
      note: this.note(),
      load: this.facts.cost ? this.facts.cost.p50 / ((1000 * this.plugin.block_size) / this.plugin.sample_rate) : 0,
      latency: { algorithmic: ms(this.algorithmic), buffering: ms(meters.held), device },
      spectrum: bands(this.analyser, this.context.sampleRate),
    });
  }
}

function defaults({ controls }) {
  return Object.fromEntries(controls.map((control) => [control.name, control.default]));
}

function decibels(value) {
  return value > 1e-6 ? 20 * Math.log10(value) : -120;
}

/** What is heard in bands of a third of an octave, in dB. */
function bands(analyser, rate) {
  const levels = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(levels);
  const bin = (hz) => Math.min(Math.round((hz * analyser.fftSize) / rate), levels.length - 1);
  return BANDS_HZ.map((hz) => Math.max(-120, ...levels.subarray(bin(hz * 0.891), bin(hz * 1.122) + 1)));
}

function joined(taps, kind) {
  const rows = taps[0]?.[kind].length ?? 0;
  return Array.from({ length: rows }, (_, row) => {
    const parts = taps.map((part) => part[kind][row]);
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  });
}
