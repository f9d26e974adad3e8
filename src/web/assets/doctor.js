// The scrape doctor: who scraped last, and for those who were refused the reason and the fix.

import { age, ago, secondsSince } from "./clock.js";
import { reasonOf, scrapersOf, verdict } from "./diagnosis.js";
import { announce, banner, byId, el } from "./dom.js";
import { bytes, count, span, took } from "./format.js";

const MOST = 100;
const FORMATS = { text: "Text", openmetrics: "OpenMetrics" };

let recent = [];
let scrapers = [];
let known = false;
let judged = null;
let shown = "";

/** Shows the scrapes of a whole status. */
export function show({ scrapes }) {
  known = true;
  recent = scrapes.recent;
  const answered = Object.values(scrapes.answered).reduce((a, b) => a + b, 0);
  const refused = Object.values(scrapes.failures).reduce((a, b) => a + b, 0);
  byId("scrape-totals").textContent =
    `Since the service started: ${count(answered)} answered, ${count(refused)} refused.`;
  render();
}

/** Shows one more scrape. */
export function seen(scrape) {
  recent = [scrape, ...recent].slice(0, MOST);
  render();
}

/** Who scraped well lately. */
export const lately = () => scrapers.filter(({ answered }) => answered.length > 0);

function render() {
  scrapers = scrapersOf(recent, secondsSince);
  shown = standing();
  judge();
  byId("findings").replaceChildren(...scrapers.filter(({ failures }) => failures.length > 0).map(finding));
  const working = lately();
  byId("scrapers").hidden = working.length === 0;
  byId("scrapers").tBodies[0].replaceChildren(...working.map(scraperRow));
  byId("recent").hidden = recent.length === 0;
  byId("recent")
    .querySelector("tbody")
    .replaceChildren(...recent.map(recentRow));
}

/** Who is refused and who was: it changes with time, too. */
const standing = () => scrapers.map(({ isRefused, hasLapsed }) => `${isRefused} ${hasLapsed}`).join();

function tick() {
  scrapers = scrapersOf(recent, secondsSince);
  if (standing() === shown) judge();
  else render();
}

function judge() {
  if (!known) return;
  const { kind, text } = verdict(scrapers, secondsSince, ago);
  if (byId("verdict").textContent !== text) banner(byId("verdict"), kind, text);
  // Its age ticks; only another verdict is worth reading out.
  if (judged !== null && judged !== kind) announce(text);
  judged = kind;
}

function finding({ client, agent, failures, isRefused, hasLapsed }) {
  const last = failures[0];
  const title = el("p", { className: "finding-title" }, `${reasonOf(last.failure)}, from ${client}, `, age(last.at));
  const about = [agent, failures.length > 1 ? `${count(failures.length)} times lately` : null]
    .filter(Boolean)
    .join(" · ");
  const earlier = hasLapsed
    ? `Earlier; it has not tried since. ${last.fix ?? ""}`
    : "Solved: this client has scraped since.";
  const fix = isRefused ? last.fix : earlier;
  return el(
    "li",
    { className: isRefused ? "finding bad" : "finding solved" },
    title,
    about ? el("p", { className: "muted any" }, about) : null,
    el("p", { className: "fix" }, fix ?? ""),
  );
}

function scraperRow({ client, agent, answered: [last], every }) {
  const rhythm = every === null || every < 1 ? null : el("span", { className: "muted" }, ` every ${span(every)}`);
  return el(
    "tr",
    {},
    el(
      "th",
      { scope: "row" },
      el("span", { className: "name" }, client),
      el("span", { className: "muted any block" }, agent),
    ),
    el("td", { "data-label": "last scrape" }, age(last.at), rhythm),
    el("td", { "data-label": "format" }, formatOf(last)),
    el("td", { className: "number", "data-label": "sent" }, bytes(last.bytes)),
    el("td", { className: "number", "data-label": "took" }, took(last.duration_seconds)),
  );
}

function recentRow(scrape) {
  const outcome = scrape.failure ? el("span", { className: "bad-text" }, reasonOf(scrape.failure)) : formatOf(scrape);
  return el(
    "tr",
    {},
    el("td", { "data-label": "when" }, age(scrape.at)),
    el("td", { className: "any", "data-label": "from" }, scrape.client),
    el("td", { "data-label": "outcome" }, outcome),
    el("td", { className: "number", "data-label": "sent" }, bytes(scrape.bytes)),
    el("td", { className: "number", "data-label": "took" }, took(scrape.duration_seconds)),
  );
}

const formatOf = ({ format, encoding }) =>
  [FORMATS[format] ?? format, encoding].filter((part) => part && part !== "identity").join(", ");

setInterval(tick, 1000);
