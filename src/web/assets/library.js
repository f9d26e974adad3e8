// Charts of what the library holds.

import { draw, nothing } from "./card.js";
import { byId } from "./dom.js";
import { compact, count, plural } from "./format.js";
import { bars, legend, othersName, removedName, ring, tagOf } from "./charts.js";

const TITLES = [
  ["movies", "Movies", "c1"],
  ["tvshows", "TV shows", "c2"],
  ["other", "Other", "c4"],
];
const WATCHLIST = [
  ["movies", "Movies", "c1"],
  ["tvshows", "TV shows", "c2"],
  ["channels", "Channels", "c3"],
];

/** Draws the charts and tiles of the library. */
export function showLibrary(library) {
  const { titles, episodes, categories, active_users: users } = library;
  const all = TITLES.reduce((sum, [key]) => sum + titles[key], 0);
  byId("tile-titles").textContent = compact(all);
  byId("tile-episodes").textContent = compact(episodes);
  byId("tile-channels").textContent = compact(categories.total.channels);
  byId("tile-users").textContent = compact(users);
  merged(titles, all);
  stacked("by-provider", library.providers, TITLES, {
    one: "provider",
    what: ["title"],
    empty:
      "No provider lists a title yet. Add one in Playarr and let it synchronise: " +
      "its titles show after the next refresh.",
  });
  channels(categories);
  stacked("watchlists", library.watchlists, WATCHLIST, {
    one: "user",
    what: ["entry", "entries"],
    ignoreEmpty: true,
    empty: "No watchlist has an entry yet. Users fill them in Playarr.",
  });
}

function merged(titles, all) {
  if (all === 0) {
    nothing("titles", "The merged library is empty. Playarr fills it when it has synchronised a provider.");
    return;
  }
  const kinds = TITLES.filter(([key]) => key !== "other" || titles.other > 0);
  const parts = kinds.map(([key, label, className]) => ({
    size: titles[key],
    className,
    says: `${label}: ${count(titles[key])}`,
  }));
  draw("titles", {
    says: `${plural(all, "title")}: ${kinds.map(([key, label]) => `${count(titles[key])} ${label}`).join(", ")}`,
    chart: () => [
      ring(parts, compact(all), all === 1 ? "title" : "titles"),
      legend(kinds.map(([key, label, className]) => [className, label, titles[key]])),
    ],
    columns: ["Kind", "Titles"],
    rows: kinds.map(([key, label]) => [label, count(titles[key])]),
  });
}

function stacked(id, { members, total, shown, others, removed }, kinds, { one, what, empty, ignoreEmpty }) {
  const sum = (amount) => kinds.reduce((all, [key]) => all + amount[key], 0);
  if (sum(total) === 0) {
    nothing(id, empty);
    return;
  }
  const used = kinds.filter(([key]) => total[key] > 0);
  const named = shown
    .filter((entry) => !ignoreEmpty || sum(entry) > 0)
    .map(({ state, ...entry }) => ({ ...entry, tag: tagOf(state) }));
  const rest = [
    [others, othersName],
    [removed, removedName],
  ].filter(([amount]) => amount && sum(amount) > 0);
  const most = named.slice(0, 3).map((entry) => `${entry.name} with ${count(sum(entry))}`);
  const all = [...named, ...rest.map(([amount, name]) => ({ ...amount, name: name(amount), state: "others" }))];
  draw(id, {
    says: `${plural(sum(total), ...what)} of ${plural(members, one)}. The most: ${most.join(", ")}`,
    chart: () => [
      legend(used.map(([key, label, className]) => [className, label, total[key]])),
      bars(
        all.map((entry) => ({
          name: entry.name,
          tag: entry.tag,
          state: entry.state,
          text: compact(sum(entry)),
          parts: used.map(([key, label, className]) => ({
            size: entry[key],
            className,
            says: `${entry.name}, ${label}: ${count(entry[key])}`,
          })),
        })),
        entryScale(all, sum),
      ),
    ],
    columns: [one === "user" ? "User" : "Provider", ...used.map(([, label]) => label), "Together"],
    rows: all.map((entry) => [
      entry.tag ? `${entry.name} (${entry.tag})` : entry.name,
      ...used.map(([key]) => count(entry[key])),
      count(sum(entry)),
    ]),
  });
}

/** The scale of the named entries. The sum of the others may be far larger; its bar is then full. */
function entryScale(entries, sum) {
  const named = entries.filter(({ state }) => state !== "others").map(sum);
  return { most: Math.max(1, ...named) };
}

function channels({ members, total, shown, others }) {
  if (total.channels === 0) {
    nothing("channels", "No provider has live channels yet. They show after Playarr has synchronised one that has.");
    return;
  }
  const all = others ? [...shown, { ...others, name: othersName(others), state: "others" }] : shown;
  const share = (entry) => `${count(entry.channels)} (${Math.round((100 * entry.channels) / total.channels)}%)`;
  draw("channels", {
    says: `${plural(total.channels, "channel")} in ${plural(members, "category", "categories")}. The most: ${shown
      .slice(0, 3)
      .map((entry) => `${entry.name} with ${count(entry.channels)}`)
      .join(", ")}`,
    chart: () =>
      bars(
        all.map((entry) => ({
          name: entry.name,
          state: entry.state,
          text: compact(entry.channels),
          parts: [
            {
              size: entry.channels,
              className: entry.state === "others" ? "c4" : "c3 solid",
              says: `${entry.name}: ${share(entry)}`,
            },
          ],
        })),
        entryScale(all, ({ channels: number }) => number),
      ),
    columns: ["Category", "Channels"],
    rows: all.map((entry) => [entry.name, share(entry)]),
  });
}
