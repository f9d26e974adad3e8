// The overview: asks for the numbers behind the pictures, after each refresh and every few seconds while it is seen.

import { showActivity } from "./activity.js";
import { request } from "./api.js";
import { ago, synchronize, ticking } from "./clock.js";
import { Connection } from "./connection.js";
import { banner, byId } from "./dom.js";
import { plural } from "./format.js";
import { showLibrary } from "./library.js";
import { showProviders } from "./providers.js";

const EVERY = 5_000;
const STATES = { live: "Live", polling: "Asking every 5 s", offline: "No connection, trying again" };

let part = "hour";
let timer = null;
/** Answers may overtake each other: only the last question's counts. */
let asked = 0;

async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  asked += 1;
  const [question, window] = [asked, part];
  try {
    const overview = await request("GET", `/api/metrics/overview?window=${window}`);
    if (question === asked) show(overview, window);
  } catch {
    // The pill says so; the pictures stay until there are new ones.
  }
  if (question === asked) timer = setTimeout(ask, EVERY);
}

function show({ now, snapshot, library, providers, activity, history }, window) {
  synchronize(now);
  ticking(byId("as-of"), () =>
    snapshot.taken_at
      ? `The library as counted ${ago(snapshot.taken_at)}; activity up to now.`
      : "The library was not counted yet.",
  );
  problems(snapshot);
  showLibrary(library);
  showProviders(providers);
  showActivity(activity, history, window);
}

function problems({ taken_at: taken, failed }) {
  const place = byId("overview-banner");
  if (!taken) banner(place, "warn", "No snapshot was taken yet. Is MongoDB reachable? Settings, Metrics says more.");
  else if (failed.length > 0)
    banner(
      place,
      "warn",
      `${plural(failed.length, "collector")} failed in the last run, so some pictures are older: ` +
        `${failed.join(", ")}. Settings, Metrics has the reasons.`,
    );
  else banner(place, "", null);
}

for (const button of byId("windows").querySelectorAll("button")) {
  button.addEventListener("click", () => {
    part = button.dataset.window;
    for (const other of byId("windows").querySelectorAll("button"))
      other.setAttribute("aria-pressed", String(other === button));
    ask();
  });
}
document.addEventListener("visibilitychange", ask);

new Connection({
  onEvent: ({ event }) => event === "refresh_finished" && ask(),
  onState: (state) => {
    const pill = byId("connection");
    pill.dataset.state = state;
    pill.textContent = STATES[state];
  },
});
ask();
