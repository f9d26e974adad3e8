// Times that tick. Ages are counted by the service's clock: the browser's may be minutes off.

import { el } from "./dom.js";
import { moment, span } from "./format.js";
import { visible } from "./text.js";

let ahead = 0;
const texts = new WeakMap();

/** Takes over what the service says the time is. */
export function synchronize(now) {
  const service = Date.parse(now);
  if (Number.isFinite(service)) ahead = service - Date.now();
}

export const now = () => Date.now() + ahead;

export const secondsSince = (time) => (now() - Date.parse(time)) / 1000;

/** How long ago, in words. */
export function ago(time) {
  const seconds = secondsSince(time);
  return seconds < 1 ? "just now" : `${span(seconds)} ago`;
}

/** A time that says how long ago it was, and goes on saying it. */
export function age(time) {
  if (!time) return el("span", { className: "muted" }, "never");
  return ticking(el("time", { dateTime: time, title: moment(new Date(time)) }), () => ago(time));
}

/** Keeps the text of an element as `text` says, second by second, as long as it is in the page. */
export function ticking(element, text) {
  texts.set(element, text);
  element.dataset.ticks = "";
  tick(element);
  return element;
}

function tick(element) {
  const text = texts.get(element)?.();
  if (text === undefined) return;
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

setInterval(() => document.querySelectorAll("[data-ticks]").forEach(tick), 1000);
