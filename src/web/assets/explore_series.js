// A family, or whatever a selector chooses: its series, a page at a time, and its labels.

import { age } from "./clock.js";
import { confirmCopied, copy } from "./copy.js";
import { asShown, byId, el, say } from "./dom.js";
import { fileLink } from "./explore_exports.js";
import { go } from "./explore_url.js";
import { originName } from "./explore_families.js";
import { count, plural } from "./format.js";
import { has, matcher, toggled } from "./selector_text.js";
import { points, spark } from "./spark.js";

const FORMATS = [
  ["csv", "CSV"],
  ["json", "JSON"],
  ["ndjson", "NDJSON"],
  ["text", "Text"],
  ["openmetrics", "OpenMetrics"],
];

const links = byId("one").dataset;

/** Shows what is known of the family; `moved` is whether somebody has just come here. */
export function showAbout(name, family, moved) {
  const title = byId("about-title");
  title.textContent = name ?? "Series";
  say(byId("about-help"), family?.help ?? (name ? "There is no family of this name now." : null));
  const facts = family ? [family.type, originName(family.origin), family.unit] : [];
  if (family?.folded > 0) facts.push(`${plural(family.folded, "series", "series")} folded by the budget`);
  say(byId("about-facts"), facts.filter(Boolean).join(" · "));
  const chart = family?.chart ? spark(points(family.chart, family.times)) : null;
  byId("about-history").hidden = !chart;
  const since = chart && age(family.times[0]);
  byId("about-history").replaceChildren(...(chart ? [chart, "All series added up; the line begins ", since] : []));
  byId("queries").hidden = !family;
  byId("queries-list").replaceChildren(...(family?.queries ?? []).map(query));
  if (moved) title.focus({ preventScroll: false });
}

function query({ title, expr }) {
  const button = el("button", { type: "button", className: "button quiet" }, el("span", { "data-label": "" }, "Copy"));
  button.setAttribute("aria-label", `Copy the query: ${title}`);
  button.addEventListener("click", async () => (await copy(expr)) && confirmCopied(button));
  const elsewhere = [];
  if (links.prometheus) {
    const address = `${links.prometheus}/graph?${new URLSearchParams({ "g0.expr": expr, "g0.tab": "0" })}`;
    elsewhere.push(el("a", { className: "button quiet", href: address, rel: "noreferrer" }, "Prometheus"));
  }
  if (links.grafana) {
    const left = { queries: [{ refId: "A", expr }], range: { from: "now-1h", to: "now" } };
    const address = `${links.grafana}/explore?${new URLSearchParams({ left: JSON.stringify(left) })}`;
    elsewhere.push(el("a", { className: "button quiet", href: address, rel: "noreferrer" }, "Grafana"));
  }
  return el(
    "li",
    {},
    el("span", { className: "muted" }, title),
    el("code", { className: "any" }, expr),
    el("span", { className: "actions" }, button, ...elsewhere),
  );
}

/** Says why the selector cannot be used. */
export function showFailure(text) {
  say(byId("selector-failure"), text);
  byId("selector").setAttribute("aria-invalid", String(Boolean(text)));
}

/** Shows a page of series; `isNamed` is whether all have the name that is above them. */
export function showSeries({ total, series, next }, { selector, sort, isFirst, isNamed }) {
  const here = series.length < total ? `, ${count(series.length)} on this page` : "";
  say(byId("series-sum"), `${count(total)} series${here}`);
  const label = el("span", { className: "muted" }, "Export");
  const parameters = (format) => ({ format, "match[]": selector });
  const files = FORMATS.map(([format, label]) => fileLink("api/metrics/export", parameters(format), label));
  byId("exports").replaceChildren(label, ...files);
  const names = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))];
  const table = document.querySelector("table.series");
  const head = names.map((name) => sorter(name, name, sort));
  if (!isNamed) head.unshift(el("th", { scope: "col" }, "Metric"));
  head.push(sorter("value", "Value", sort));
  table.tHead.replaceChildren(el("tr", {}, ...head));
  const rows = series.map(({ metric, labels, value }) => {
    const cells = names.map((name) => cell(name, labels[name], selector));
    if (!isNamed) cells.unshift(el("td", { className: "metric", "data-label": "Metric" }, metric));
    return el("tr", {}, ...cells, el("td", { className: "number", "data-label": "Value" }, number(value)));
  });
  const nothing = el("td", { colSpan: head.length, className: "muted" }, "No series match this selector.");
  table.tBodies[0].replaceChildren(...(rows.length > 0 ? rows : [el("tr", {}, nothing)]));
  byId("first-page").disabled = isFirst;
  byId("next-page").disabled = next === null;
  byId("first-page").onclick = () => go({ after: null });
  byId("next-page").onclick = () => go({ after: next });
}

/** The head of a column, which sorts by it: upwards, downwards, then not. */
function sorter(by, name, sort) {
  const direction = sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
  const following = { none: by === "value" ? "-value" : by, ascending: by === "value" ? null : `-${by}` };
  following.descending = by === "value" ? "value" : null;
  const button = el("button", { type: "button", className: "sorter" }, name, el("span", { "aria-hidden": "true" }));
  button.addEventListener("click", () => go({ sort: following[direction], after: null }));
  return el("th", { scope: "col", "aria-sort": direction, className: by === "value" ? "number" : "" }, button);
}

function cell(label, value, selector) {
  if (value === undefined) return el("td", { "data-label": label });
  return el("td", { "data-label": label }, filter(label, value, selector));
}

/** A label value which, clicked, leaves only the series that have it, or all of them again. */
function filter(label, value, selector) {
  const wanted = matcher(label, value);
  const isOn = has(selector, wanted);
  const button = el("button", { type: "button", className: "chip any", "aria-pressed": String(isOn) }, value);
  button.setAttribute("aria-label", `${asShown(label)} ${asShown(value)}`);
  button.title = isOn ? "Take this filter away" : "Only series with this value";
  button.addEventListener("click", () => go({ match: toggled(selector, wanted) || null, after: null }));
  return button;
}

const number = (value) => (typeof value === "number" && Number.isInteger(value) ? count(value) : String(value));

/** Shows the labels of the chosen series, each with the values that most of them have. */
export function showLabels(labels, selector) {
  const open = new Set([...document.querySelectorAll("#labels details[open]")].map(({ dataset }) => dataset.label));
  const shown = labels.map(({ name, distinct, top }) => {
    const values = top.map(({ value, series }) =>
      el("li", {}, filter(name, value, selector), el("span", { className: "muted" }, count(series))),
    );
    const others = distinct - top.length;
    const more = others > 0 ? el("p", { className: "muted" }, `and ${count(others)} more`) : null;
    const known = el("span", { className: "muted" }, plural(distinct, "value"));
    const summary = el("summary", {}, el("code", {}, name), known);
    const details = el("details", {}, summary, el("ol", {}, ...values), more);
    details.dataset.label = name;
    details.open = open.has(name);
    return details;
  });
  byId("labels").replaceChildren(...shown);
}
