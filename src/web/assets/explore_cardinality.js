// What the series are many by.

import { byId, el } from "./dom.js";
import { tableLinks } from "./explore_exports.js";
import { addressOf } from "./explore_url.js";
import { shareCell } from "./explore_families.js";
import { count } from "./format.js";
import { matcher } from "./selector_text.js";

const PATH = "api/metrics/cardinality";

/** How many families are listed. */
const FAMILIES = 20;

/** Shows the largest families, labels and label values, and what was folded. */
export function showCardinality({ families, labels, values, folded }) {
  byId("folded").hidden = folded.length === 0;
  byId("folded").querySelector("ul").replaceChildren(...folded.map(fold));
  byId("folded-exports").replaceChildren(...tableLinks(PATH, {}, { table: "folded" }));
  const largest = families.slice(0, FAMILIES);
  document.querySelector(".grid-of-tables").replaceChildren(
    card("Largest families", "families", ["Family", "Series", "Share"], largest.map(family)),
    card("Labels", "labels", ["Label", "Values", "Series", "Families"], labels.map(label)),
    card("Largest label values", "values", ["Value", "Series", "Share"], values.map(value)),
  );
}

const number = (label, amount) => el("td", { className: "number", "data-label": label }, count(amount));

const link = (text, state) =>
  el("th", { scope: "row" }, el("a", { className: "name any", href: addressOf(state) }, text));

function fold({ name, series, advice }) {
  const family = el("a", { className: "name any", href: addressOf({ family: name }) }, name);
  return el("li", {}, family, `: ${count(series)} series are folded. ${advice}`);
}

const family = ({ name, series, share }) =>
  el("tr", {}, link(name, { family: name }), number("Series", series), shareCell(share));

const label = ({ name, distinct, series, families }) =>
  el(
    "tr",
    {},
    link(name, { match: `{${name}!=""}` }),
    number("Values", distinct),
    number("Series", series),
    number("Families", families),
  );

const value = ({ label: name, value: text, series, share }) =>
  el(
    "tr",
    {},
    link(matcher(name, text), { match: `{${matcher(name, text)}}` }),
    number("Series", series),
    shareCell(share),
  );

function card(title, name, columns, rows) {
  const head = columns.map((name, i) => el("th", { scope: "col", className: i > 0 ? "number" : "" }, name));
  const caption = el("caption", { className: "visually-hidden" }, title);
  const table = el(
    "table",
    { className: "rows" },
    caption,
    el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...rows),
  );
  return el("section", { className: "card" }, heading(title, name), table);
}

/** The heading of a table with the links to its file. */
function heading(title, name) {
  const links = el("div", { className: "actions exports" }, ...tableLinks(PATH, {}, { table: name }));
  links.setAttribute("role", "group");
  links.setAttribute("aria-label", `Export: ${title}`);
  return el("header", { className: "card-head" }, el("h2", {}, title), links);
}
