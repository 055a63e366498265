/* A knob: drag it up and down, turn it with the keys, type its value, double-click it back.

    const mix = knob(control, {set, reset, learn, unbind});   // the last two only where there is MIDI
    place.append(mix.element);
    mix.show({value, sources, learning});
*/

import { drag, draw, make, say, set } from "./dom.js";
import { format, fromUnit, label, parse, range, toUnit } from "./scale.js";

const TRAVEL_PX = 180;
const FINE = 0.2;
const STEP = 0.01;
const WAY = 0.75; // of a circle
const RADIUS = 24;

export function knob(control, { set: turn, reset, learn = null, unbind = null }) {
  const name = label(control);
  const [arc, needle] = [draw("path", { class: "arc" }), draw("path", { class: "needle" })];
  const dial = make("div", {
    class: "dial",
    role: "slider",
    tabindex: 0,
    title: `${control.description || name}. ${range(control)}. Double-click: ${format(control, control.default)}`,
    "aria-label": name,
    "aria-valuemin": control.minimum,
    "aria-valuemax": control.maximum,
  });
  dial.append(
    draw("svg", { viewBox: "-32 -32 64 64", "aria-hidden": "true" },
      draw("path", { class: "track", d: sweep(0, 1) }), arc, needle),
  );
  const field = make("input", {
    class: "value",
    type: "text",
    inputmode: "text",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": `${name}, ${range(control)}`,
  });
  const midi = learn && make("button", { class: "midi", type: "button", onclick: () => learn(control.name) });
  const clear = unbind && make("button", {
    class: "midi clear", type: "button", "aria-label": `take MIDI off ${name}`, onclick: () => unbind(control.name),
  }, "×");
  const element = make("div", { class: "knob" },
    make("span", { class: "name", "aria-hidden": "true" }, name),
    dial,
    make("span", { class: "entry" }, field, make("span", { class: "unit" }, control.unit)),
    make("span", { class: "range" }, range(control)),
  );
  if (midi) element.append(make("span", { class: "bind" }, midi, ...(clear ? [clear] : [])));

  let value = control.default;
  let held = null; // the place where the hand is, while it holds the knob

  const paint = () => {
    const place = toUnit(control, value);
    const zero = control.minimum < 0 && control.maximum > 0 ? toUnit(control, 0) : 0;
    set(arc, { d: sweep(Math.min(zero, place), Math.max(zero, place)) });
    const [x, y] = point(place, RADIUS - 8);
    set(needle, { d: `M0 0L${x} ${y}` });
    set(dial, {
      "aria-valuenow": value,
      "aria-valuetext": `${format(control, value)} ${control.unit}`.trim(),
    });
    if (document.activeElement !== field) field.value = format(control, value);
  };
  const move = (place) => {
    value = fromUnit(control, place);
    paint();
    turn(control.name, value);
  };

  let last = 0;
  drag(dial, {
    start: (_x, _y, event) => {
      held = toUnit(control, value);
      last = event.clientY;
      dial.focus();
    },
    move: (_x, _y, event) => {
      const step = ((last - event.clientY) / TRAVEL_PX) * (event.shiftKey ? FINE : 1);
      last = event.clientY;
      held = Math.min(Math.max(held + step, 0), 1);
      if (step !== 0) move(held);
    },
    end: () => (held = null),
  });
  dial.addEventListener("dblclick", () => reset(control.name));
  dial.addEventListener("keydown", (event) => {
    const whole = control.curve === "integer" ? 1 / (control.maximum - control.minimum) : STEP;
    const ways = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 };
    if (event.key in ways) move(toUnit(control, value) + ways[event.key] * whole * (event.shiftKey ? FINE : 1));
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(1);
    else if (event.key === "Delete" || event.key === "Backspace") reset(control.name);
    else return;
    event.preventDefault();
  });
  const type = () => {
    const typed = parse(control, field.value);
    if (typed !== null && field.value !== format(control, value)) move(toUnit(control, typed));
    field.value = format(control, value);
  };
  field.addEventListener("focus", () => field.select());
  field.addEventListener("blur", type);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") field.value = format(control, value);
    if (event.key === "Enter" || event.key === "Escape") {
      type();
      dial.focus();
    }
  });
  paint();

  return {
    element,
    /** Show what the host says; while a hand holds the knob, the hand is right. */
    show({ value: now, sources = [], learning = false }) {
      if (held === null && now !== value) {
        value = now;
        paint();
      }
      if (!midi) return;
      say(midi, learning ? "move one …" : sources.join(" ") || "MIDI");
      set(midi, {
        "aria-pressed": learning,
        "aria-label": learning ? `${name} waits for MIDI` : `let MIDI turn ${name}: ${sources.join(", ") || "nothing does"}`,
      });
      if (clear) clear.hidden = sources.length === 0;
    },
  };
}

/** The arc between two places of the way. */
function sweep(from, to) {
  const [[ax, ay], [bx, by]] = [point(from, RADIUS), point(to, RADIUS)];
  return `M${ax} ${ay}A${RADIUS} ${RADIUS} 0 ${(to - from) * WAY > 0.5 ? 1 : 0} 1 ${bx} ${by}`;
}

function point(place, radius) {
  const angle = 2 * Math.PI * WAY * (place - 0.5);
  return [(radius * Math.sin(angle)).toFixed(2), (-radius * Math.cos(angle)).toFixed(2)];
}
