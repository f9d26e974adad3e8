// Whether the service and its database answer: the pill and the banner at the top of a page.

import { ticking } from "./clock.js";
import { banner, byId, el } from "./dom.js";
import { clockTime, lasting } from "./format.js";

const WORDS = { connecting: "Connecting", live: "Live", polling: "Asking every 5 s" };

/** A reason with more characters is in the banner only. */
const LONGEST_IN_PILL = 60;

const pill = byId("connection");
let service = { state: "connecting" };
let database = null;

/**
 * Shows how the service is connected: "live", "polling", "offline" where it does not answer, or "failing" where it
 * answers with an error, which `message` is.
 */
export function showConnection(state, message) {
  if (state === service.state && message === service.message) return;
  service = { state, message, since: new Date(), began: performance.now() };
  show();
}

/** Shows what the service says of its database, as in its status. */
export function showDatabase(news) {
  const began = performance.now() - 1000 * (news.seconds ?? 0);
  // Whoever is not known to the service is not told the reason. What was known of this outage holds.
  const known = database?.state === "away" && news.state === "away" ? database : {};
  database = { ...known, ...news, began };
  show();
}

function show() {
  if (service.state === "offline") {
    pillSays("offline", "No connection", service);
    bannerSays(
      "bad",
      "The service does not answer",
      service,
      "This page tries again by itself; all it shows is from before.",
    );
  } else if (service.state === "failing") {
    pillSays("offline", "The service answers with an error", service);
    bannerSays("bad", service.message, service, "This page tries again by itself; all it shows is from before.");
  } else if (database?.state === "away") {
    const reason = database.reason ?? "MongoDB does not answer";
    pillSays("offline", reason.length > LONGEST_IN_PILL ? "MongoDB does not answer" : reason, database);
    bannerSays("bad", reason, database, "Scrapes go on with the last numbers. This page goes on by itself.");
  } else if (database?.state === "read_only") {
    pillSays("polling", "MongoDB has no primary", database);
    bannerSays("warn", database.reason, database, "Numbers stay fresh; tokens cannot be changed.");
  } else {
    pill.dataset.state = service.state;
    pill.textContent = WORDS[service.state];
    banner(byId("database-banner"), "warn", ...(database?.is_playarrs === false ? [elsewhere(database)] : []));
  }
}

function pillSays(state, text, outage) {
  pill.dataset.state = state;
  pill.replaceChildren(el("span", {}, text, ...since(outage)));
}

function bannerSays(kind, text, outage, consequence) {
  banner(byId("database-banner"), kind, text, ...since(outage), `. ${consequence}`);
}

/** Since when, and for how long by now. The length ticks, which is not worth reading out. */
function since({ since: time, began }) {
  const lasts = ticking(el("span", { ariaHidden: "true" }), () => ` (${lasting((performance.now() - began) / 1000)})`);
  return [time ? ` since ${clockTime(new Date(time))}` : "", lasts];
}

function elsewhere({ name, elsewhere: others }) {
  const none = `The database “${name}” has none of Playarr’s collections, so its numbers are zero.`;
  if (others.length === 0) return `${none} Is MONGODB_DB_NAME right, and has Playarr been started once?`;
  const names = others.map((other) => `“${other}”`).join(", ");
  return others.length === 1
    ? `${none} The database ${names} of this server has them: set MONGODB_DB_NAME to it.`
    : `${none} The databases ${names} of this server have them: set MONGODB_DB_NAME to one of them.`;
}
