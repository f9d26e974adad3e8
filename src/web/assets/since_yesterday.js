// The change of each tile since yesterday, which leads to what has changed.

import { byId, el } from "./dom.js";
import { compact, isShowable } from "./format.js";

const TILES = { titles: "titles", episodes: "episodes", channels: "channels", active_users: "users" };

/** Shows the changes, or nothing where no snapshot of yesterday is remembered. */
export function showSinceYesterday(changes) {
  for (const [name, tile] of Object.entries(TILES)) {
    const place = byId(`change-${tile}`);
    const change = changes?.[name] ?? null;
    place.hidden = change === null || !isShowable(Math.abs(change));
    if (place.hidden) continue;
    const text = change === 0 ? "as yesterday" : `${signed(change)} since yesterday`;
    const href = `changes?from=${encodeURIComponent(changes.since)}`;
    // The same link stays, so that the keyboard's place on it is not lost every few seconds.
    const link = place.querySelector("a") ?? place.appendChild(el("a"));
    link.href = href;
    link.textContent = text;
  }
}

const signed = (number) => `${number > 0 ? "+" : "−"}${compact(Math.abs(number))}`;
