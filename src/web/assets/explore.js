// The explorer: which series there are. What is shown follows from the URL alone.

import { request } from "./api.js";
import { age } from "./clock.js";
import { banner, byId } from "./dom.js";
import { showCardinality } from "./explore_cardinality.js";
import { showFamilies } from "./explore_families.js";
import { showAbout, showFailure, showLabels, showSeries } from "./explore_series.js";
import { go, visit } from "./explore_url.js";
import { count } from "./format.js";
import { selectorOf } from "./selector_text.js";
import { setUrlState, urlState } from "./url_state.js";

/** Milliseconds without a key before the search is sent. */
const PAUSE = 200;
const PAGE = 50;
const API = "api/metrics";

const search = byId("search");
/** Families by name, as last seen: a family keeps its name and type. */
const known = new Map();
/** The number of requests. Responses may overtake each other; only those of the last request count. */
let asked = 0;
let typing = null;

/** The part of the page that the URL asks for. */
function wanted() {
  if (urlState("family") || urlState("match")) return "one";
  return urlState("view") === "cardinality" ? "cardinality" : "families";
}

async function show({ moved = false } = {}) {
  asked += 1;
  const question = asked;
  const isCurrent = () => question === asked;
  const part = wanted();
  for (const id of ["families", "one", "cardinality"]) byId(id).hidden = id !== part;
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(part !== "one" && button.dataset.view === part));
  }
  if (document.activeElement !== search) search.value = urlState("q") ?? "";
  banner(byId("explore-banner"), null);
  try {
    await { families, cardinality, one }[part](isCurrent, moved);
  } catch (error) {
    if (isCurrent()) failed(error, part);
  }
}

function failed(error, part) {
  if (error.status === 410) {
    // The place in the list was one of an older snapshot.
    setUrlState("after", null);
    show();
  } else if (error.status === 400 && part === "one") {
    showFailure(error.message);
  } else {
    banner(byId("explore-banner"), "bad", error.message);
  }
}

async function families(isCurrent) {
  const q = urlState("q") ?? "";
  const answer = await request("GET", `${API}/families?${new URLSearchParams(q ? { search: q } : {})}`);
  if (!isCurrent()) return;
  remember(answer);
  showFamilies(answer, q);
}

async function cardinality(isCurrent) {
  const answer = await request("GET", `${API}/cardinality`);
  if (!isCurrent()) return;
  dated({ generation: answer.generation });
  showCardinality(answer);
}

async function one(isCurrent, moved) {
  const name = urlState("family");
  if (name && !known.get(name)?.isWhole) {
    const answer = await request("GET", `${API}/families?${new URLSearchParams({ search: name, history: true })}`);
    if (!isCurrent()) return;
    remember(answer, true);
  }
  const family = known.get(name) ?? null;
  showAbout(name, family, moved);
  const selector = urlState("match") ?? (family ? selectorOf(family) : name);
  byId("selector").value = selector;
  showFailure(null);
  const [sort, after] = [urlState("sort") ?? "exposition", urlState("after")];
  const parameters = { "match[]": selector, sort, limit: PAGE, ...(after ? { after } : {}) };
  const series = request("GET", `${API}/series?${new URLSearchParams(parameters)}`);
  const labels = request("GET", `${API}/cardinality?${new URLSearchParams({ "match[]": selector })}`);
  // It may fail before the other one has an answer, whose failure is the one that is shown.
  labels.catch(() => null);
  const page = await series;
  if (!isCurrent()) return;
  dated(page);
  showSeries(page, { selector, sort, isFirst: !after, isNamed: family !== null && family.type !== "histogram" });
  const shown = await labels;
  if (isCurrent()) showLabels(shown.labels, selector);
}

/** Keeps what is known of families; `isWhole` is whether their history is in it. */
function remember(answer, isWhole = false) {
  for (const family of answer.families) {
    if (isWhole || !known.has(family.name)) known.set(family.name, { ...family, times: answer.times, isWhole });
  }
  dated(answer);
}

/** Says which snapshot the page shows. */
function dated({ generation, taken_at: taken }) {
  const place = byId("as-of");
  if (generation === 0) place.replaceChildren("No snapshot was taken yet; the service's own series are here.");
  else if (taken) place.replaceChildren(`Generation ${count(generation)}, taken `, age(taken));
  else if (place.dataset.generation !== String(generation)) place.replaceChildren(`Generation ${count(generation)}`);
  place.dataset.generation = generation;
}

function searchFor(text) {
  clearTimeout(typing);
  if (wanted() === "families") {
    setUrlState("q", text);
    show();
  } else if (text) {
    go({ q: text, family: null, match: null, sort: null, after: null, view: null });
  }
}

search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => searchFor(search.value.trim()), PAUSE);
});
byId("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  searchFor(search.value.trim());
});
byId("selector-form").addEventListener("submit", (event) => {
  event.preventDefault();
  go({ match: byId("selector").value.trim(), after: null });
});
byId("reload").addEventListener("click", () => {
  setUrlState("after", null);
  known.clear();
  show();
});
for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () =>
    go({
      view: button.dataset.view === "families" ? null : button.dataset.view,
      family: null,
      match: null,
      sort: null,
      after: null,
    }),
  );
}
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});
// Links within the page load nothing again.
document.addEventListener("click", (event) => {
  const link = event.target.closest("main a[href^='explore']");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  visit(link.href);
});
addEventListener("popstate", () => show({ moved: true }));
show();
