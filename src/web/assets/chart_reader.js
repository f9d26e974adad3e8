// Reading a chart by keyboard and touch, instead of by tooltips.

import { say } from "./dom.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/**
 * Makes the parts of a chart readable: arrow keys go from one to the next, a tap picks one, Escape leaves. `readout`
 * shows the tooltip of the part, also to screen readers.
 */
export function setUpChartReader(place, readout) {
  let current = -1;
  const pick = (position) => {
    const parts = partsOf(place);
    for (const part of parts) part.classList.remove("picked");
    current = position < 0 || parts.length === 0 ? -1 : Math.min(position, parts.length - 1);
    parts[current]?.classList.add("picked");
    say(readout, current < 0 ? null : textOf(parts[current]));
  };
  place.tabIndex = 0;
  place.addEventListener("keydown", (event) => {
    const last = partsOf(place).length - 1;
    const target = { Home: 0, End: last, Escape: -1 }[event.key];
    const step = STEPS[event.key];
    if (target === undefined && step === undefined) return;
    event.preventDefault();
    pick(target ?? Math.min(Math.max(current + step, 0), last));
  });
  place.addEventListener("click", ({ target }) => {
    pick(partsOf(place).indexOf(target.closest(".bar-name") ?? target));
  });
  place.addEventListener("blur", () => pick(-1));
}

const partsOf = (place) =>
  [...place.querySelectorAll(".bar-name, svg :has(> title)")].filter((part) => textOf(part) !== "");

const textOf = (part) => part.querySelector(":scope > title")?.textContent ?? part.title;
