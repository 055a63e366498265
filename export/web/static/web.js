/* The page of a plugin that runs in the browser. */

import { make, say, set } from "./page/dom.js";
import { instrument } from "./page/instrument.js";
import { meters } from "./page/meters.js";
import { Player } from "./player.js";
import { wav } from "./wav.js";

const find = (name) => document.getElementById(name);
const wishes = new URLSearchParams(location.search);
const number = (name) => (wishes.has(name) ? Number(wishes.get(name)) : undefined);

await isolate();
const plugin = await (await fetch("plugin.json")).json();
const player = new Player(plugin, { rate: number("rate"), reserve_s: number("reserve_s"), ...(wishes.has("messages") && { shared: false }) });
self.latentfx = player; // for the console, and for programs

const button = (text, act) => make("button", { type: "button", class: "big", onclick: act }, text);
const attempt = (work) => async () => {
  say(find("trouble"), "");
  try {
    await work();
  } catch (error) {
    say(find("trouble"), reason(error));
  }
};
const chosen = make("input", { type: "file", accept: "audio/*", hidden: "", "aria-label": "sound file" });
chosen.addEventListener("change", attempt(async () => {
  if (chosen.files.length) await player.file(chosen.files[0]);
}));
const microphone = button("Microphone", attempt(() => (player.state.hears ? player.silence() : player.microphone())));
const file = button("Sound file", () => chosen.click());
const bypass = button("Bypass", () => player.send({ do: "bypass", on: player.state.state !== "bypass" }));
const panic = button("Panic", () => player.send({ do: "panic" }));
const record = button("Record", attempt(take));
find("transport").append(make("div", { class: "transport", role: "group", "aria-label": "transport" }, microphone, file, chosen, bypass, panic, record));

const signal = meters();
const how = make("p", { class: "hint" });
const about = make("section", { class: "card", "aria-label": "how it runs" }, make("h2", {}, "How it runs"), how,
  make("p", { class: "hint" }, "Everything runs on this device, and works without a network from the second visit on. Use headphones: a microphone that hears its own loudspeaker howls."));
find("side").append(signal.element, about);
find("instrument").append(instrument(player).element);

player.listen((changed, state) => {
  if (changed.has("meters")) signal.show(state.meters);
  else show(state);
});
show(player.state);
setInterval(() => say(how, runs(player.stats())), 500);
document.body.dataset.ready = "yes";

function show(state) {
  const playing = Boolean(state.hears);
  const words = { bypass: "bypass", on: playing ? "playing" : "ready", waiting: "not playing" };
  say(find("state"), words[state.state]);
  set(find("state"), { class: `state ${playing ? "on" : "waiting"}` });
  say(microphone, playing ? "Stop" : "Microphone");
  set(bypass, { "aria-pressed": state.state === "bypass", disabled: state.state === "waiting" ? "" : null });
  set(panic, { disabled: state.state === "waiting" ? "" : null });
  set(record, { disabled: state.state === "waiting" ? "" : null });
  if (state.trouble) say(find("trouble"), state.trouble);
}

function runs({ rate, shared, speed }) {
  const way = shared ? "shared memory" : "messages: this page is not cross-origin isolated";
  const pace = Number.isFinite(speed) ? `, ${speed.toFixed(1)} times as fast as the sound` : "";
  return rate ? `${rate} Hz, threads joined by ${way}${pace}.` : `Threads joined by ${way}.`;
}

/** Begin a recording, or end it and give its two files away. */
async function take() {
  if (!player.taps) {
    player.tap();
    say(record, "Stop recording");
    set(record, { "aria-pressed": true });
    return;
  }
  const { dry, wet, rate } = await player.stop();
  say(record, "Record");
  set(record, { "aria-pressed": false });
  for (const [name, lanes] of [["take-dry.wav", dry], ["take.wav", wet]]) {
    const link = make("a", { href: URL.createObjectURL(wav(lanes, rate)), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

/** Let the service worker serve this page: it keeps the files, and isolates the page. */
async function isolate() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("service.js");
    await navigator.serviceWorker.ready;
  } catch {
    return; // a browser that forbids it plays with messages, while there is a network
  }
  if (!self.crossOriginIsolated && !sessionStorage.getItem("isolated")) {
    sessionStorage.setItem("isolated", "tried");
    location.reload();
    await new Promise(() => {});
  }
}

function reason(error) {
  if (error.name === "NotAllowedError") return "The browser keeps the microphone from this page. Allow it, and try again.";
  if (error.name === "NotFoundError") return "There is no microphone. Plug one in, or choose a sound file.";
  if (!self.isSecureContext) return "A browser gives sound to safe addresses alone: serve this page by https, or from this machine.";
  return String(error.message ?? error);
}
