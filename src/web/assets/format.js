// Numbers and times in a readable form.

const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(number);

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** Whether a number is one that a library can have. Larger ones come from broken documents. */
export const isShowable = (number) => number < 1e15;

/** A number for a narrow place: whole below ten thousand, then "14.2K". */
export function compact(number) {
  if (number < 10_000) return count(number);
  return isShowable(number) ? short.format(number) : "> 999T";
}

export const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The text with a full stop at its end. */
export const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A measured duration: "41 ms", "1.24 s", "2 min 5 s". */
export function took(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.001) return "< 1 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 60 ? `${seconds.toFixed(2)} s` : span(seconds);
}

/** A span of time in whole seconds, its two largest units. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(s / 86400), "d"],
    [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"],
    [s % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

/** A span of time in few words that seldom change: "12 s", "5 min", "2 h 5 min". */
export function lasting(seconds) {
  return seconds < 3600 ? span(seconds).split(" ").slice(0, 2).join(" ") : span(seconds);
}

/** The time of day, with the date unless it is today. */
export function clockTime(date) {
  const time = date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString(undefined, { month: "short", day: "numeric" })} ${time}`;
}

export function bytes(number) {
  if (number === null || number === undefined) return "–";
  if (number < 1000) return `${number} B`;
  const units = ["kB", "MB", "GB"];
  let value = number / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** The time of day to the second, with the date unless it is today. */
export function exactTime(date) {
  return date.toDateString() === new Date().toDateString() ? date.toLocaleTimeString() : moment(date);
}

export const moment = (date) => date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
