// Times that update themselves. Ages are by the service's clock, since the browser's may be minutes off.

import { el } from "./dom.js";
import { exactTime, moment, span } from "./format.js";
import { visible } from "./text.js";

let ahead = 0;
let exact = remembered() === "exact";
const texts = new WeakMap();

/** Sets the clock to the time that the service sent. */
export function synchronize(now) {
  const service = Date.parse(now);
  if (Number.isFinite(service)) ahead = service - Date.now();
}

export const now = () => Date.now() + ahead;

export const secondsSince = (time) => (now() - Date.parse(time)) / 1000;

/** How long ago a time was, or the time itself if exact times are chosen. `words` puts an age into words. */
export function ageText(time, words = ago) {
  return exact ? exactTime(new Date(time)) : words(time);
}

/** How long ago, in words. */
export function ago(time) {
  const seconds = secondsSince(time);
  return seconds < 1 ? "just now" : `${span(seconds)} ago`;
}

/** An element that shows how long ago a time was. */
export function age(time) {
  if (!time) return el("span", { className: "muted" }, "never");
  return ticking(el("time", { dateTime: time, title: moment(new Date(time)) }), () => ageText(time));
}

/** Makes the button switch between ages and exact times, which otherwise only a tooltip shows. */
export function setUpExactTimes(button) {
  const mark = () => button.setAttribute("aria-pressed", String(exact));
  mark();
  button.addEventListener("click", () => {
    exact = !exact;
    try {
      localStorage.setItem("times", exact ? "exact" : "ages");
    } catch {
      // Then the choice holds for this page.
    }
    mark();
    tickAll();
  });
}

function remembered() {
  try {
    return localStorage.getItem("times");
  } catch {
    return null;
  }
}

/** Sets the text of an element to what `text` returns, every second, while it is in the page. */
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

const tickAll = () => document.querySelectorAll("[data-ticks]").forEach(tick);

setInterval(tickAll, 1000);
