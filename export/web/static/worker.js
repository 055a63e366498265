/* Inference, in a thread of its own: takes samples from the worklet, gives samples to it.

From the page: {begin: {...}}, {set: {CONTROL: value}}, {reset: true}. To the page: {ready: {...}}, {stats: {...}},
{failed: "why"}. To and from the worklet, through a port: a bell where the rings are shared, else the samples. */

import { Engine } from "./engine.js";
import { fetchChecked, importChecked } from "./fetching.js";
import { Ring } from "./rings.js";

const STATS_MS = 250;
const MOST = 4096; // samples at once

let engine = null;
let port = null;
let rings = null;
let busy = false;
let failed = false;
let called = false;
const waiting = [];
const later = new MessageChannel();
later.port1.onmessage = () => work();
const coming = {};

self.onmessage = async ({ data }) => {
  try {
    if (data.begin) await begin(data.begin);
    if (data.set) engine ? engine.set(data.set) : Object.assign(coming, data.set);
    if (data.reset) coming.reset = true;
    if (data.port) listen(data.port, data.rings);
  } catch (error) {
    self.postMessage({ failed: String(error.message ?? error) });
  }
};

/** Load the runtime and the plugin, measure it, and say what it needs. */
async function begin({ plugin, base, rate, quantum, reserve_s }) {
  const { runtime } = plugin;
  const ort = await importChecked(new URL(runtime.module.url, base), runtime.module.integrity);
  const [wasm, graph] = await Promise.all([
    fetchChecked(new URL(runtime.wasm.url, base), runtime.wasm.integrity),
    fetchChecked(new URL(plugin.file.url, base), plugin.file.integrity),
  ]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  ort.env.logLevel = "error";
  // "all" fuses what it has no kernel for in double precision (QuickGeluFusion).
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "basic" };
  const session = await ort.InferenceSession.create(new Uint8Array(graph), options);
  engine = new Engine(ort, session, plugin, rate);
  engine.set(coming);
  const cost = await engine.measure();
  self.postMessage({ ready: { cost, ...engine.hold(quantum, reserve_s) } });
}

function listen(to, shared) {
  port = to;
  rings = shared && { input: new Ring(shared.input), output: new Ring(shared.output) };
  port.onmessage = ({ data }) => {
    if (!rings) waiting.push(data);
    if (!called) later.port2.postMessage(0); // behind the messages that are here already: they run together
    called = true;
  };
  setInterval(() => self.postMessage({ stats: { cost: engine.cost, silenced: engine.silenced, nonFinite: engine.nonFinite } }), STATS_MS);
}

/** Play all that waits. */
async function work() {
  called = false;
  if (busy || failed) return;
  busy = true;
  try {
    for (let lanes; (lanes = next()); ) {
      if (coming.reset) engine.reset();
      coming.reset = false;
      const out = await engine.push(lanes);
      if (!out[0].length) continue;
      if (rings) rings.output.write(out);
      else port.postMessage(out, out.map((lane) => lane.buffer));
    }
  } catch (error) {
    failed = true;
    self.postMessage({ failed: `the plugin failed, and you hear the input: ${error.message ?? error}` });
  }
  busy = false;
}

function next() {
  if (!rings) return waiting.length ? together(waiting.splice(0, MOST / waiting[0][0].length)) : null;
  const { input } = rings;
  const size = Math.min(input.available, MOST);
  if (!size) return null;
  const lanes = input.rows.map(() => new Float32Array(size));
  input.read(lanes);
  return lanes;
}

/** Blocks, one after another, as one. */
function together(blocks) {
  return blocks[0].map((first, row) => {
    const lane = new Float32Array(first.length * blocks.length);
    blocks.forEach((block, at) => lane.set(block[row], at * first.length));
    return lane;
  });
}
