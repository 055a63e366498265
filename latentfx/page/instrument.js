/* The plugin in the hand: ring, maps and knobs, made from its description, and kept as the surface says.

    place.append(instrument(surface).element);

`surface` is described in `surface.js`. Everything is made anew when the plugin changes. */

import { make } from "./dom.js";
import { knob } from "./knob.js";
import { soundMap } from "./map.js";
import { pitchRing } from "./ring.js";

const MOST_SHOWN = 32; // knobs of a group at once; the rest are folded away

export function instrument(surface) {
  const element = make("div", { class: "instrument" });
  let parts = [];
  const show = (changed, state) => {
    if (changed.has("plugin")) {
      parts = build(surface, state, "sources" in state);
      element.replaceChildren(...layout(parts));
      changed = new Set(["values"]);
    }
    if (["values", "sources", "learning", "keys", "loop"].some((key) => changed.has(key))) parts.forEach((part) => part.show(state));
    else if (changed.has("meters")) parts.filter((part) => part.lively).forEach((part) => part.show(state));
  };
  if (surface.state.plugin) show(new Set(["plugin"]), surface.state);
  return { element, close: surface.listen(show) };
}

/** The parts that a plugin needs: {kind, element, show(state), lively: it moves with the meters}. */
function build(surface, { plugin }, hasMidi) {
  const send = {
    set: (name, value) => surface.send({ do: "set", values: { [name]: value } }),
    reset: (name) => surface.send({ do: "reset", name }),
    ...(hasMidi && {
      learn: (name) => surface.send({ do: "learn", name }),
      unbind: (name) => surface.send({ do: "unbind", name }),
    }),
  };
  const parts = [];
  if (plugin.controls.some((control) => control.name === "steps")) {
    const ring = pitchRing(plugin.controls, send);
    const show = (state) => ring.show({ values: state.values, keys: state.keys, note: state.meters.note ?? null });
    parts.push({ kind: "stage", element: ring.element, show, lively: true });
  }
  for (const plane of planes(plugin)) {
    const map = soundMap(plane, {
      set: (values) => surface.send({ do: "set", values }),
      loop: (loop) => surface.send({ do: "loop", ...loop }),
      unloop: () => surface.send({ do: "unloop" }),
    });
    parts.push({ kind: "stage", element: map.element, show: (state) => map.show(state) });
  }
  const weights = new Set(plugin.blends.flatMap((blend) => Object.values(blend.labels)));
  for (const control of plugin.controls) {
    const one = knob(control, send);
    const { name } = control;
    const show = (state) => one.show({
      value: state.values[name] ?? control.default,
      sources: state.sources?.[name],
      learning: state.learning === name,
    });
    parts.push({ kind: kindOf(name, weights), element: one.element, show });
  }
  return parts;
}

/** What can be walked in: blends with a map, and the plane of styles. */
function planes({ controls, blends, maps = {} }) {
  const found = [];
  for (const { name, labels } of blends) {
    const known = Object.entries(maps[name]?.points ?? {}).filter(([label]) => label in labels);
    const points = Object.fromEntries(known.map(([label, at]) => [label, { control: labels[label], at }]));
    const axes = ["x", "y"].map((axis) => controls.find((control) => control.name === `${name}_${axis}`));
    if (axes[0]) found.push({ name, axes: axes.filter(Boolean), points });
    else if (known.length > 1) found.push({ name, points });
  }
  return found;
}

function kindOf(name, weights) {
  if (weights.has(name)) return "weights";
  if (/^(z|latent_)\d+_|^freeze$/.test(name)) return "latent";
  return /_db$|^mix$/.test(name) ? "level" : "main";
}

function layout(parts) {
  const of = (kind) => parts.filter((part) => part.kind === kind).map((part) => part.element);
  const group = (title, ...kinds) => {
    const knobs = kinds.flatMap(of);
    if (!knobs.length) return [];
    const [first, ...more] = pieces(knobs);
    return [make("section", { class: "card knobs", "aria-label": title },
      make("h2", {}, title), grid(first), ...more.map((piece, at) => folded(piece, (at + 1) * MOST_SHOWN, title)))];
  };
  const weights = of("weights");
  return [
    ...of("stage"),
    ...group("Latent knobs", "latent"),
    ...group("Controls", "main", "level"),
    ...(weights.length
      ? [make("details", { class: "card knobs" }, make("summary", {}, "Weights, one by one"), grid(weights))]
      : []),
  ];
}

function grid(knobs) {
  return make("div", { class: "grid" }, ...knobs);
}

/** Knobs that wait under a line until it is opened. */
function folded(knobs, before, title) {
  return make("details", {}, make("summary", {}, `${title} ${before + 1} to ${before + knobs.length}`), grid(knobs));
}

function pieces(all) {
  const found = [];
  for (let at = 0; at < all.length; at += MOST_SHOWN) found.push(all.slice(at, at + MOST_SHOWN));
  return found;
}
