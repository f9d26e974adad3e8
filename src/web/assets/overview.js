// The overview: requests the numbers after each refresh, and every few seconds while the page is visible.

import { showActivity } from "./activity.js";
import { request } from "./api.js";
import { setUpCards } from "./card.js";
import { dateCards, dateTiles } from "./ages.js";
import { now, synchronize } from "./clock.js";
import { Connection } from "./connection.js";
import { banner, byId } from "./dom.js";
import { plural } from "./format.js";
import { showConnection, showDatabase, showStatus } from "./health.js";
import { showLibrary } from "./library.js";
import { showProviders } from "./providers.js";
import { showSinceYesterday } from "./since_yesterday.js";
import { setUrlState, urlState } from "./url_state.js";

const EVERY = 5_000;

/** How many failed collectors are named. */
const NAMED = 3;

let part = urlState("window") === "life" ? "life" : "hour";
let hasAll = urlState("accounts") === "all";
let timer = null;
/** The number of requests. Responses may overtake each other; only that of the last request counts. */
let asked = 0;

async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  asked += 1;
  const [question, window, all] = [asked, part, hasAll];
  try {
    const overview = await request("GET", `api/metrics/overview?window=${window}${all ? "&accounts=all" : ""}`);
    if (question === asked) show(overview, window, all);
  } catch {
    // The banner says why. The charts stay, and each shows how old it is.
  }
  if (question === asked) timer = setTimeout(ask, EVERY);
}

function show({ now: time, snapshot, changes, library, providers, activity, history }, window, all) {
  synchronize(time);
  dateTiles(snapshot);
  dateCards(snapshot, now());
  problems(snapshot);
  showLibrary(library);
  showSinceYesterday(changes);
  showProviders(providers, all);
  showActivity(activity, history, window);
}

function problems({ taken_at: taken, failed, collected }) {
  const place = byId("overview-banner");
  if (!taken) {
    banner(place, "warn", "No snapshot was taken yet. Settings, Metrics says more.");
  } else if (failed.length > 0) {
    const isEvery = failed.length === Object.keys(collected).length;
    const which = isEvery ? "Every collector" : plural(failed.length, "collector");
    const more = failed.length > NAMED ? ` and ${failed.length - NAMED} more` : "";
    const names = isEvery ? "" : `: ${failed.slice(0, NAMED).join(", ")}${more}`;
    const text = `${which} failed in the last run, so some charts are older${names}.`;
    banner(place, "warn", `${text} Settings, Metrics has the reasons.`);
  } else {
    banner(place, "", null);
  }
}

const windows = [...byId("windows").querySelectorAll("button")];

function markWindow() {
  for (const button of windows) button.setAttribute("aria-pressed", String(button.dataset.window === part));
}

for (const button of windows) {
  button.addEventListener("click", () => {
    part = button.dataset.window;
    setUrlState("window", part === "hour" ? null : part);
    markWindow();
    ask();
  });
}
for (const button of document.querySelectorAll("[data-all]")) {
  button.addEventListener("click", () => {
    hasAll = !hasAll;
    setUrlState("accounts", hasAll ? "all" : null);
    ask();
  });
}
document.addEventListener("visibilitychange", ask);

const events = {
  status: showStatus,
  database: showDatabase,
  refresh_finished: ask,
  snapshot_changed(status) {
    showStatus(status);
    ask();
  },
};

new Connection({
  onEvent: (event) => events[event.event]?.(event),
  onState: showConnection,
});
markWindow();
setUpCards();
ask();
