// The page of changes: which two snapshots are compared, what is different in sentences, and the series behind each.

import { request } from "./api.js";
import { banner, byId, el, say } from "./dom.js";
import { bytes, count, moment, plural } from "./format.js";
import { points, spark } from "./spark.js";
import { setUrlState, urlState } from "./url_state.js";

/** How many series an opened sentence shows. */
const SERIES = 20;
const ALL = 1000;

const MARKS = { outage: "Outage", loss: "Loss", change: "Change", note: "Note" };
const DIFFERENCES = { new: "new", gone: "gone", changed: "changed", not_comparable: "not comparable" };

const choices = { from: byId("from"), to: byId("to") };
/** Answers may overtake each other; only that of the last request counts. */
let asked = 0;

function query(more = {}) {
  const parameters = new URLSearchParams(more);
  for (const side of ["from", "to"]) if (urlState(side)) parameters.set(side, urlState(side));
  return parameters.toString();
}

async function ask(more = {}) {
  asked += 1;
  const question = asked;
  try {
    const changes = await request("GET", `api/metrics/changes?${query(more)}`);
    if (question === asked) show(changes);
  } catch (error) {
    if (question === asked) banner(byId("changes-banner"), "bad", error.message);
  }
}

function show({ from, to, snapshots, history, sentences, more, families, times }) {
  choose(choices.from, snapshots, from, false);
  choose(choices.to, snapshots, to, true);
  size(history);
  problems(from, history);
  byId("compared").textContent = from ? `From ${time(from)} to ${to.period === "now" ? "now" : time(to)}.` : "";
  byId("sentences").replaceChildren(...sentences.map((sentence) => entry(sentence, times)));
  say(byId("nothing"), from && sentences.length === 0 ? "Nothing is different." : null);
  byId("more").hidden = !more;
  for (const format of ["csv", "json"]) {
    const link = byId(`export-${format}`);
    link.href = `api/metrics/changes/export?${query({ format })}`;
    link.hidden = !from;
  }
  table(families);
}

const time = ({ taken_at: taken }) => moment(new Date(taken));

function problems(from, { max_bytes: most, problem }) {
  const place = byId("changes-banner");
  if (problem) banner(place, "warn", `Snapshots are not remembered: ${problem}.`);
  else if (most === 0) banner(place, "warn", "The history is off: HISTORY_MAX_BYTES is 0.");
  else if (!from) banner(place, "", "No snapshot is remembered yet. The first one comes with the first refresh.");
  else banner(place, "", null);
}

function size({ bytes: taken, max_bytes: most }) {
  byId("history-size").textContent = most ? `The history takes ${bytes(taken)} of ${bytes(most)}.` : "";
}

function choose(select, snapshots, chosen, hasNow) {
  const options = snapshots.map((snapshot) =>
    el("option", { value: snapshot.taken_at }, `${time(snapshot)} (${snapshot.period})`),
  );
  if (hasNow) options.unshift(el("option", { value: "now" }, "now"));
  select.replaceChildren(...options);
  select.value = chosen?.period === "now" ? "now" : (chosen?.taken_at ?? "");
}

function entry(sentence, times) {
  const opened = el("div", { className: "opened" });
  const details = el(
    "details",
    {},
    el(
      "summary",
      {},
      el("span", { className: "mark" }, MARKS[sentence.urgency] ?? ""),
      el("span", { className: "text" }, sentence.text),
      spark([...points(sentence.chart, times), [Date.now(), sentence.after]]),
    ),
    opened,
  );
  details.addEventListener("toggle", () => {
    if (details.open && opened.childElementCount === 0) open(opened, sentence);
  });
  const item = el("li", {}, details);
  item.dataset.urgency = sentence.urgency;
  return item;
}

async function open(place, { metric, group }) {
  place.replaceChildren(el("p", { className: "muted" }, "Reading the series."));
  try {
    const wanted = { metric, limit: SERIES, ...(group === null ? {} : { group }) };
    const { total, labels, series } = await request("GET", `api/metrics/changes/series?${query(wanted)}`);
    place.replaceChildren(...seriesTable(metric, total, labels, series));
  } catch (error) {
    place.replaceChildren(el("p", { className: "failure" }, error.message));
  }
}

function seriesTable(metric, total, labels, series) {
  if (total === 0) return [el("p", { className: "muted" }, `No series of ${metric} is different.`)];
  const head = [...labels, "Difference"].map((name) => el("th", { scope: "col" }, name));
  const numbers = ["Before", "After"].map((name) => el("th", { scope: "col", className: "number" }, name));
  const number = (value) => el("td", { className: "number" }, value === null ? "–" : count(value));
  const rows = series.map(({ labels: values, difference, before, after }) =>
    el(
      "tr",
      {},
      ...labels.map((name) => el("td", {}, values[name] ?? "")),
      el("td", {}, DIFFERENCES[difference] ?? difference),
      number(before),
      number(after),
    ),
  );
  const shown = total > series.length ? `The largest ${series.length} of ${plural(total, "series", "series")}.` : "";
  return [
    el(
      "table",
      { className: "plain" },
      el("caption", { className: "visually-hidden" }, `Series of ${metric} that differ`),
      el("thead", {}, el("tr", {}, ...head, ...numbers)),
      el("tbody", {}, ...rows),
    ),
    el("p", { className: "muted" }, shown),
  ];
}

function table(families) {
  byId("families").hidden = families.length === 0;
  const number = (value) => el("td", { className: "number" }, value === null ? "–" : count(value));
  const rows = families.map((family) =>
    el(
      "tr",
      { title: family.help },
      el("th", { scope: "row" }, el("span", { className: "name" }, family.metric)),
      number(family.before),
      number(family.after),
      ...["new", "gone", "changed", "not_comparable"].map((kind) => number(family[kind])),
    ),
  );
  byId("families").querySelector("tbody").replaceChildren(...rows);
}

for (const [side, select] of Object.entries(choices)) {
  select.addEventListener("change", () => {
    setUrlState(side, select.value === "now" ? null : select.value);
    ask();
  });
}
byId("choose").addEventListener("submit", (event) => event.preventDefault());
byId("more").querySelector("button").addEventListener("click", () => ask({ limit: ALL }));
ask();
