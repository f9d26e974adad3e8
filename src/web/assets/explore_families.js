// The list of families.

import { byId, el, say } from "./dom.js";
import { tableLinks } from "./explore_exports.js";
import { addressOf } from "./explore_url.js";
import { count, plural } from "./format.js";
import { matcher, selectorOf, toggled } from "./selector_text.js";

const ORIGINS = { database: "Database", custom: "Custom metric", live: "Live events", service: "Service" };

export const originName = (origin) => ORIGINS[origin] ?? origin;

/** A part of the whole in words. */
export function percent(share) {
  if (share === 0) return "0 %";
  return share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

/** A cell with a share, as a number and as a bar. */
export const shareCell = (share) =>
  el(
    "td",
    { className: "number share", "data-label": "Share" },
    percent(share),
    el("meter", { max: 1, value: share, "aria-hidden": "true" }),
  );

/** Shows the families that a search has found. */
export function showFamilies({ families, total }, search) {
  const found = search ? `${plural(families.length, "family", "families")} for “${search}”` : null;
  say(byId("families-sum"), found ?? `${plural(families.length, "family", "families")}, ${count(total)} series`);
  byId("families-exports").replaceChildren(...tableLinks("api/metrics/families", search ? { search } : {}));
  const place = byId("families-list");
  if (families.length === 0) {
    place.replaceChildren(el("p", { className: "muted" }, "Nothing has this in its name, help or label values."));
    return;
  }
  const head = ["Family", "Type", "Origin", "Series", "Share"].map((name, i) =>
    el("th", { scope: "col", className: i > 2 ? "number" : "" }, name),
  );
  place.replaceChildren(
    el(
      "table",
      { className: "rows" },
      el("caption", { className: "visually-hidden" }, "Families"),
      el("thead", {}, el("tr", {}, ...head)),
      el("tbody", {}, ...families.map(row)),
    ),
  );
}

function row(family) {
  const { name, help, type, origin, series, share, folded, found } = family;
  const chips = found.map(({ label, value }) => {
    const match = toggled(selectorOf(family), matcher(label, value));
    return el("a", { className: "chip any", href: addressOf({ family: name, match }) }, matcher(label, value));
  });
  return el(
    "tr",
    {},
    el(
      "th",
      { scope: "row" },
      el("a", { className: "name", href: addressOf({ family: name }) }, name),
      el("span", { className: "block muted" }, help),
      folded > 0 ? el("span", { className: "block warn-text" }, `${count(folded)} more are folded`) : null,
      chips.length > 0 ? el("span", { className: "chips" }, ...chips) : null,
    ),
    el("td", { "data-label": "Type" }, type),
    el("td", { "data-label": "Origin" }, originName(origin)),
    el("td", { className: "number", "data-label": "Series" }, count(series)),
    shareCell(share),
  );
}
