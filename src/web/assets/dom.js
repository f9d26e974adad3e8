// Elements. Whatever comes from the service gets into the page as text, never as markup.

/** An element with these properties and children; strings become text. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Shows this text in the element, or hides the element where there is none. */
export function say(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

/** Shows a banner of a kind: good, warn, bad or plain. */
export function banner(element, kind, text) {
  element.className = kind ? `banner ${kind}` : "banner";
  say(element, text);
}

/** Tells those who listen to the page. */
export function announce(text) {
  byId("announcer").textContent = text;
}
