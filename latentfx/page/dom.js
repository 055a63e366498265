/* Elements in one expression. */

/** Make an element: `make("button", {class: "big", onclick: go}, "Go")`. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an element of a drawing. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** Set attributes; null and false take one away, functions listen. */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === null || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
  return element;
}

/** Show a text, and touch nothing where it stands already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Follow a pointer from its press to its end: `move(x, y, event)` in parts of the element, 0 to 1. */
export function drag(element, { start = () => {}, move, end = () => {} }) {
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, event];
  };
  let pointer = null;
  element.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button > 0) return;
    pointer = event.pointerId;
    element.setPointerCapture(pointer);
    event.preventDefault();
    start(...at(event));
  });
  element.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) move(...at(event));
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    element.addEventListener(kind, (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      end(...at(event));
    });
  }
}

function fill(element, attributes, children) {
  set(element, attributes);
  element.append(...children);
  return element;
}
