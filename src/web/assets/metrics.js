// Settings > Metrics: passes events of the service to the cards.

import { synchronize } from "./clock.js";
import { setUpConfigurations } from "./configuration.js";
import { Connection } from "./connection.js";
import * as doctor from "./doctor.js";
import { setUpForgetting } from "./forget.js";
import { showConnection, showDatabase, showStatus } from "./health.js";
import * as snapshot from "./snapshot.js";
import { setUpTokens, showTokenProblems } from "./tokens.js";

const WATCH_EVERY = 700;
const ASK_AFTER = 2_000;

let soon = null;

function showAll(status) {
  synchronize(status.now);
  showStatus(status);
  snapshot.show(status);
  doctor.show(status);
  showTokenProblems(status.tokens);
}

const events = {
  status: showAll,
  snapshot_changed: showAll,
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

/** Requests the whole status after a moment, once for many calls. */
function askSoon() {
  soon ??= setTimeout(() => {
    soon = null;
    connection.ask().catch(() => {});
  }, ASK_AFTER);
}

/** Follows a refresh to its end by polling; rarely if events are pushed. */
async function watch() {
  for (let round = 1; ; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY));
    if (!snapshot.isRunning()) return;
    if (connection.isLive && round % 10 !== 0) continue;
    const status = await connection.ask().catch(() => null);
    // The status may have shown the outcome already, which should stay visible.
    if (status && !status.refreshing && snapshot.isRunning()) snapshot.stopped();
  }
}

setUpForgetting();
setUpConfigurations();
setUpTokens(doctor.lately);
snapshot.setUpSnapshot(watch);
