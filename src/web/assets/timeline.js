// A history as columns on a time axis.

import { el } from "./dom.js";
import { count, span } from "./format.js";
import { svg, tip } from "./charts.js";

/** The number of columns for an hour, and the least for all other windows. */
const HOUR = 121;
const FEWEST = 24;

/**
 * The columns of a history. `series` are `[className, label, numbers]`, from the bottom to the top.
 */
export function timeline({ begins, step_seconds: step }, series, window) {
  const length = series[0][2].length;
  const places = Math.max(length, window === "hour" ? HOUR : FEWEST);
  const sums = Array.from({ length }, (_, i) => series.reduce((sum, [, , numbers]) => sum + numbers[i], 0));
  const top = niceTop(Math.max(...sums));
  const start = Date.parse(begins);
  const time = (i) => new Date(start + i * step * 1000);
  const first = length - places;
  // The width of a column in percent of the whole.
  const share = 100 / places;

  const columns = sums.map((sum, i) => {
    let y = 100;
    const shapes = series
      .filter(([, , numbers]) => numbers[i] > 0)
      .map(([className, , numbers]) => {
        const height = (100 * numbers[i]) / top;
        y -= height;
        const [x, width] = [`${share * (i - first + 0.08)}%`, `${share * 0.84}%`];
        return svg("rect", { x, y: `${y}%`, width, height: `${height}%`, class: className });
      });
    const parts = series
      .filter(([, , numbers]) => numbers[i] > 0)
      .map(([, label, numbers]) => `${count(numbers[i])} ${label}`);
    const says = `${clock(time(i), step)}, ${span(step)}: ${parts.length ? parts.join(", ") : "nothing"}`;
    return svg(
      "g",
      { class: "column" },
      ...shapes,
      svg("rect", { x: `${share * (i - first)}%`, width: `${share}%`, height: "100%", class: "touch" }, tip(says)),
    );
  });
  const lines = ["0%", "50%"].map((y) => svg("line", { x1: 0, x2: "100%", y1: y, y2: y, class: "grid-line" }));
  return el(
    "div",
    { className: "timeline" },
    el(
      "div",
      { className: "axis-y" },
      el("span", {}, count(top)),
      el("span", {}, Number.isInteger(top / 2) ? count(top / 2) : ""),
      el("span", {}, "0"),
    ),
    svg("svg", { class: "timeline-columns" }, ...lines, ...columns),
    el(
      "div",
      { className: "axis-x" },
      el("span", {}, clock(time(first), step)),
      el("span", {}, `each column ${span(step)}`),
      el("span", {}, "now"),
    ),
  );
}

/** Time of day, with the date where columns are long. */
function clock(date, step) {
  const time = date.toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: step < 60 ? "2-digit" : undefined,
  });
  return step < 600 ? time : `${date.toLocaleDateString(undefined, { month: "short", day: "numeric" })} ${time}`;
}

/** The smallest round number that is not below, as the end of the axis. */
function niceTop(largest) {
  if (largest <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((n) => Math.round(n * power)).find((n) => n >= largest);
}
