// What the recent scrapes say: who scrapes, who is refused, and whether all is well. Touches no page.

/** After this long without a scrape something is probably wrong: Prometheus' default interval is a minute. */
const QUIET_SECONDS = 300;

/** A failure is not held against a client for longer than this, or three of its usual intervals if that is more. */
const LAPSE_SECONDS = 3600;

const REASONS = {
  no_header: "No token",
  not_bearer: "No bearer token",
  ingest_token: "The ingest token",
  other_token: "Wrong token",
  token_unknown: "Token not known yet",
  too_many: "Too many scrapes at once",
};

export const reasonOf = (failure) => REASONS[failure] ?? failure;

/** Each client with its scrapes, newest first. */
export function scrapersOf(recent, secondsSince) {
  const groups = new Map();
  for (const scrape of recent) {
    const key = JSON.stringify([scrape.client, scrape.user_agent]);
    if (!groups.has(key))
      groups.set(key, { client: scrape.client, agent: scrape.user_agent ?? "", answered: [], failures: [] });
    const group = groups.get(key);
    (scrape.failure ? group.failures : group.answered).push(scrape);
  }
  return [...groups.values()].map((group) => {
    const [answered, failure] = [group.answered[0], group.failures[0]];
    const every = interval(group.answered);
    const isLast = Boolean(failure) && (!answered || Date.parse(failure.at) > Date.parse(answered.at));
    const lapse = Math.max(LAPSE_SECONDS, 3 * (every ?? 0), 3 * (interval(group.failures) ?? 0));
    const hasLapsed = isLast && secondsSince(failure.at) > lapse;
    return { ...group, isRefused: isLast && !hasLapsed, hasLapsed, at: (answered ?? failure).at, every };
  });
}

/** The usual time between scrapes in seconds, or null while it cannot be told. */
function interval(scrapes) {
  const times = scrapes.map(({ at }) => Date.parse(at));
  const gaps = times
    .slice(1)
    .map((time, i) => (times[i] - time) / 1000)
    .sort((a, b) => a - b);
  return gaps.length < 2 ? null : gaps[Math.floor(gaps.length / 2)];
}

/** Whether all is well, in one line. `ago` puts a time into words. */
export function verdict(scrapers, secondsSince, ago) {
  const refused = scrapers.filter(({ isRefused }) => isRefused);
  const working = scrapers.filter(({ isRefused, answered }) => !isRefused && answered.length > 0);
  if (refused.length > 0 && working.length === 0)
    return { kind: "bad", text: "Every scrape is refused. What to do is below." };
  if (working.length === 0 && scrapers.length > 0) {
    return { kind: "warn", text: "Nobody scrapes. Who tried earlier was refused; why is below." };
  }
  if (working.length === 0) {
    return {
      kind: "",
      text:
        "Nothing has scraped since the service started. " +
        "Put the configuration into Prometheus and watch it arrive here.",
    };
  }
  const newest = working.reduce((a, b) => (Date.parse(b.answered[0].at) > Date.parse(a.answered[0].at) ? b : a));
  const last = `${newest.agent || "A client"} at ${newest.client} scraped ${ago(newest.answered[0].at)}`;
  if (refused.length > 0)
    return {
      kind: "warn",
      text: `${last}, but ${refused.length === 1 ? "another client is" : `${refused.length} others are`} refused.`,
    };
  if (secondsSince(newest.answered[0].at) > Math.max(QUIET_SECONDS, 3 * (newest.every ?? 0))) {
    return {
      kind: "warn",
      text: `${last}, and nobody since. Is Prometheus running, and does it still have this target?`,
    };
  }
  return { kind: "good", text: `${last}. All is well.` };
}
