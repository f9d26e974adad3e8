// Charts of what happens in the library.

import { draw, nothing } from "./card.js";
import { byId } from "./dom.js";
import { compact, count, plural, took } from "./format.js";
import { bars, legend, othersName, removedName, ring, tagOf } from "./charts.js";
import { timeline } from "./timeline.js";

const MEDIA = [
  ["movies", "Movies", "c1"],
  ["tvshows", "TV shows", "c2"],
  ["live", "Live", "c3"],
];
const CACHE = [
  ["hits", "Hits", "good-fill"],
  ["misses", "Misses", "warn-fill"],
];
const WHEN = { hour: "in the last hour", life: "since the process started" };

/** Cards that are hidden before the first event. The service's own job runs anyway, so its card is not among them. */
const NEED_EVENTS = ["streams", "durations", "cache", "hit-ratio", "users", "syncs"];

/** Draws the charts, with the history of the window that is chosen. */
export function showActivity(activity, history, window) {
  byId("tile-streams").textContent = compact(activity.streams.total.count);
  byId("invitation").hidden = activity.any;
  byId("windows").hidden = !activity.any;
  for (const id of NEED_EVENTS) byId(id).hidden = !activity.any;
  past("streams", history?.streams, history, MEDIA, ["stream"], window);
  past("cache", history?.cache, history, CACHE, ["cache operation"], window);
  durations(activity.durations);
  hitRatio(activity.cache);
  users(activity.streams);
  outcomes(
    "syncs",
    "Provider",
    activity.syncs,
    ["synchronisation"],
    "No provider was synchronised since counting began.",
  );
  outcomes("jobs", "Job", activity.jobs, ["run"], "No job has run since counting began.");
}

function past(id, numbers, history, kinds, what, window) {
  if (!history) {
    nothing(id, "The past is drawn as soon as the live metrics are restored from the database.");
    return;
  }
  const series = kinds.map(([key, label, className]) => [className, label, numbers[key]]);
  const sums = series.map(([, , values]) => values.reduce((a, b) => a + b, 0));
  const all = sums.reduce((a, b) => a + b, 0);
  const amounts = series.map(([, label], i) => `${count(sums[i])} ${label}`);
  draw(id, {
    says: `${plural(all, ...what)} ${WHEN[window]}: ${amounts.join(", ")}`,
    chart: () => [
      timeline(history, series, window),
      legend(series.map(([className, label], i) => [className, label, sums[i]])),
    ],
    columns: ["From", ...series.map(([, label]) => label)],
    rows: steps(history, series),
    // The time axis moves on even when nothing happens.
    also: [window, history.step_seconds, Math.round(Date.parse(history.begins) / 10_000), numbers[kinds[0][0]].length],
  });
}

/** The table of the history, latest first, without steps in which nothing happened. */
function steps({ begins, step_seconds: step }, series) {
  const start = Date.parse(begins);
  return series[0][2]
    .flatMap((_, i) => {
      const values = series.map(([, , numbers]) => numbers[i]);
      if (values.every((value) => value === 0)) return [];
      return [
        [
          new Date(start + i * step * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }),
          ...values.map(count),
        ],
      ];
    })
    .reverse();
}

function durations(all) {
  const known = all.filter(({ p95 }) => p95);
  if (known.length === 0) {
    nothing("durations", "No stream was requested since counting began.");
    return;
  }
  const word = (quantile) => (quantile ? `${quantile.at_least ? "> " : ""}${took(quantile.seconds)}` : "–");
  const label = (type) => MEDIA.find(([key]) => key === type)?.[1] ?? type;
  const colour = (type) => `${MEDIA.find(([key]) => key === type)?.[2] ?? "c4"} solid`;
  draw("durations", {
    says: known
      .map(({ media_type: type, p50, p95 }) => `${label(type)}: half within ${word(p50)}, 95% within ${word(p95)}`)
      .join("; "),
    chart: () =>
      bars(
        known.map(({ media_type: type, p50, p95 }) => ({
          name: label(type),
          text: `${word(p50)} / ${word(p95)}`,
          parts: [
            { size: p50.seconds, className: colour(type), says: `${label(type)}: half within ${word(p50)}` },
            {
              size: Math.max(0, p95.seconds - p50.seconds),
              className: `${colour(type)} light`,
              says: `${label(type)}: 95% within ${word(p95)}`,
            },
          ],
        })),
      ),
    columns: ["Kind", "Streams", "Half within", "95% within"],
    rows: all.map(({ media_type: type, count: number, p50, p95 }) => [
      label(type),
      count(number),
      word(p50),
      word(p95),
    ]),
  });
}

function hitRatio({ hits, misses }) {
  const all = hits + misses;
  if (all === 0) {
    nothing("hit-ratio", "The cache was not asked since counting began.");
    return;
  }
  const share = (100 * hits) / all;
  // 100% and 0% mean all and none, so they are not results of rounding.
  const percent = hits > 0 && misses > 0 ? `${Math.min(Math.max(share, 0.1), 99.9).toFixed(1)}%` : `${share}%`;
  const numbers = { hits, misses };
  draw("hit-ratio", {
    says: `${percent} of ${plural(all, "cache operation")} were hits`,
    chart: () => [
      ring(
        CACHE.map(([key, label, className]) => ({
          size: numbers[key],
          className,
          says: `${label}: ${count(numbers[key])}`,
        })),
        percent,
        "hits",
      ),
      legend(CACHE.map(([key, label, className]) => [className, label, numbers[key]])),
    ],
    columns: ["Outcome", "Operations"],
    rows: CACHE.map(([key, label]) => [label, count(numbers[key])]),
  });
}

function users({ members, total, shown, others }) {
  if (total.count === 0) {
    nothing("users", "No stream was requested since counting began.");
    return;
  }
  const all = others ? [...shown, { ...others, name: othersName(others), state: "others" }] : shown;
  draw("users", {
    says: `${plural(total.count, "stream")} by ${plural(members, "user")}. The most: ${shown
      .slice(0, 3)
      .map((one) => `${one.name} with ${count(one.count)}`)
      .join(", ")}`,
    chart: () =>
      bars(
        all.map((one) => ({
          name: one.name,
          state: one.state,
          text: compact(one.count),
          parts: [
            {
              size: one.count,
              className: one.state ? "c4" : "c1",
              says: `${one.name}: ${plural(one.count, "stream")}`,
            },
          ],
        })),
        { most: Math.max(1, ...shown.map((one) => one.count)) },
      ),
    columns: ["User", "Streams"],
    rows: all.map((one) => [one.name, count(one.count)]),
  });
}

function outcomes(id, head, { total, shown, others, removed }, what, empty) {
  if (total.success + total.failure === 0) {
    nothing(id, empty);
    return;
  }
  const rest = [
    [others, othersName],
    [removed, removedName],
  ].filter(([amount]) => amount);
  const all = [
    ...shown.map(({ state, ...one }) => ({ ...one, tag: tagOf(state) })),
    ...rest.map(([amount, name]) => ({ ...amount, name: name(amount), state: "others" })),
  ];
  const ended = ({ success, failure }) =>
    failure > 0 ? `${compact(failure)} of ${compact(success + failure)} failed` : compact(success);
  draw(id, {
    says: `${plural(total.success + total.failure, ...what)}, ${count(total.failure)} failed`,
    chart: () => [
      legend([
        ["good-fill", "Success", total.success],
        ["bad-fill", "Failure", total.failure],
      ]),
      bars(
        all.map((one) => ({
          name: one.name,
          tag: one.tag,
          text: ended(one),
          state: one.state ?? (one.failure > 0 ? "urgent" : ""),
          parts: [
            { size: one.success, className: "good-fill", says: `${one.name}: ${count(one.success)} succeeded` },
            { size: one.failure, className: "bad-fill", says: `${one.name}: ${count(one.failure)} failed` },
          ],
        })),
        { most: Math.max(1, ...shown.map((one) => one.success + one.failure)) },
      ),
    ],
    columns: [head, "Success", "Failure"],
    rows: all.map((one) => [one.name, count(one.success), count(one.failure)]),
  });
}
