/* A control between its own unit and the way of its knob, 0 to 1; and as text. */

/** The place on the knob of a value. */
export function toUnit(control, value) {
  const { minimum, maximum, curve } = control;
  const held = clip(control, value);
  if (curve === "log") return Math.log(held / minimum) / Math.log(maximum / minimum);
  return (held - minimum) / (maximum - minimum);
}

/** The value at a place on the knob. */
export function fromUnit(control, place) {
  const { minimum, maximum, curve } = control;
  const way = Math.min(Math.max(place, 0), 1);
  if (curve === "log") return minimum * (maximum / minimum) ** way;
  return clip(control, minimum + way * (maximum - minimum));
}

/** The nearest value that is allowed. */
export function clip(control, value) {
  const whole = control.curve === "integer" ? Math.round(value) : value;
  return Math.min(Math.max(whole, control.minimum), control.maximum);
}

/** A value as text, without its unit. */
export function format(control, value) {
  if (control.curve === "integer") return String(Math.round(value));
  const range = control.maximum - control.minimum;
  const digits = range >= 200 ? 0 : range >= 20 ? 1 : 2;
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** A value from text, or null where that is no number. */
export function parse(control, text) {
  const number = Number(text.replace("−", "-").replace(",", ".").replace(control.unit, "").trim());
  return text.trim() === "" || !Number.isFinite(number) ? null : clip(control, number);
}

/** The name of a control for people: `pitch_st` is `pitch`. */
export function label(control) {
  const { name, unit } = control;
  const bare = unit && name.toLowerCase().endsWith(`_${unit.toLowerCase()}`) ? name.slice(0, -unit.length - 1) : name;
  return bare.replaceAll("_", " ");
}

/** The range of a control for people. */
export function range(control) {
  const ends = [control.minimum, control.maximum].map((end) => String(end).replace("-", "−"));
  return `${ends[0]} to ${ends[1]}${control.unit ? ` ${control.unit}` : ""}`;
}
