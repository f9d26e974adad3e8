// Settings > Metrics: hands the service's news to the cards.

import { synchronize } from "./clock.js";
import { setUpConfigurations } from "./configuration.js";
import { Connection } from "./connection.js";
import * as doctor from "./doctor.js";
import { showConnection, showDatabase } from "./health.js";
import * as snapshot from "./snapshot.js";
import { setUpTokens, showTokenProblems } from "./tokens.js";

const WATCH_EVERY = 700;
const ASK_AFTER = 2_000;

let soon = null;

const events = {
  status(status) {
    synchronize(status.now);
    showDatabase(status.database);
    snapshot.show(status);
    doctor.show(status);
    showTokenProblems(status.tokens);
  },
  database: showDatabase,
  refresh_started: snapshot.started,
  collected: snapshot.collected,
  refresh_finished: (report) => snapshot.finished(report),
  scrape: doctor.seen,
  scrapes(totals) {
    doctor.counted(totals);
    if (doctor.hasMissed()) askSoon();
  },
};

const connection = new Connection({
  onEvent: (event) => events[event.event]?.(event),
  onState: showConnection,
});

/** Asks for the whole status; of many calls within a short time, the first one counts. */
function askSoon() {
  soon ??= setTimeout(() => {
    soon = null;
    connection.ask().catch(() => {});
  }, ASK_AFTER);
}

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

setUpConfigurations();
setUpTokens(doctor.lately);
snapshot.setUpSnapshot(watch);
