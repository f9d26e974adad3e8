// Elements. Data from the service is inserted as text, never as markup.

import { visible } from "./text.js";

/** An element with these properties and children; strings become text. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    const shown = asShown(value);
    if (name in element) element[name] = shown;
    else element.setAttribute(name, shown);
  }
  element.append(...asContent(children));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** The content of an element: nodes as they are, texts with escapes for invisible characters, nothing for `null`. */
export const asContent = (parts) => parts.filter((part) => part !== null).map(asShown);

export const asShown = (value) => (typeof value === "string" ? visible(value) : value);

/** Shows this text in the element, or hides the element where there is none. */
export function say(element, text) {
  element.textContent = visible(text ?? "");
  element.hidden = !text;
}

/** Shows a banner of a kind (good, warn, bad or plain), or hides it if it has no content. */
export function banner(element, kind, ...content) {
  const shown = asContent(content);
  element.className = kind ? `banner ${kind}` : "banner";
  element.replaceChildren(...shown);
  element.hidden = shown.length === 0;
}

/** Announces a text to screen readers. */
export function announce(text) {
  byId("announcer").textContent = visible(text);
}
