// A card of the overview: a chart and its numbers as a table, or why there is nothing to show.

import { asShown, byId, el, say } from "./dom.js";
import { setUpChartReader } from "./chart_reader.js";
import { setUrlState, urlState } from "./url_state.js";

const shown = new Map();

/** The ids of the cards whose table is open. */
const open = new Set((urlState("numbers") ?? "").split(",").filter(Boolean));

/** Makes the charts readable by keyboard and touch, and keeps in the URL which tables are open. */
export function setUpCards() {
  for (const card of document.querySelectorAll(".chart")) {
    setUpChartReader(card.querySelector("[data-chart]"), card.querySelector("[data-readout]"));
    const numbers = card.querySelector("details");
    numbers.open = open.has(card.id);
    numbers.addEventListener("toggle", () => {
      if (numbers.open) open.add(card.id);
      else open.delete(card.id);
      setUrlState("numbers", [...open].join(","));
    });
  }
}

/**
 * Shows a chart in the card. `says` describes it in words; `columns` and `rows` are its table. A chart that did not
 * change is not drawn again, so that its tooltip stays; `also` is what else it depends on.
 */
export function draw(id, { says, chart, columns, rows, also }) {
  const what = JSON.stringify([says, rows, also]);
  if (shown.get(id) === what) return;
  shown.set(id, what);
  const card = byId(id);
  const place = card.querySelector("[data-chart]");
  place.setAttribute("aria-label", asShown(says));
  place.hidden = false;
  place.replaceChildren(...[chart()].flat());
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
  const place = card.querySelector("[data-chart]");
  place.replaceChildren();
  place.hidden = true;
  say(card.querySelector("[data-readout]"), null);
  card.querySelector("details").hidden = true;
  say(card.querySelector("[data-nothing]"), why);
}
