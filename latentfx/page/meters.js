/* Levels, spectrum, incoming pitch, load and latency, as far as they are known.

    const view = meters();
    view.show(surface.state.meters);
*/

import { draw, make, say, set } from "./dom.js";

const FLOOR_DB = -60;
const NOTES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const BAND_FLOOR_DB = -84;

export function meters() {
  const [input, output, load] = [bar("in", "dB"), bar("out", "dB"), bar("load", "%")];
  const bars = Array.from({ length: 28 }, (_, at) => draw("rect", { x: 10 * at + 1, width: 8, y: 60, height: 0, rx: 1 }));
  const spectrum = draw("svg", { class: "spectrum", viewBox: "0 0 280 60", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars);
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
      if (now.spectrum) paint(bars, now.spectrum);
      say(pitch, note(now.note));
      say(late, now.late === undefined ? "" : `${now.late} late block${now.late === 1 ? "" : "s"}`);
      set(late, { class: now.late ? "fact warn" : "fact" });
      if (now.latency) tell(now.latency, parts, latency);
    },
  };
}

function bar(name) {
  const fill = make("i");
  const value = make("span", { class: "number" });
  const element = make("div", { class: "bar" }, make("span", {}, name), make("div", { class: "well", "aria-hidden": "true" }, fill), value);
  return {
    element,
    show(part, said) {
      const held = Math.min(Math.max(part, 0), 1);
      fill.style.transform = `scaleX(${held.toFixed(3)})`;
      set(fill, { class: part >= 0.985 ? "hot" : null });
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

function paint(bars, bands) {
  bars.forEach((rect, at) => {
    const height = 60 * Math.min(Math.max(1 - (bands[at] ?? BAND_FLOOR_DB) / BAND_FLOOR_DB, 0.01), 1);
    set(rect, { y: (60 - height).toFixed(1), height: height.toFixed(1) });
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
