/* The page of `latentfx live --ui`. */

import { say, set } from "./dom.js";
import { instrument } from "./instrument.js";
import { meters } from "./meters.js";
import { places, presets, transport } from "./panel.js";
import { SocketSurface } from "./surface.js";

const address = new URL("socket", document.baseURI);
address.protocol = address.protocol.replace("http", "ws");
address.search = location.search; // the token, where there is one

export const surface = new SocketSurface(address.href);
const find = (name) => document.getElementById(name);
const parts = [transport(surface), presets(surface), places(surface)];
const signal = meters();
find("transport").append(parts[0].element);
find("instrument").append(instrument(surface).element);
find("side").append(signal.element, parts[1].element, parts[2].element);

const words = { on: "playing", bypass: "bypass", waiting: "waiting for the device" };
let quiet;
surface.listen((changed, state) => {
  if (changed.has("plugin")) {
    say(find("plugin"), state.plugin.name);
    say(find("about"), state.plugin.description);
    document.title = `${state.plugin.name} · latentfx`;
  }
  if (changed.has("connected") || changed.has("state")) {
    const kind = state.connected && state.state ? state.state : "lost";
    say(find("state"), words[kind] ?? "no connection; trying again");
    set(find("state"), { class: `state ${kind}` });
  }
  if (changed.has("refused") || changed.has("trouble")) {
    say(find("trouble"), (changed.has("refused") ? state.refused : state.trouble) || "");
    clearTimeout(quiet);
    if (changed.has("refused")) quiet = setTimeout(() => say(find("trouble"), state.trouble || ""), 8000);
  }
  if (changed.has("meters")) signal.show(state.meters);
  else parts.forEach((part) => part.show(state));
});
