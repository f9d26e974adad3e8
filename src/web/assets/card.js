// A card of the overview: a picture, its numbers as a table, or a word on why there is neither.

import { asShown, byId, el, say } from "./dom.js";
import { setUpReader } from "./reader.js";
import { keepState, stateOf } from "./state.js";

const shown = new Map();

/** The cards whose numbers are open. */
const open = new Set((stateOf("numbers") ?? "").split(",").filter(Boolean));

/** Makes the pictures readable, and keeps in the address which numbers are open. */
export function setUpCards() {
  for (const card of document.querySelectorAll(".chart")) {
    setUpReader(card.querySelector("[data-picture]"), card.querySelector("[data-readout]"));
    const numbers = card.querySelector("details");
    numbers.open = open.has(card.id);
    numbers.addEventListener("toggle", () => {
      if (numbers.open) open.add(card.id);
      else open.delete(card.id);
      keepState("numbers", [...open].join(","));
    });
  }
}

/**
 * Shows a picture in the card. `says` tells it in words; `columns` and `rows` are its numbers. What has not changed is
 * not drawn again, so that nobody's tooltip goes away; `also` is what it depends on besides.
 */
export function draw(id, { says, picture, columns, rows, also }) {
  const what = JSON.stringify([says, rows, also]);
  if (shown.get(id) === what) return;
  shown.set(id, what);
  const card = byId(id);
  const place = card.querySelector("[data-picture]");
  place.setAttribute("aria-label", asShown(says));
  place.hidden = false;
  place.replaceChildren(...[picture()].flat());
  say(card.querySelector("[data-readout]"), null);
  say(card.querySelector("[data-nothing]"), null);
  card.querySelector("details").hidden = false;
  const heads = columns.map((name, i) => el("th", { scope: "col", className: i === 0 ? "" : "number" }, name));
  card.querySelector("thead").replaceChildren(el("tr", {}, ...heads));
  card.querySelector("tbody").replaceChildren(...rows.map(tableRow));
}

function tableRow([name, ...cells]) {
  const numbers = cells.map((cell) => el("td", { className: "number" }, String(cell)));
  return el("tr", {}, el("th", { scope: "row" }, name), ...numbers);
}

/** Says why there is nothing to show, and what to do about it. */
export function nothing(id, why) {
  shown.delete(id);
  const card = byId(id);
  const place = card.querySelector("[data-picture]");
  place.replaceChildren();
  place.hidden = true;
  say(card.querySelector("[data-readout]"), null);
  card.querySelector("details").hidden = true;
  say(card.querySelector("[data-nothing]"), why);
}
