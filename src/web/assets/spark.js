// Small charts of one number over time.

import { svg, tip } from "./charts.js";
import { count } from "./format.js";

/** Times as in JSON and the values at them, as points. */
export const points = (values, times) => values.map((value, i) => [Date.parse(times[i]), value]);

/** A line through the points `[milliseconds, value]`; nothing without two of them that have a value. */
export function spark(all) {
  const known = all.filter(([at, value]) => value !== null && Number.isFinite(at));
  if (known.length < 2) return null;
  const [begin, end] = [known[0][0], known.at(-1)[0]];
  const values = known.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (at) => (100 * (at - begin)) / Math.max(1, end - begin);
  const y = (value) => (high === low ? 14 : 26 - (24 * (value - low)) / (high - low));
  const line = known.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const says = `From ${count(values[0])} to ${count(values.at(-1))}; lowest ${count(low)}, highest ${count(high)}`;
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 100 28", preserveAspectRatio: "none", role: "img", "aria-label": says },
    tip(says),
    svg("polyline", { points: line }),
  );
}
