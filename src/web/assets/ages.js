// How old the numbers of the overview are.

import { ageText, secondsSince, ticking } from "./clock.js";
import { byId } from "./dom.js";
import { lasting, moment } from "./format.js";

/** The collectors behind each card. The other cards show live metrics. */
const COUNTED = {
  titles: ["playarr_main_titles_count"],
  "by-provider": ["playarr_provider_titles_count"],
  channels: ["playarr_channels_count"],
  watchlists: ["playarr_watchlist_titles_count", "playarr_watchlist_channels_count"],
  expiry: ["playarr_provider_expiration_timestamp_seconds"],
  connections: ["playarr_provider_active_connections", "playarr_provider_max_connections"],
};

/** Live metrics are requested every 5 s; older than this, they are out of date. */
const CURRENT_SECONDS = 15;

/** Shows how old the library is. */
export function dateTiles({ taken_at: taken }) {
  const text = () => (taken ? `The library as counted ${old(taken)}.` : "The library was not counted yet.");
  ticking(byId("as-of"), text);
}

/** Shows in each card how old it is. `answered` is the time of the answer, in milliseconds since the epoch. */
export function dateCards({ collected, failed, interval_seconds: interval }, answered) {
  const arrived = new Date(answered).toISOString();
  for (const place of document.querySelectorAll("[data-age]")) {
    const collectors = COUNTED[place.closest(".card").id];
    const times = collectors?.map((name) => collected[name]) ?? [arrived];
    // A card is as old as the oldest of its numbers.
    const time = times.includes(null) || times.includes(undefined) ? null : times.sort()[0];
    const hasFailed = collectors?.some((name) => failed.includes(name)) ?? false;
    place.title = time ? moment(new Date(time)) : "";
    ticking(place, () => {
      if (!time) return "not counted yet";
      const isOld = secondsSince(time) > (collectors ? 2 * interval : CURRENT_SECONDS);
      place.classList.toggle("warn-text", hasFailed || isOld);
      return collectors || isOld ? ageText(time, old) : "up to now";
    });
  }
}

function old(time) {
  const seconds = secondsSince(time);
  return seconds < 5 ? "just now" : `${lasting(seconds)} ago`;
}
