// The scrape doctor: who scraped last, and why scrapes were refused and what to do about it.

import { age, ago, secondsSince } from "./clock.js";
import { causeOf, findingsOf, scrapersOf, totalsOf, verdict } from "./diagnosis.js";
import { announce, banner, byId, el } from "./dom.js";
import { bytes, capitalized, count, sentence, span, took } from "./format.js";

const MOST = 100;
const FORMATS = { text: "Text", openmetrics: "OpenMetrics" };

let recent = [];
let scrapers = [];
let totals = null;
/** How many of the scrapes in the totals arrived in full. */
let told = 0;
let judged = null;
let shown = "";

/** Shows the scrapes of a whole status. */
export function show({ scrapes }) {
  recent = scrapes.recent;
  counted(scrapes);
  told = totals.answered + totals.refused;
}

/** Shows how many scrapes there were. */
export function counted(scrapes) {
  totals = totalsOf(scrapes);
  const { answered, refused, causes } = totals;
  const each = causes.map(([cause, number]) => `${count(number)} ${causeOf(cause)}`).join(", ");
  byId("scrape-totals").textContent =
    `Since the service started: ${count(answered)} answered, ${count(refused)} refused${each && ` (${each})`}.`;
  render();
}

/** Whether scrapes are missing in the list: of many at once, only the last ones are pushed. */
export const hasMissed = () => totals !== null && told < totals.answered + totals.refused;

/** Shows one more scrape. */
export function seen(scrape) {
  told += 1;
  recent = [scrape, ...recent].slice(0, MOST);
  render();
}

/** The clients with recent scrapes that were answered. */
export const lately = () => scrapers.filter(({ answered }) => answered.length > 0);

function render() {
  scrapers = scrapersOf(recent, secondsSince);
  shown = standing();
  judge();
  byId("findings").replaceChildren(...scrapers.flatMap(findingsOf).map(finding));
  const working = lately();
  byId("scrapers").hidden = working.length === 0;
  byId("scrapers").tBodies[0].replaceChildren(...working.map(scraperRow));
  byId("recent").hidden = recent.length === 0;
  byId("recent")
    .querySelector("tbody")
    .replaceChildren(...recent.map(recentRow));
}

/** Which clients are refused; this changes as time passes. */
const standing = () => scrapers.map(({ isRefused, hasLapsed }) => `${isRefused} ${hasLapsed}`).join();

function tick() {
  scrapers = scrapersOf(recent, secondsSince);
  if (standing() === shown) judge();
  else render();
}

function judge() {
  if (totals === null) return;
  const { kind, text } = verdict(scrapers, totals, secondsSince, ago);
  if (byId("verdict").textContent !== text) banner(byId("verdict"), kind, text);
  // Its age changes all the time; only another verdict is announced.
  if (judged !== null && judged !== kind) announce(text);
  judged = kind;
}

function finding({ client, agent, failures, isRefused, isRefusedOtherwise, hasLapsed }) {
  const last = failures[0];
  const title = `${capitalized(causeOf(last.failure))}, from ${client}, `;
  const times = failures.length > 1 ? `${count(failures.length)} times lately` : null;
  const about = [agent, times].filter(Boolean).join(" · ");
  return el(
    "li",
    { className: isRefused ? "finding bad" : "finding solved" },
    el("p", { className: "finding-title" }, title, age(last.at)),
    about ? el("p", { className: "muted any" }, about) : null,
    el("p", { className: "fix" }, advice()),
  );

  function advice() {
    const fix = sentence(last.fix ?? "What to do is in the log of the service");
    if (isRefused) return fix;
    if (isRefusedOtherwise) return "Since then this client is refused for another reason.";
    if (hasLapsed) return `Earlier; it has not tried since. ${fix}`;
    return "Solved: this client has scraped since.";
  }
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
  const outcome = scrape.failure ? refusal(scrape.failure) : formatOf(scrape);
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

const refusal = (failure) => el("span", { className: "bad-text" }, capitalized(causeOf(failure)));

const formatOf = ({ format, encoding }) =>
  [FORMATS[format] ?? format, encoding].filter((part) => part && part !== "identity").join(", ");

setInterval(tick, 1000);
