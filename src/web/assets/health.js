// Whether the service and its database answer: the label and the banner at the top of a page.

import { ticking } from "./clock.js";
import { banner, byId, el } from "./dom.js";
import { clockTime, lasting } from "./format.js";

const WORDS = { connecting: "Connecting", live: "Live", polling: "Asking every 5 s" };

/** Reasons with more characters are shown in the banner only. */
const LONGEST_IN_PILL = 60;

const pill = byId("connection");
let service = { state: "connecting" };
let database = null;
let hasSnapshot = false;

/**
 * Shows the state of the connection: "live", "polling", "offline" if the service does not answer, or "failing" if it
 * answers with the error `message`.
 */
export function showConnection(state, message) {
  if (state === service.state && message === service.message) return;
  service = { state, message, since: new Date(), began: performance.now() };
  show();
}

/** Shows the state of the database, and whether there is something to scrape. */
export function showStatus({ database: news, snapshot }) {
  hasSnapshot = Boolean(snapshot.taken_at);
  showDatabase(news);
}

/** Shows the state of the database, as in the status. */
export function showDatabase(news) {
  const began = performance.now() - 1000 * (news.seconds ?? 0);
  // Without a WebSocket the reason of an outage is not sent; one that is known already stays.
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
    const scrapes = hasSnapshot ? "Scrapes go on with the last numbers." : "Scrapes are refused until it does.";
    bannerSays("bad", reason, database, `${scrapes} This page goes on by itself.`);
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

/** The beginning of an outage and its length. Screen readers skip the length, since it changes all the time. */
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
