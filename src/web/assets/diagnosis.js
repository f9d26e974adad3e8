// What recent scrapes mean: who scrapes, who is refused, and whether all is well. Changes nothing on the page.

/** Seconds without a scrape after which something is probably wrong: Prometheus' default interval is a minute. */
const QUIET_SECONDS = 300;

/** Seconds after which a failure no longer counts against a client, or three of its usual intervals if that is more. */
const LAPSE_SECONDS = 3600;

/** Every cause for which the service refuses scrapes, as a phrase within a sentence. */
const CAUSES = {
  no_header: "no token",
  not_bearer: "no bearer token",
  ingest_token: "the ingest token",
  summary_token: "the summary token",
  other_token: "wrong token",
  token_unknown: "token not known yet",
  too_many: "too many scrapes at once",
  bad_selector: "a bad selector",
};

export const causeOf = (failure) => CAUSES[failure] ?? failure;

/** The number of scrapes since the service started: answered, refused, and refused for each cause that occurred. */
export function totalsOf({ answered, failures }) {
  const sum = (numbers) => Object.values(numbers).reduce((all, number) => all + number, 0);
  const causes = [...new Set([...Object.keys(CAUSES), ...Object.keys(failures)])]
    .map((cause) => [cause, failures[cause] ?? 0])
    .filter(([, number]) => number > 0);
  return { answered: sum(answered), refused: sum(failures), causes };
}

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

/** The usual time between scrapes in seconds, or null if there were too few. */
function interval(scrapes) {
  const times = scrapes.map(({ at }) => Date.parse(at));
  const gaps = times
    .slice(1)
    .map((time, i) => (times[i] - time) / 1000)
    .sort((a, b) => a - b);
  return gaps.length < 2 ? null : gaps[Math.floor(gaps.length / 2)];
}

/** The failures of a client by cause, the latest cause first, and whether the client is refused for it now. */
export function findingsOf({ failures, isRefused, ...client }) {
  const causes = [...new Set(failures.map(({ failure }) => failure))];
  return causes.map((cause, position) => ({
    ...client,
    failures: failures.filter(({ failure }) => failure === cause),
    isRefused: isRefused && position === 0,
    isRefusedOtherwise: isRefused && position > 0,
  }));
}

/** Whether all is well, in one line. `totals` are counts since the start; `ago` formats a time. */
export function verdict(scrapers, totals, secondsSince, ago) {
  const refused = scrapers.filter(({ isRefused }) => isRefused);
  const working = scrapers.filter(({ isRefused, answered }) => !isRefused && answered.length > 0);
  if (working.length === 0) return withoutScrapes(scrapers, refused, totals, ago);
  const newest = latestOf(working);
  const last = `${newest.agent || "A client"} at ${newest.client} scraped ${ago(newest.answered[0].at)}`;
  if (refused.length > 0) {
    const others = refused.length === 1 ? "another client is" : `${refused.length} others are`;
    return { kind: "warn", text: `${last}, but ${others} refused.` };
  }
  if (secondsSince(newest.answered[0].at) > Math.max(QUIET_SECONDS, 3 * (newest.every ?? 0))) {
    const text = `${last}, and nobody since. Is Prometheus running, and does it still have this target?`;
    return { kind: "warn", text };
  }
  return { kind: "good", text: `${last}. All is well.` };
}

function withoutScrapes(scrapers, refused, totals, ago) {
  if (refused.length > 0 && totals.answered === 0) {
    return { kind: "bad", text: "Every scrape is refused. What to do is below." };
  }
  if (refused.length > 0) {
    const earlier = scrapers.filter(({ answered }) => answered.length > 0);
    const last = earlier.length > 0 ? ` The last answered one was ${ago(latestOf(earlier).answered[0].at)}.` : "";
    return { kind: "bad", text: `Scrapes are refused now; earlier ones were answered.${last} What to do is below.` };
  }
  if (totals.answered > 0) return { kind: "warn", text: "Nobody scrapes now. Earlier scrapes were answered." };
  if (scrapers.length > 0) {
    return { kind: "warn", text: "Nobody scrapes. Who tried earlier was refused; why is below." };
  }
  return {
    kind: "",
    text:
      "Nothing has scraped since the service started. " +
      "Put the configuration into Prometheus and watch it arrive here.",
  };
}

/** The client whose answered scrape is the latest. */
function latestOf(scrapers) {
  const time = ({ answered }) => Date.parse(answered[0].at);
  return scrapers.reduce((a, b) => (time(b) > time(a) ? b : a));
}
