/* Levels, spectrum, incoming pitch, load and latency, as far as they are known.

    const view = meters();
    view.show(surface.state.meters);
*/

import { make, say, set } from "./dom.js";

const FLOOR_DB = -60;
const NOTES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const BAND_FLOOR_DB = -84;
const [WIDTH, HEIGHT] = [280, 72];
const READ_MS = 120; // numbers that move faster cannot be read

export function meters() {
  const [input, output, load] = [bar("in", "dB"), bar("out", "dB"), bar("load", "%")];
  const spectrum = make("canvas", { class: "spectrum", width: 2 * WIDTH, height: 2 * HEIGHT, "aria-hidden": "true" });
  const [pitch, late] = [make("span", { class: "fact" }), make("span", { class: "fact" })];
  const parts = ["algorithmic", "buffering", "device"].map((name) => ({ name, element: make("i", { class: name }) }));
  const latency = make("p", { class: "latency" });
  const stack = make("div", { class: "stack", "aria-hidden": "true" }, ...parts.map((part) => part.element));
  const element = make("section", { class: "meters card", "aria-label": "meters" },
    make("header", {}, make("h2", {}, "Signal"), late),
    input.element, output.element, load.element, spectrum, make("div", { class: "facts" }, pitch), stack, latency);

  return {
    element,
    show(now) {
      input.show(level(now.input_db), text(now.input_db));
      output.show(level(now.output_db), text(now.output_db));
      load.element.hidden = now.load === undefined;
      if (now.load !== undefined) load.show(now.load, `${Math.round(100 * now.load)} %`);
      if (now.spectrum) paint(spectrum, now.spectrum);
      say(pitch, note(now.note));
      say(late, now.late === undefined ? "" : `${now.late} late block${now.late === 1 ? "" : "s"}`);
      set(late, { class: now.late ? "fact warn" : "fact" });
      if (now.latency) tell(now.latency, parts, latency);
    },
  };
}

function bar(name) {
  let read = 0;
  const fill = make("i");
  const value = make("span", { class: "number" });
  const element = make("div", { class: "bar" }, make("span", {}, name), make("div", { class: "well", "aria-hidden": "true" }, fill), value);
  return {
    element,
    show(part, said) {
      const held = Math.min(Math.max(part, 0), 1);
      fill.style.transform = `scaleX(${held.toFixed(3)})`;
      set(fill, { class: part >= 0.985 ? "hot" : null });
      if (performance.now() - read < READ_MS) return;
      read = performance.now();
      say(value, said);
    },
  };
}

function level(db) {
  return 1 - (db ?? FLOOR_DB) / FLOOR_DB;
}

function text(db) {
  return db === undefined || db <= -119 ? "−∞ dB" : `${db.toFixed(1).replace("-", "−")} dB`;
}

function note(pitch) {
  if (pitch === undefined || pitch === null) return "no pitch";
  const near = Math.round(pitch);
  const cents = Math.round(100 * (pitch - near));
  const octave = Math.floor(near / 12) - 1;
  return `${NOTES[near % 12]}${octave} ${cents < 0 ? "−" : "+"}${Math.abs(cents)} ct`;
}

/** Draw the bands as bars; a canvas costs a tenth of what elements cost. */
function paint(canvas, bands) {
  const pen = canvas.getContext("2d");
  const step = canvas.width / bands.length;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = getComputedStyle(canvas).color;
  bands.forEach((band, at) => {
    const height = canvas.height * Math.min(Math.max(1 - band / BAND_FLOOR_DB, 0.01), 1);
    pen.fillRect(at * step + 0.1 * step, canvas.height - height, 0.8 * step, height);
  });
}

function tell(latency, parts, line) {
  const known = parts.filter(({ name }) => typeof latency[name] === "number");
  const total = known.reduce((sum, { name }) => sum + latency[name], 0);
  parts.forEach(({ name, element }) => {
    element.style.flexGrow = latency[name] || 0;
  });
  const said = known.map(({ name }) => `${name} ${latency[name].toFixed(1)}`).join(" + ");
  say(line, `latency ${total.toFixed(1)} ms = ${said}`);
}
