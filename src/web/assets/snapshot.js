// The snapshot card: how old the numbers are, when the next come, and a refresh as it goes on.

import { request } from "./api.js";
import { age, secondsSince, ticking, now } from "./clock.js";
import { announce, banner, byId, el, say } from "./dom.js";
import { capitalized, count, plural, sentence, span, took } from "./format.js";

const button = byId("refresh");
const progress = byId("progress");
const bar = progress.querySelector("progress");
const progressText = byId("progress-text");
const body = byId("collectors").tBodies[0];

const rows = new Map();
let state = null;
let running = false;
let asked = false;
let hiding = null;

/** Makes the button work. While nothing is pushed, `watch` is called to look how far the refresh is. */
export function setUpSnapshot(watch) {
  button.addEventListener("click", async () => {
    started({});
    asked = true;
    try {
      await request("POST", "api/metrics/refresh?wait=false");
      watch();
    } catch (error) {
      stopped();
      banner(byId("snapshot-banner"), "bad", `The refresh could not be started: ${error.message}`);
    }
  });
}

export const isRunning = () => running;

/** Shows a whole status. */
export function show(status) {
  const over = running && !status.refreshing;
  const ended = over && status.snapshot.generation !== state?.snapshot.generation;
  state = status;
  figures(status);
  table(status.collectors);
  problems(status);
  if (ended && status.last_run) finished(status.last_run, status.collectors);
  // Broken off, with the service for example. One we asked for may not have begun yet.
  else if (over && !asked) stopped();
  if (status.refreshing && !running) started({});
  button.disabled = running;
}

function figures({ snapshot, interval_seconds: interval, next_run: next, last_run: last, collectors, sharing = {} }) {
  const taken = snapshot.taken_at;
  ticking(byId("age"), () => (taken ? span(secondsSince(taken)) : "none yet"));
  byId("age").dataset.state = taken && secondsSince(taken) > 2 * interval ? "warn" : "";
  byId("taken").replaceChildren(taken ? new Date(taken).toLocaleTimeString() : "");
  ticking(byId("next-run"), () => {
    if (running) return "running";
    if (sharing.role === "follows") return "elsewhere";
    return next ? span((Date.parse(next) - now()) / 1000) : "–";
  });
  const follows = sharing.role === "follows";
  const elsewhere = () => `another instance (${sharing.holder.slice(-6)}) refreshes`;
  byId("interval").textContent = follows ? elsewhere() : `about every ${span(interval)}`;
  byId("last-duration").textContent = last ? took(last.duration_seconds) : "–";
  byId("last-run").textContent = last ? `${last.trigger}, no. ${count(last.generation)}` : "";
  byId("series").textContent = collectors.length ? count(sum(collectors, "series")) : "–";
  const folded = sum(collectors, "folded_series");
  byId("folded").textContent = collectors.length ? `${count(folded)} folded` : "";
}

const sum = (collectors, field) => collectors.reduce((total, collector) => total + collector[field], 0);

function problems({ collectors, snapshot }) {
  const failed = collectors.filter(({ error }) => error);
  const reason = sharedReason(collectors);
  if (reason) {
    banner(
      byId("snapshot-banner"),
      "bad",
      `Every collector failed in the last run. Scrapes get the last good values. ${sentence(capitalized(reason))}`,
    );
  } else if (failed.length > 0) {
    const which =
      failed.length === collectors.length
        ? "Every collector"
        : `${plural(failed.length, "collector")} of ${collectors.length}`;
    banner(
      byId("snapshot-banner"),
      "bad",
      `${which} failed in the last run. Scrapes get the last good values; the reasons are below.`,
    );
  } else if (!snapshot.taken_at && !running) {
    banner(byId("snapshot-banner"), "warn", "No snapshot was taken yet: scrapes show no library.");
  } else {
    banner(byId("snapshot-banner"), "", null);
  }
}

/** The reason why all collectors failed, if it is the same for all. It is then said once. */
function sharedReason(collectors) {
  const [first] = collectors;
  return collectors.length > 1 && collectors.every(({ error }) => error && error === first.error) ? first.error : null;
}

function table(collectors) {
  if (collectors.length === 0) return;
  const names = collectors.map(({ name }) => name);
  if (names.length !== rows.size || names.some((name) => !rows.has(name))) {
    rows.clear();
    body.replaceChildren(...collectors.flatMap((collector) => addRow(collector.name)));
  }
  const reason = sharedReason(collectors);
  for (const collector of collectors) fill(collector, collector.last_success, reason);
}

function addRow(name) {
  const cell = (label, className) => el("td", { className, "data-label": label });
  const row = {
    main: null,
    detail: el("p", { className: "row-error", hidden: true }),
    series: el("span"),
    delta: el("span", { className: "delta" }),
    folded: cell("folded", "number"),
    took: cell("took", "number"),
    success: cell("last success", "number"),
    before: null,
  };
  const head = el(
    "th",
    { scope: "row" },
    el("span", { className: "dot" }),
    el("span", { className: "name" }, ...breakable(name)),
    row.detail,
  );
  const series = cell("series", "number");
  series.append(row.delta, " ", row.series);
  row.main = el("tr", {}, head, series, row.folded, row.took, row.success);
  rows.set(name, row);
  return [row.main];
}

/** A name that may break after its underscores. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part) => [part, el("wbr")]);
}

function fill({ name, series, folded_series: folded, duration_seconds: duration, error }, success, shared = null) {
  const row = rows.get(name);
  if (!row) return;
  row.series.textContent = count(series);
  const change = row.before === null ? 0 : series - row.before;
  row.delta.textContent = change === 0 ? "" : `${change > 0 ? "+" : "−"}${count(Math.abs(change))}`;
  row.folded.textContent = folded ? count(folded) : "0";
  row.folded.classList.toggle("faint", !folded);
  row.took.textContent = took(duration);
  if (success !== undefined) row.success.replaceChildren(age(success));
  say(row.detail, error === shared ? null : error);
  row.main.dataset.state = error ? "failed" : "ok";
}

/** A refresh began. */
export function started({ collectors, trigger }) {
  clearTimeout(hiding);
  if (!running) {
    for (const [name, row] of rows) {
      row.before = state?.collectors.find((collector) => collector.name === name)?.series ?? null;
      row.delta.textContent = "";
    }
    announce("Refresh started");
  }
  running = true;
  button.disabled = true;
  button.classList.add("working");
  button.querySelector("[data-label]").textContent = "Refreshing";
  progress.hidden = false;
  progress.dataset.state = "";
  bar.removeAttribute("value");
  progressText.textContent = trigger && trigger !== "manual" ? `Refreshing (${trigger})` : "Refreshing";
  if (collectors) {
    asked = false;
    bar.max = collectors;
    bar.value = 0;
    for (const { main } of rows.values()) main.dataset.state = "pending";
  }
}

/** A collector is done. */
export function collected(event) {
  if (!running) started({});
  bar.max = event.of;
  bar.value = event.done;
  progressText.textContent = `${event.done} of ${event.of} collectors: ${event.name}`;
  fill(event, event.error ? undefined : new Date(now()).toISOString());
}

/** The refresh is done. */
export function finished(report, collectors = report.collectors) {
  stopped();
  const failed = collectors.filter(({ error }) => error).length;
  const outcome = failed
    ? `${failed} of ${collectors.length} collectors failed`
    : plural(collectors.length, "collector");
  progress.hidden = false;
  progress.dataset.state = failed ? "failed" : "done";
  bar.max = 1;
  bar.value = 1;
  const series = plural(sum(collectors, "series"), "series", "series");
  progressText.textContent = `Refreshed in ${took(report.duration_seconds)}: ${outcome}, ${series}`;
  announce(progressText.textContent);
  hiding = setTimeout(() => {
    progress.hidden = true;
  }, 15_000);
}

/** No refresh goes on (any more). */
export function stopped() {
  running = false;
  asked = false;
  progress.hidden = true;
  button.disabled = false;
  button.classList.remove("working");
  button.querySelector("[data-label]").textContent = "Refresh now";
}
