/* What belongs to a host: transport, presets, devices and plugin. Each part is {element, show(state)}. */

import { make, say, set } from "./dom.js";

/** Bypass, panic, record. */
export function transport(surface) {
  const bypass = make("button", { type: "button", class: "big", onclick: () => surface.send({ do: "bypass", on: surface.state.state !== "bypass" }) }, "Bypass");
  const panic = make("button", { type: "button", class: "big", onclick: () => surface.send({ do: "panic" }) }, "Panic");
  const take = () => surface.state.take;
  const record = make("button", {
    type: "button", class: "big record",
    onclick: () => surface.send(take()?.on ? { do: "stop" } : { do: "record", file: `take-${stamp()}.flac` }),
  }, "Record");
  const told = make("output", { class: "take" });
  return {
    element: make("div", { class: "transport", role: "group", "aria-label": "transport" }, bypass, panic, record, told),
    show(state) {
      set(bypass, { "aria-pressed": state.state === "bypass" });
      const on = Boolean(state.take?.on);
      set(record, { "aria-pressed": on });
      say(record, on ? "Stop" : "Record");
      const { take: last } = state;
      say(told, last ? last.error || `${last.file.split(/[\\/]/).pop()} ${last.seconds.toFixed(1)} s` : "");
    },
  };
}

/** Presets, a slider between two, and a name to save under. */
export function presets(surface) {
  const list = make("div", { class: "chips", role: "group", "aria-label": "presets" });
  const [a, b] = ["morph from", "morph to"].map((name) => make("select", { "aria-label": name }));
  const slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "morph" });
  const name = make("input", { type: "text", placeholder: "name", "aria-label": "name of a new preset", maxlength: 60, autocomplete: "off" });
  const morph = () => a.value && b.value && surface.send({ do: "morph", a: a.value, b: b.value, t: Number(slider.value) });
  slider.addEventListener("input", morph);
  const save = make("form", { class: "row" }, name, make("button", { type: "submit" }, "Save"));
  save.addEventListener("submit", (event) => {
    event.preventDefault();
    surface.send({ do: "save", name: name.value.trim() || null });
    name.value = "";
  });
  const between = make("div", { class: "row morph" }, a, b, slider);
  const empty = make("p", { class: "hint" }, "No presets yet. Save one.");
  let known = "";
  return {
    element: make("section", { class: "card presets", "aria-label": "presets and morph" },
      make("h2", {}, "Presets"), empty, list, between, save),
    show(state) {
      const names = state.presets ?? [];
      empty.hidden = names.length > 0;
      between.hidden = names.length < 2;
      if (names.join("\n") !== known) {
        known = names.join("\n");
        list.replaceChildren(...names.map((one) =>
          make("button", { type: "button", class: "chip", onclick: () => surface.send({ do: "preset", name: one }) }, one)));
        choose(a, names, a.value || names[0]);
        choose(b, names, b.value || names[1] || names[0]);
      }
      [...list.children].forEach((button) => set(button, { "aria-pressed": button.textContent === state.preset }));
    },
  };
}

/** Which plugin plays, on which devices. */
export function places(surface) {
  const plugin = make("select", { "aria-label": "plugin", onchange: () => surface.send({ do: "plugin", name: plugin.value }) });
  const change = () => surface.send({ do: "devices", input: input.value, output: output.value });
  const [input, output] = ["input device", "output device"].map((name) => make("select", { "aria-label": name, onchange: change }));
  const field = (text, select) => make("label", {}, make("span", {}, text), select);
  return {
    element: make("section", { class: "card places", "aria-label": "plugin and devices" },
      make("h2", {}, "Plays"), field("plugin", plugin), field("from", input), field("to", output)),
    show(state) {
      if (state.plugins) choose(plugin, state.plugins, state.source);
      const { devices } = state;
      if (!devices) return;
      choose(input, devices.inputs, devices.input);
      choose(output, devices.outputs, devices.output);
    },
  };
}

/** Put choices into a select, where they are others, and choose one. */
function choose(select, names, chosen) {
  const all = names.includes(chosen) || !chosen ? names : [chosen, ...names];
  if (all.join("\n") !== [...select.options].map((option) => option.value).join("\n"))
    select.replaceChildren(...all.map((name) => make("option", { value: name }, name.split(/[\\/]/).pop())));
  if (document.activeElement !== select || select.value !== chosen) select.value = chosen ?? "";
}

function stamp() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate()), "-", two(now.getHours()), two(now.getMinutes()), two(now.getSeconds())].join("");
}
