/* What the page sees of a plugin that plays, and what it asks for.

The page's parts (`instrument.js`: ring, map of timbres, knobs) know no transport. Whoever plays the plugin gives
them a surface: `SocketSurface` below, for `latentfx live --ui`, or an object of your own in the page itself.
Extend `Surface`, write `send`, and call `take` with each message; the messages are the same everywhere.

A message to the page is `{type: "state", ...}` with some keys of the state, which replace what was known
(`values` are merged), or `{type: "meters", ...}`, thirty times a second, or `{type: "refused", why}`.

    plugin   {name, description, controls: [{name, minimum, maximum, default, unit, curve, description}],
              blends: [{name, description, labels: {LABEL: CONTROL}}],
              maps: {BLEND: {points: {LABEL: [x, y]}}}}
    values   {CONTROL: value}, in the control's own unit
    sources  {CONTROL: ["cc:21@1", ...]}: the MIDI that turns it; without this key the page shows no MIDI
    learning CONTROL that waits for MIDI, or null
    keys     [60, ...]: MIDI notes that are held
    loop     null, or {blend, seconds, points: [[x, y], ...], began}: the path that is walked round and round;
             `began` counts seconds of `meters.seconds`
    state    "on", "bypass" or "waiting"
    preset   name; presets [names]
    plugins  [names]; source the one that plays
    devices  {input, output, inputs: [names], outputs: [names]}
    take     null, or {file, seconds, on, error}
    trouble  "", or why the last preset is not there

    meters   {seconds, input_db, output_db, note, spectrum, load, late, latency: {algorithmic, buffering, device}};
             `note` is the incoming pitch as a MIDI note with decimals, or null; `spectrum` dB of what is heard
             in bands of a third of an octave from 40 Hz; keys that you leave out are not shown

A message from the page is `{do: ACTION, ...}`; obey those of ring, map and knobs, which are the first four:

    set      {values: {CONTROL: value}}     loop     {blend, seconds, points, steps: [{CONTROL: value}, ...]}
    reset    {name}: to its default         unloop   {}
    learn    {name or null}                 unbind   {name}
    preset   {name}                         morph    {a, b, t}             save   {name}
    bypass   {on}                           panic    {}                    record {file}      stop {}
    plugin   {name}                         devices  {input, output}

`panic` is silence, and ends the loop. `steps` are the controls at each of the `points`; between them go straight
lines, and from the last one to the first. `Walker` in `walker.js` walks them, for a page that has no host. */

const FRAME_MS = 16;

export class Surface {
  constructor() {
    this.state = { values: {}, meters: {} };
    this.listeners = new Set();
  }

  /** Call `listener(changed, state)` after each message; `changed` is a set of keys. Returns what ends that. */
  listen(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ask for something. */
  send(_message) {
    throw new Error("a surface of your own writes `send`");
  }

  /** Take a message to the page. */
  take(message) {
    const { type, ...news } = message;
    const changed = new Set();
    if (type === "state") {
      if (news.plugin) this.state.values = {};
      if (news.values) news.values = { ...this.state.values, ...news.values };
      Object.assign(this.state, news);
      Object.keys(news).forEach((key) => changed.add(key));
    } else if (type === "meters") {
      this.state.meters = { ...this.state.meters, ...news };
      changed.add("meters");
    } else if (type === "refused") {
      this.state.refused = news.why;
      changed.add("refused");
    }
    this.tell(changed);
  }

  tell(changed) {
    for (const listener of [...this.listeners]) listener(changed, this.state);
  }
}

/** A surface over a websocket. It opens again when it was lost, and then finds the state as it is. */
export class SocketSurface extends Surface {
  constructor(address) {
    super();
    this.address = address;
    this.waiting = new Map();
    this.resting = false;
    this.wait = 250;
    this.open();
  }

  open() {
    this.socket = new WebSocket(this.address);
    this.socket.onopen = () => {
      this.wait = 250;
      this.connected(true);
    };
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = () => {
      this.connected(false);
      setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(2 * this.wait, 4000);
    };
  }

  connected(on) {
    this.state.connected = on;
    this.tell(new Set(["connected"]));
  }

  /** Ask for something. Values go out at once, and then the newest of each once a frame. */
  send(message) {
    if (message.do === "set") {
      Object.entries(message.values).forEach(([name, value]) => this.waiting.set(name, value));
      Object.assign(this.state.values, message.values); // so they are, until the host says otherwise
      if (this.resting) return;
      this.resting = true;
      setTimeout(() => this.rested(), FRAME_MS);
    }
    this.flush();
    if (message.do !== "set") this.post(message);
  }

  flush() {
    if (this.waiting.size) this.post({ do: "set", values: Object.fromEntries(this.waiting) });
    this.waiting.clear();
  }

  rested() {
    this.resting = false;
    if (this.waiting.size) this.send({ do: "set", values: {} });
  }

  post(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
