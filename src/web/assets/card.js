// A card of the overview: a picture, its numbers as a table, or a word on why there is neither.

import { byId, el, say } from "./dom.js";

const shown = new Map();

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
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", says);
  place.hidden = false;
  place.replaceChildren(...[picture()].flat());
  say(card.querySelector("[data-nothing]"), null);
  card.querySelector("details").hidden = false;
  const [head] = columns;
  card
    .querySelector("thead")
    .replaceChildren(
      el(
        "tr",
        {},
        ...columns.map((name) => el("th", { scope: "col", className: name === head ? "" : "number" }, name)),
      ),
    );
  card
    .querySelector("tbody")
    .replaceChildren(
      ...rows.map(([name, ...cells]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, name),
          ...cells.map((cell) => el("td", { className: "number" }, String(cell))),
        ),
      ),
    );
}

/** Says why there is nothing to show, and what to do about it. */
export function nothing(id, why) {
  shown.delete(id);
  const card = byId(id);
  const place = card.querySelector("[data-picture]");
  place.replaceChildren();
  place.hidden = true;
  card.querySelector("details").hidden = true;
  say(card.querySelector("[data-nothing]"), why);
}
