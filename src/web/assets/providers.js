// Charts of the accounts at the providers.

import { draw, nothing } from "./card.js";
import { byId, el } from "./dom.js";
import { now } from "./clock.js";
import { compact, count, isShowable, plural, span } from "./format.js";
import { bars, legend, ring, strip, tagOf } from "./charts.js";

const DAY = 86_400;
const YEAR = 365 * DAY;

/** Up to this many connections are drawn as one part each. */
const SINGLE = 16;

/** The number of characters that fit into the ring, below the share. */
const WIDEST_IN_RING = 13;

const TIMES = [
  ["expired", "Expired", "bad-fill"],
  ["week", "Within 7 days", "bad-soft-fill"],
  ["month", "Within 30 days", "warn-fill"],
  ["later", "Later", "good-fill"],
  ["never", "No expiry", "c4"],
];

/** Draws the charts of the accounts. `hasAll` tells whether all accounts are in the lists. */
export function showProviders({ members, active, disabled, expiry, connections }, hasAll) {
  const without = disabled > 0 ? `, ${compact(disabled)} disabled` : "";
  byId("tile-providers").replaceChildren(
    compact(active),
    el("span", { className: "muted" }, ` of ${compact(members)}${without}`),
  );
  offerAll("expiry", members, expiry.shown.length, hasAll);
  offerAll("connections", connections.members, connections.shown.length, hasAll);
  if (members === 0)
    nothing("expiry", "No provider tells when it expires. Playarr notes it when it checks an account.");
  else showExpiry(expiry, members);
  if (connections.members === 0)
    nothing("connections", "No provider tells about its connections. Playarr notes them when it checks an account.");
  else showConnections(connections);
}

/** Shows the button for all accounts, or for the first ones only. */
function offerAll(id, members, shown, hasAll) {
  const button = byId(id).querySelector("[data-all]");
  button.closest("p").hidden = shown >= members && !hasAll;
  button.textContent = hasAll ? "Show fewer" : `Show all ${count(members)}`;
  button.setAttribute("aria-label", `${button.textContent}: ${byId(`${id}-title`).textContent}`);
}

function showExpiry(expiry, members) {
  const used = TIMES.filter(([key]) => expiry[key] > 0);
  const amounts = used.map(([key, label]) => `${count(expiry[key])} ${label.toLowerCase()}`);
  draw("expiry", {
    says: `${plural(members, "provider")}: ${amounts.join(", ")}`,
    chart: () => [
      strip(
        used.map(([key, label, className]) => ({
          size: expiry[key],
          className,
          says: `${label}: ${count(expiry[key])}`,
        })),
      ),
      legend(used.map(([key, label, className]) => [className, label, expiry[key]])),
      bars(expiry.shown.map(account), { most: 100 }),
    ],
    columns: ["Provider", "Expires", "State"],
    rows: expiry.shown.map((one) => [
      one.name,
      one.seconds_left === null ? "never" : `${date(one.seconds_left)} (${left(one.seconds_left)})`,
      one.state ?? "unknown",
    ]),
  });
}

function account({ name, seconds_left: seconds, state }) {
  const tag = tagOf(state);
  if (seconds === null)
    return {
      name,
      tag,
      text: "no expiry",
      state: "endless",
      parts: [{ size: 100, className: "c4 light", says: `${name}: no expiry` }],
    };
  const says = `${name}: ${left(seconds)}, ${date(seconds)}`;
  const className =
    seconds <= 0 ? "bad-fill" : seconds <= 7 * DAY ? "bad-soft-fill" : seconds <= 30 * DAY ? "warn-fill" : "good-fill";
  // A short rest must be visible; an expired account fills the bar.
  const size = seconds <= 0 ? 100 : Math.min(100, Math.max(1.5, (100 * seconds) / YEAR));
  return {
    name,
    tag,
    text: left(seconds),
    state: seconds <= 7 * DAY ? "urgent" : "",
    parts: [{ size, className, says }],
  };
}

function left(seconds) {
  if (seconds <= 0) return seconds < -20 * YEAR ? "long ago" : `${largest(-seconds)} ago`;
  return seconds > 20 * YEAR ? "in 20+ years" : `in ${largest(seconds)}`;
}

/** The largest unit: years, days, or less than a day. */
function largest(seconds) {
  const days = Math.floor(seconds / DAY);
  if (days >= 2 * 365) return plural(Math.floor(days / 365), "year");
  return days > 0 ? plural(days, "day") : span(seconds).split(" ").slice(0, 2).join(" ");
}

function date(seconds) {
  const then = new Date(now() + seconds * 1000);
  return Number.isNaN(then.getTime())
    ? "a date out of reach"
    : then.toLocaleDateString(undefined, { dateStyle: "medium" });
}

function showConnections({ used, max, members, shown }) {
  const whole = use({ used, max });
  const isKnown = isShowable(used) && isShowable(max);
  const className = isKnown ? level(used, max) : "track";
  const parts = [{ size: Math.min(used, max || used), className, says: whole }];
  const busiest = shown.slice(0, 3).map((one) => `${one.name} ${use(one)}`);
  draw("connections", {
    says: `Connections at ${plural(members, "provider")}: ${whole}. The busiest: ${busiest.join(", ")}`,
    chart: () => [
      el(
        "div",
        { className: "pooled" },
        ring(parts, share(used, max), below(used, max), max || used || 1),
        legend([
          ["accent-fill", "In use"],
          ["warn-fill", "75% and more"],
          ["bad-fill", "90% and more"],
          ["track", "Free"],
        ]),
      ),
      bars(shown.map(busy), { most: 1 }),
    ],
    columns: ["Provider", "In use", "Allowed", "State"],
    rows: shown.map((one) => [one.name, amount(one.used), amount(one.max), one.state ?? "unknown"]),
  });
}

function amount(number) {
  if (number === null) return "unknown";
  return isShowable(number) ? count(number) : "out of range";
}

function busy(one) {
  const { name, used, max, state } = one;
  const says = `${name}: ${use(one)}`;
  const row = { name, tag: tagOf(state), text: use(one), parts: [] };
  if (!max) return row;
  const full = Math.min(used ?? 0, max);
  const className = level(used ?? 0, max);
  if (max > SINGLE)
    row.parts = [
      { size: full / max, className, says },
      { size: 1 - full / max, className: "track", says },
    ];
  else
    row.parts = Array.from({ length: max }, (_, i) => ({
      size: 1 / max,
      className: i < full ? className : "track",
      says,
    }));
  return row;
}

/** The share in use, for the middle of the ring. */
function share(used, max) {
  if (!isShowable(used) || !isShowable(max)) return "?";
  if (max === 0) return compact(used);
  if (used > max) return "over";
  const percent = (100 * used) / max;
  return percent > 0 && percent < 1 ? "< 1%" : `${Math.floor(percent)}%`;
}

/** The text below the share, as far as the ring has room for it. */
function below(used, max) {
  if (!isShowable(used) || !isShowable(max)) return "out of range";
  if (used > max && max > 0) return "the limit";
  const whole = `${compact(used)} of ${compact(max)}`;
  return max > 0 && whole.length <= WIDEST_IN_RING ? whole : "in use";
}

function use({ used, max }) {
  if (![used ?? 0, max ?? 0].every(isShowable)) return "numbers out of range";
  const number = used === null ? "unknown" : compact(used);
  if (max === null || max === 0) return `${number}, no limit known`;
  return used > max ? `${number}, ${compact(max)} allowed` : `${number} of ${compact(max)}`;
}

function level(used, max) {
  if (max === 0 || used < 0.75 * max) return "accent-fill";
  return used < 0.9 * max ? "warn-fill" : "bad-fill";
}
