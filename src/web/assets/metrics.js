// Settings > Metrics: hands the service's news to the cards.

import { synchronize } from "./clock.js";
import { Connection } from "./connection.js";
import { byId } from "./dom.js";
import * as doctor from "./doctor.js";
import * as snapshot from "./snapshot.js";
import { setUpTokens } from "./tokens.js";

const WATCH_EVERY = 700;
const TOTALS_AFTER = 5_000;
const STATES = { live: "Live", polling: "Asking every 5 s", offline: "No connection, trying again" };

let totals = null;

const events = {
  status(status) {
    synchronize(status.now);
    snapshot.show(status);
    doctor.show(status);
  },
  refresh_started: snapshot.started,
  collected: snapshot.collected,
  refresh_finished: (report) => snapshot.finished(report),
  scrape(scrape) {
    doctor.seen(scrape);
    // Not every scrape is pushed when there are many: the totals come with the status.
    totals ??= setTimeout(() => {
      totals = null;
      connection.ask().catch(() => {});
    }, TOTALS_AFTER);
  },
};

const connection = new Connection({
  onEvent: (event) => events[event.event]?.(event),
  onState: (state) => {
    const pill = byId("connection");
    pill.dataset.state = state;
    pill.textContent = STATES[state];
  },
});

/** Sees a refresh to its end: by asking where nothing is pushed, and now and then also where it is. */
async function watch() {
  for (let round = 1; ; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY));
    if (!snapshot.isRunning()) return;
    if (connection.isLive && round % 10 !== 0) continue;
    const status = await connection.ask().catch(() => null);
    // The status itself may have told the outcome, which stays to be seen.
    if (status && !status.refreshing && snapshot.isRunning()) snapshot.stopped();
  }
}

setUpTokens(doctor.lately);
snapshot.setUpSnapshot(watch);
