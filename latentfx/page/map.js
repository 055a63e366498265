/* A map: named sounds as places of a plane. Drag between them to blend; draw a path, and it is walked in a loop.

    const map = soundMap(plane, {set, loop, unloop});
    map.show({values, loop, seconds});

`plane` says what a place means. `{name, points: {LABEL: {control, at: [x, y]}}}` is a blend: the controls are its
weights. `{name, axes: [CONTROL, CONTROL], points: {LABEL: {at: [x, y]}}}` is a plane that two controls move in,
in their own units; its points are only shown. */

import { drag, draw, make, say, set } from "./dom.js";
import { distance, placeOf, triangulate, weightsAt } from "./triangles.js";
import { clip } from "./scale.js";

const MARGIN = 0.12;
const ASPECT = 3 / 2; // of the field, in page.css too
const SNAP = 0.035;
const MOST_STEPS = 48;
const KEY_STEP = 0.02;

export function soundMap(plane, { set: move, loop: walk, unloop: halt }) {
  const model = plane.axes ? planeOfAxes(plane) : planeOfBlend(plane);
  const path = draw("polyline", { class: "path" });
  const stems = draw("g");
  const drawing = draw("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...model.mesh.map(([a, b]) => draw("line", { class: "mesh", x1: a[0], y1: a[1], x2: b[0], y2: b[1] })),
    stems, path);
  const marker = make("div", {
    class: "marker", role: "slider", tabindex: 0, "aria-label": plane.name,
    "aria-valuemin": 0, "aria-valuemax": 100, title: "Drag, or use the arrow keys.",
  });
  const spots = model.spots.map(({ text, at, choose }) =>
    spot(text, at, choose && (() => move(choose()))));
  const field = make("div", { class: "field" }, drawing, ...spots, marker);
  const pen = make("button", { type: "button", "aria-pressed": "false", onclick: () => hold(!writing) }, "Draw a path");
  const stop = make("button", { type: "button", onclick: () => halt() }, "Stop");
  const seconds = make("input", { type: "range", min: 0.5, max: 20, step: 0.5, value: 4, "aria-label": "seconds a round" });
  const told = make("output", {}, "4 s a round");
  const element = make("section", { class: "map card", "aria-label": `map of ${plane.name}` },
    make("header", {}, make("h2", {}, `Map of ${plane.name}`), make("p", { class: "blend" })),
    field,
    make("div", { class: "row" }, pen, stop, make("label", {}, seconds, told)));
  const blend = element.querySelector(".blend");

  let writing = false;
  let drawn = null;
  let place = [0.5, 0.5];
  let known = false;
  let held = false;
  let looped = null;

  const hold = (on) => {
    writing = on;
    set(pen, { "aria-pressed": on });
  };
  const paint = () => {
    set(marker, {
      style: null,
      "aria-valuenow": Math.round(100 * place[0]),
      "aria-valuetext": known ? blend.textContent : "none of them",
      class: known ? "marker" : "marker away",
    });
    marker.style.left = `${100 * place[0]}%`;
    marker.style.top = `${100 * place[1]}%`;
  };
  const trace = (points) => set(path, { points: points.map((point) => point.join(",")).join(" ") });
  const snap = (at) => {
    const near = model.spots.find((one) => one.choose && distance(one.at, at) < SNAP);
    return near ? near.at : at;
  };
  const go = (at) => {
    place = at.map((part) => Math.min(Math.max(part, 0), 1));
    known = true;
    move(model.values(place));
    paint();
  };
  const begin = () => {
    const points = thin(drawn);
    if (points.length < 2) return;
    walk({ blend: plane.name, seconds: Number(seconds.value), points, steps: points.map((at) => model.values(at)) });
  };
  drag(field, {
    start: (x, y) => {
      held = true;
      marker.focus({ preventScroll: true });
      if (looped) halt();
      if (writing) trace((drawn = [[x, y]]));
      go(snap([x, y]));
    },
    move: (x, y) => {
      const at = [Math.min(Math.max(x, 0), 1), Math.min(Math.max(y, 0), 1)];
      if (drawn) trace((drawn = [...drawn, at]));
      go(drawn ? at : snap(at));
    },
    end: () => {
      held = false;
      if (drawn) begin();
      drawn = null;
      hold(false);
    },
  });
  marker.addEventListener("keydown", (event) => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    go(place.map((part, axis) => part + way[axis] * KEY_STEP * (event.shiftKey ? 5 : 1)));
  });
  seconds.addEventListener("input", () => say(told, `${seconds.value} s a round`));
  seconds.addEventListener("change", () => {
    if (looped) walk({ ...again(looped), seconds: Number(seconds.value) });
  });
  const again = ({ points }) => ({ blend: plane.name, points, steps: points.map((at) => model.values(at)) });
  paint();

  return {
    element,
    /** Show the values, and the path where one is walked. */
    show({ values, loop = null }) {
      looped = loop && loop.blend === plane.name ? loop : null;
      say(blend, model.text(values));
      const now = model.place(values);
      known = now !== null;
      if (known && !held) place = now;
      paint();
      stop.hidden = looped === null;
      if (!drawn) trace(looped ? [...looped.points, looped.points[0]] : []);
      set(stems, { class: known ? "stems" : "stems away" });
      lines(stems, place, model.pull(values));
    },
  };
}

/** A blend: places are weights of the points around. */
function planeOfBlend({ points }) {
  const names = Object.keys(points);
  const fit = framed(names.map((name) => points[name].at));
  const corners = names.map((name) => fit(points[name].at));
  const triangles = triangulate(corners);
  const weigh = (place) => {
    const weights = Object.fromEntries(names.map((name) => [points[name].control, 0]));
    for (const [at, weight] of weightsAt(corners, triangles, place)) weights[points[names[at]].control] = weight;
    return weights;
  };
  const weights = (values) => names.map((name) => values[points[name].control] ?? 0);
  return {
    mesh: triangles.flatMap(([a, b, c]) => [[a, b], [b, c], [a, c]]).map((side) => side.map((at) => corners[at])),
    spots: names.map((text, at) => ({ text, at: corners[at], choose: () => weigh(corners[at]) })),
    values: weigh,
    place: (values) => placeOf(corners, weights(values)),
    pull: (values) => weights(values).map((weight, at) => [corners[at], weight]).filter(([, weight]) => weight > 0),
    text: (values) => {
      const parts = weights(values);
      const total = parts.reduce((sum, part) => sum + part, 0);
      const shares = names.map((name, at) => [name, parts[at] / total]).filter(([, share]) => share >= 0.005);
      shares.sort((a, b) => b[1] - a[1]);
      return total > 1e-6 ? shares.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ") : "";
    },
  };
}

/** A plane of two controls, in their own units. */
function planeOfAxes({ axes, points = {} }) {
  const [across, up] = axes;
  const way = (control, value) => (value - control.minimum) / (control.maximum - control.minimum);
  const at = ([x, y]) => [way(across, x), 1 - (up ? way(up, y) : 0.5)];
  const value = (control, part) => clip(control, control.minimum + part * (control.maximum - control.minimum));
  return {
    mesh: [[[0.5, 0], [0.5, 1]], [[0, 0.5], [1, 0.5]]],
    spots: Object.entries(points).map(([text, point]) => ({ text, at: at(point.at), choose: null })),
    values: ([x, y]) => ({ [across.name]: value(across, x), ...(up ? { [up.name]: value(up, 1 - y) } : {}) }),
    place: (values) => at([values[across.name], up ? values[up.name] : 0]),
    pull: () => [],
    text: (values) => [across, up].filter(Boolean).map((control) => (values[control.name] ?? 0).toFixed(2)).join(", "),
  };
}

/** Places of the drawing for places of a map: both axes have one scale, and y points up. */
function framed(places) {
  const middle = [0, 1].map((axis) => {
    const parts = places.map((place) => place[axis]);
    return (Math.min(...parts) + Math.max(...parts)) / 2;
  });
  const reach = places.map(([x, y]) => Math.max(Math.abs(x - middle[0]) / ASPECT, Math.abs(y - middle[1])));
  const scale = (0.5 - MARGIN) / Math.max(...reach, 1e-6);
  return ([x, y]) => [0.5 + (scale / ASPECT) * (x - middle[0]), 0.5 - scale * (y - middle[1])];
}

/** A path with so many places at most, as far from each other as they lie along it. */
function thin(places) {
  const lengths = places.map((place, at) => (at ? distance(place, places[at - 1]) : 0));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total < 0.02) return [];
  const count = Math.min(Math.max(Math.round(total / 0.03), 2), MOST_STEPS);
  const kept = [];
  let walked = 0;
  let at = 0;
  for (let step = 0; step < count; step++) {
    const wanted = (total * step) / (count - 1);
    while (at < places.length - 1 && walked + lengths[at + 1] < wanted) walked += lengths[++at];
    const next = places[Math.min(at + 1, places.length - 1)];
    const part = lengths[at + 1] ? (wanted - walked) / lengths[at + 1] : 0;
    kept.push([0, 1].map((axis) => Number((places[at][axis] + part * (next[axis] - places[at][axis])).toFixed(4))));
  }
  return kept;
}

function lines(group, place, pull) {
  while (group.childElementCount < pull.length) group.append(draw("line"));
  while (group.childElementCount > pull.length) group.lastElementChild.remove();
  pull.forEach(([at, weight], index) =>
    set(group.children[index], { x1: place[0], y1: place[1], x2: at[0], y2: at[1], "stroke-opacity": weight.toFixed(2) }));
}

function spot(text, at, choose) {
  const element = make(choose ? "button" : "span", { class: "spot", ...(choose ? { type: "button", onclick: choose } : {}) },
    make("span", {}, text));
  element.style.left = `${100 * at[0]}%`;
  element.style.top = `${100 * at[1]}%`;
  return element;
}
