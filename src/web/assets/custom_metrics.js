// Settings > Custom metrics: the list, and the choice of what the editor shows.

import { request } from "./api.js";
import { age, synchronize } from "./clock.js";
import { asContent, banner, byId, el } from "./dom.js";
import { setUpEditor } from "./custom_editor.js";

/** How often the list is asked for, in milliseconds. */
const ASK_EVERY = 5_000;

const STATES = {
  ok: "Working",
  waiting: "Not counted yet",
  failing: "Failing",
  paused: "Paused",
  invalid: "Not valid",
};

let shown = "";

const editor = setUpEditor(changed);

/** Shows the list as it is now. */
async function load() {
  const { now, ...list } = await request("GET", "api/metrics/custom");
  synchronize(now);
  const problems = [list.file_problem, list.store_problem].filter(Boolean);
  banner(byId("problem-banner"), "bad", problems.length > 0 ? problems.join(" ") : null);
  const paused = list.metrics.filter(({ status }) => status.state === "paused");
  banner(byId("paused-banner"), "warn", paused.length > 0 ? pausedText(paused) : null);
  byId("count").textContent = `${list.metrics.length} of ${list.limit}`;
  // A list that did not change stays, with the focus in it.
  const text = JSON.stringify(list);
  if (text === shown) return;
  shown = text;
  const focused = document.activeElement?.dataset?.edit;
  const rows = list.metrics.map(row);
  const none = el("tr", {}, el("td", { colSpan: 5, className: "muted" }, "No custom metrics yet."));
  byId("list").querySelector("tbody").replaceChildren(...(rows.length > 0 ? rows : [none]));
  if (focused) document.querySelector(`[data-edit="${CSS.escape(focused)}"]`)?.focus();
}

function pausedText(metrics) {
  const names = metrics.map(({ name }) => name).join(", ");
  const they = metrics.length === 1 ? "It shows its" : "They show their";
  return `Paused after three failures in a row: ${names}. ${they} last good values; the next try comes within an hour.`;
}

function row(metric) {
  const { name, help, status } = metric;
  const error = status.error ? el("p", { className: "row-error" }, status.error) : null;
  const hides = status.hides_page ? el("p", { className: "muted" }, "Hides the one defined on this page.") : null;
  const from = status.origin === "file" ? "from the file" : "";
  const head = el("th", { scope: "row" }, ...asContent([
    el("span", { className: "name any" }, name), el("p", { className: "muted any" }, help), error, hides,
  ]));
  const state = el("span", { className: "state", "data-state": status.state }, STATES[status.state] ?? status.state);
  const edit = el("button", {
    type: "button", className: "button quiet", "data-edit": name,
    "aria-label": `${status.origin === "file" ? "Show" : "Edit"} ${name}`,
  }, status.origin === "file" ? "Show" : "Edit");
  edit.addEventListener("click", () => editor.open(name));
  const buttons = [edit];
  if (["paused", "failing"].includes(status.state)) buttons.unshift(retryButton(name));
  const series = status.folded > 0 ? `${status.series} (${status.folded} folded)` : String(status.series);
  const when = status.updated ? [age(status.updated), ` by ${status.author}`] : [from];
  return el("tr", {}, head, el("td", {}, state), el("td", { className: "number", "data-label": "Series" }, series),
    el("td", {}, ...asContent(when)), el("td", {}, el("div", { className: "actions" }, ...buttons)));
}

function retryButton(name) {
  const button = el("button", {
    type: "button", className: "button quiet", "aria-label": `Try ${name} now`,
  }, "Try now");
  button.addEventListener("click", async () => {
    button.disabled = true;
    await request("POST", `api/metrics/custom/${encodeURIComponent(name)}/retry`).catch(() => {});
    shown = "";
    await refresh();
  });
  return button;
}

/** Says what was done, with a way back, and shows the list. */
function changed(text, name) {
  const undo = el("button", { type: "button", className: "button quiet" }, "Undo");
  undo.addEventListener("click", async () => {
    try {
      await request("POST", `api/metrics/custom/${encodeURIComponent(name)}/undo`);
      banner(byId("done-banner"), "good", `The change of ${name} was undone.`);
    } catch (error) {
      banner(byId("done-banner"), "bad", `The change was not undone: ${error.message}`);
    }
    await refresh();
  });
  banner(byId("done-banner"), "good", text, name ? undo : null);
  refresh();
}

async function refresh() {
  try {
    await load();
  } catch (error) {
    banner(byId("problem-banner"), "bad", `The list could not be loaded: ${error.message}`);
  }
}

byId("new").addEventListener("click", () => editor.open(null));
await refresh();
setInterval(() => {
  if (!document.hidden) refresh();
}, ASK_EVERY);
