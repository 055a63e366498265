/* The ring of twelve pitch classes: the note that comes in, where it goes, and the steps between, to be dragged.

    const ring = pitchRing(controls, {set, reset});   // controls: those of the plugin, `steps` and `order` among them
    ring.show({values, note, keys});                  // note: MIDI with decimals, or null; keys: notes held
*/

import { drag, draw, make, say, set } from "./dom.js";
import { clip, format } from "./scale.js";

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const FIFTH = 7;
const RADIUS = 118;
const SNAP = 0.18;

export function pitchRing(controls, { set: turn, reset }) {
  const find = (name) => controls.find((control) => control.name === name);
  const [steps, order] = [find("steps"), find("order")];
  const spokes = NAMES.map(() => {
    const circle = draw("circle", { r: 19 });
    const text = draw("text", { "text-anchor": "middle", dy: "0.35em" });
    return { circle, text, group: draw("g", { class: "spoke" }, circle, text) };
  });
  const way = draw("path", { class: "way" });
  const coming = draw("circle", { class: "coming", r: 6 });
  const going = draw("circle", { class: "going", r: 11 });
  const drawing = draw("svg", { viewBox: "-160 -160 320 320", "aria-hidden": "true" },
    draw("circle", { class: "rim", r: RADIUS }), way, ...spokes.map((spoke) => spoke.group), coming, going);
  const [big, small] = [make("strong"), make("span")];
  const dial = make("div", {
    class: "turn",
    role: "slider",
    tabindex: 0,
    "aria-label": "steps round the ring",
    "aria-valuemin": steps.minimum,
    "aria-valuemax": steps.maximum,
    title: "Drag round. Arrow keys turn by one step; Delete turns back.",
  }, drawing, make("div", { class: "hub", "aria-hidden": "true" }, big, small));
  const orders = ["chromatic", "fifths"].map((text, at) =>
    make("button", { type: "button", onclick: () => turn("order", at) }, text));
  const element = make("section", { class: "ring card", "aria-label": "ring of pitch classes" },
    make("header", {}, make("h2", {}, "Ring"),
      order ? make("div", { class: "choice", role: "group", "aria-label": "order of the ring" }, ...orders) : ""),
    dial);

  const state = { steps: steps.default, fifths: false, note: null, keys: [], root: 0 };
  let held = null;

  /** Where a pitch class, with decimals, lies on the ring, in steps from the top. */
  const placeOf = (pitch) => {
    if (!state.fifths) return pitch;
    const nearest = Math.round(pitch); // between the twelve, the circle of fifths has no place
    return ((nearest * FIFTH) % 12) + (pitch - nearest) / FIFTH;
  };
  const sizeOf = () => (state.fifths ? FIFTH : 1);

  const paint = () => {
    const lit = new Set(state.keys.map((key) => key % 12));
    spokes.forEach(({ circle, text, group }, at) => {
      const pitch = state.fifths ? (at * FIFTH) % 12 : at;
      const [x, y] = point(at, RADIUS);
      set(circle, { cx: x, cy: y });
      set(text, { x, y });
      say(text, NAMES[pitch]);
      set(group, { class: lit.has(pitch) ? "spoke lit" : "spoke" });
    });
    const known = state.note !== null;
    const from = placeOf(known ? modulo(state.note, 12) : state.root);
    const to = from + state.steps;
    const [cx, cy] = point(from, RADIUS - 36);
    set(coming, { cx, cy, class: known ? "coming" : "coming silent" });
    const [gx, gy] = point(to, RADIUS - 36);
    set(going, { cx: gx, cy: gy });
    set(way, { d: arc(from, to, RADIUS - 36) });
    const gone = known ? modulo(state.note + state.steps * sizeOf(), 12) : null;
    say(big, known ? `${NAMES[Math.round(state.note) % 12]} → ${NAMES[Math.round(gone) % 12]}` : signed(state.steps));
    say(small, known ? `${signed(state.steps)} steps` : "steps");
    set(dial, { "aria-valuenow": state.steps, "aria-valuetext": `${signed(state.steps)} steps` });
    orders.forEach((button, at) => set(button, { "aria-pressed": state.fifths === (at === 1) }));
  };
  const move = (value) => {
    const whole = Math.round(value);
    state.steps = clip(steps, Math.abs(value - whole) < SNAP ? whole : value);
    paint();
    turn("steps", state.steps);
  };
  const angle = (x, y) => (6 * Math.atan2(x - 0.5, 0.5 - y)) / Math.PI; // in steps
  let last = 0;
  drag(dial, {
    start: (x, y) => {
      held = state.steps;
      last = angle(x, y);
      dial.focus();
    },
    move: (x, y) => {
      const now = angle(x, y);
      held += modulo(now - last + 6, 12) - 6;
      held = Math.min(Math.max(held, steps.minimum), steps.maximum);
      last = now;
      move(held);
    },
    end: () => (held = null),
  });
  dial.addEventListener("dblclick", () => reset("steps"));
  dial.addEventListener("keydown", (event) => {
    const ways = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 12, PageDown: -12 };
    if (event.key in ways) move(Math.round(state.steps) + ways[event.key]);
    else if (event.key === "Home") move(steps.minimum);
    else if (event.key === "End") move(steps.maximum);
    else if (event.key === "Delete" || event.key === "Backspace") reset("steps");
    else return;
    event.preventDefault();
  });
  const signed = (value) => `${value > 0 ? "+" : ""}${format(steps, value)}`.replace(/\.0+$/, "");
  paint();

  return {
    element,
    show({ values, note = null, keys = [] }) {
      if (held === null) state.steps = values.steps ?? state.steps;
      state.fifths = (values.order ?? 0) > 0.5;
      state.root = values.root ?? 0;
      state.note = note;
      state.keys = keys;
      paint();
    },
  };
}

function point(place, radius) {
  const angle = (Math.PI * place) / 6;
  return [(radius * Math.sin(angle)).toFixed(2), (-radius * Math.cos(angle)).toFixed(2)];
}

/** The way between two places, as many times round as it is. */
function arc(from, to, radius) {
  const count = Math.max(Math.ceil(Math.abs(to - from) * 6), 1);
  const places = Array.from({ length: count + 1 }, (_, at) => from + ((to - from) * at) / count);
  return `M${places.map((place) => point(place, radius).join(" ")).join("L")}`;
}

function modulo(number, by) {
  return ((number % by) + by) % by;
}
