/* In the audio thread: sound in and out by rings, and never a wait.

A block that is not there in time is a short fade. The dry path, for bypass and for a plugin that failed, is as
late as the effect. */

import { Ring } from "./rings.js";

const FADE = 64;
const LOUDEST = 1e4;
const BYPASS_S = 0.02;
const MUTE_S = 0.003;
const METERS_S = 1 / 30;
const HISTORY = 1 << 18;

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions: { inputs, outputs, latency, held, most, rings, capacity } }) {
    super();
    Object.assign(this, { inputs, outputs, algorithmic: latency, held, most, shared: Boolean(rings) });
    this.input = rings && new Ring(rings.input);
    this.output = new Ring(rings ? rings.output : Ring.memory(outputs, capacity, false));
    this.output.pad(held);
    this.history = Array.from({ length: inputs }, () => new Float32Array(HISTORY));
    this.frame = this.owed = this.late = 0;
    this.broken = false;
    this.last = new Float32Array(outputs);
    this.dry = ramp(BYPASS_S, 0);
    this.gain = ramp(MUTE_S, 1);
    this.muted = 0;
    this.peaks = { input: 0, output: 0 };
    this.told = 0;
    this.taps = null;
    this.bypass = false;
    this.bell = null;
    this.port.onmessage = ({ data }) => this.obey(data);
  }

  obey(data) {
    if ("bell" in data) {
      this.bell = data.bell;
      if (!this.shared) this.bell.onmessage = ({ data: lanes }) => this.output.write(lanes);
    }
    if ("bypass" in data) this.bypass = data.bypass;
    if ("panic" in data) this.muted = this.latency + Math.round(data.panic * sampleRate);
    if ("tap" in data) this.taps = data.tap ? [] : null;
  }

  get latency() {
    return this.held + this.algorithmic;
  }

  process([source], [target]) {
    if (!this.bell) return true; // the stream begins when there is somebody to play it
    const size = target[0].length;
    const lanes = this.take(source, size);
    this.push(lanes);
    const wet = Array.from({ length: this.outputs }, () => new Float32Array(size));
    this.pull(wet);
    this.finish(wet, size);
    target.forEach((channel, at) => channel.set(wet[Math.min(at, this.outputs - 1)]));
    this.frame += size;
    this.tell(lanes, wet);
    return true;
  }

  /** What comes in: as many channels as the plugin takes; of many, a mono plugin hears the mean. */
  take(source, size) {
    return Array.from({ length: this.inputs }, (_, row) => {
      const lane = new Float32Array(size);
      const channels = this.inputs === 1 ? source : source.slice(row, row + 1);
      for (const channel of channels) for (let at = 0; at < size; at++) lane[at] += channel[at] / channels.length;
      for (let at = 0; at < size; at++) if (!(Math.abs(lane[at]) <= LOUDEST)) lane[at] = 0;
      for (let at = 0; at < size; at++) this.history[row][(this.frame + at) % HISTORY] = lane[at];
      return lane;
    });
  }

  push(lanes) {
    if (this.shared) {
      this.input.write(lanes);
      this.bell.postMessage(0);
    } else this.bell.postMessage(lanes.map((lane) => lane.slice()));
  }

  /** The plugin's sound; where it is not there, a fade. A late block makes the stream later, up to a limit. */
  pull(wet) {
    const size = wet[0].length;
    this.owed -= this.output.skip(this.owed);
    const good = this.owed === 0 && this.output.read(wet);
    if (!good) {
      this.late++;
      wet.forEach((lane, row) => {
        lane.fill(0);
        for (let at = 0; at < FADE; at++) lane[at] = (this.last[row] * (FADE - 1 - at)) / (FADE - 1);
      });
      if (this.held + size <= this.most) this.held += size;
      else this.owed += size;
    } else if (this.broken) {
      for (const lane of wet) for (let at = 0; at < FADE; at++) lane[at] *= at / (FADE - 1);
    }
    this.broken = !good;
    wet.forEach((lane, row) => (this.last[row] = lane[size - 1]));
  }

  /** Bypass, panic, and no number that is no sound. */
  finish(wet, size) {
    const latency = this.latency;
    const dry = this.dry.towards(this.bypass ? 1 : 0, size);
    const gain = this.gain.towards(this.muted > 0 ? 0 : 1, size);
    this.muted = Math.max(this.muted - size, 0);
    wet.forEach((lane, row) => {
      const history = this.history[Math.min(row, this.inputs - 1)];
      for (let at = 0; at < size; at++) {
        const place = this.frame + at - latency;
        const before = place < 0 || !dry[at] ? 0 : history[place % HISTORY];
        const value = (lane[at] + dry[at] * (before - lane[at])) * gain[at];
        lane[at] = Math.abs(value) <= LOUDEST ? value : 0;
      }
    });
  }

  tell(lanes, wet) {
    this.peaks.input = Math.max(this.peaks.input, peak(lanes));
    this.peaks.output = Math.max(this.peaks.output, peak(wet));
    if (this.taps) this.taps.push({ dry: lanes, wet });
    if (this.frame - this.told < METERS_S * sampleRate) return;
    this.told = this.frame;
    this.port.postMessage({ meters: { ...this.peaks, frame: this.frame, late: this.late, held: this.held }, taps: this.taps });
    if (this.taps) this.taps = [];
    this.peaks = { input: 0, output: 0 };
  }
}

function peak(lanes) {
  return Math.max(...lanes.map((lane) => lane.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));
}

/** A gain that moves in a straight line, from one end to the other in so many seconds. */
function ramp(seconds, start) {
  const step = 1 / (seconds * sampleRate);
  let now = start;
  return {
    towards(goal, size) {
      return Float32Array.from({ length: size }, () => (now += Math.min(Math.max(goal - now, -step), step)));
    },
  };
}

registerProcessor("latentfx-player", Player);
