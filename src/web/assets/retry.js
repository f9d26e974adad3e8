// A page that is not available: requests it until it is, then loads it.

const EVERY = 3_000;

/** Milliseconds until the next attempt, or null when there is an answer other than "later". */
async function pause() {
  const options = { cache: "no-store", credentials: "same-origin", redirect: "manual" };
  try {
    const answer = await fetch(location.href, { ...options, headers: { Accept: "text/html" } });
    if (answer.status !== 503 && answer.status !== 429) return null;
    return Math.max(EVERY, 1000 * Number(answer.headers.get("Retry-After")) || 0);
  } catch {
    return EVERY;
  }
}

async function retry() {
  const wait = document.hidden ? EVERY : await pause();
  if (wait === null) location.reload();
  else setTimeout(retry, wait);
}

document.querySelector("[data-retry]").addEventListener("click", () => location.reload());
setTimeout(retry, EVERY);
