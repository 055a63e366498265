/* Walks a loop of settings in a page that has no host: the settings at a time, between the two steps around it. */

export class Walker {
  /** Call `set(values)` at every frame while a loop is walked; `now()` is the time in seconds. */
  constructor(set, now = () => performance.now() / 1000) {
    this.set = set;
    this.now = now;
    this.loop = null;
  }

  /** Begin a loop, as the message `loop` has it; another one ends. */
  start({ seconds, steps }) {
    const running = this.loop !== null;
    this.loop = { seconds, steps, began: this.now() };
    if (!running) requestAnimationFrame(() => this.step());
    return this.loop.began;
  }

  stop() {
    this.loop = null;
  }

  step() {
    if (!this.loop) return;
    const { seconds, steps, began } = this.loop;
    this.set(between(steps, ((this.now() - began) / seconds) % 1));
    requestAnimationFrame(() => this.step());
  }
}

/** The settings at a part of the way round, 0 to 1. */
export function between(steps, way) {
  const place = way * steps.length;
  const at = Math.floor(place) % steps.length;
  const [from, to] = [steps[at], steps[(at + 1) % steps.length]];
  const part = place - Math.floor(place);
  return Object.fromEntries(Object.keys(from).map((name) => [name, from[name] + part * (to[name] - from[name])]));
}
