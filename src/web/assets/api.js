// Requests to the service that these pages come from.

/**
 * An answer that is an error, or none at all (then the status is 0). `retryAfter` is in seconds; `database` says since
 * when MongoDB has not answered, if that is the reason.
 */
export class Failure extends Error {
  constructor(message, { status = 0, retryAfter = null, json = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.database = json?.database ?? null;
  }
}

/** Who comes to the same end within this time is not sent away again: pages must not lead to each other for ever. */
const LEAVE_AGAIN = 30_000;

let leaving = false;

/** Asks and returns the JSON of the answer. Whoever is not signed in any more is sent to sign in. */
export async function request(method, path, body) {
  const answer = await send(method, path, body);
  const signIn = () =>
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  if (answer.status === 401 && location.pathname !== "/login" && leave(signIn)) {
    // The page is left: nothing that waits for the answer should go on.
    return new Promise(() => {});
  }
  // Somebody who is no admin any more gets the page that says so.
  if (answer.status === 403 && method === "GET") leave(() => location.reload());
  if (answer.error !== null) throw new Failure(answer.error, answer);
  stay();
  return answer.json;
}

/** Leaves the page unless that led back here just now; then the page stays and says what is wrong. */
function leave(go) {
  if (leaving) return true;
  try {
    if (Date.now() - Number(sessionStorage.getItem("left")) < LEAVE_AGAIN) return false;
    sessionStorage.setItem("left", Date.now());
  } catch {
    // A browser that keeps nothing cannot tell.
  }
  leaving = true;
  go();
  return true;
}

/** The pages let this session in after all. */
function stay() {
  try {
    sessionStorage.removeItem("left");
  } catch {
    // Where nothing can be kept there is nothing to remove.
  }
}

async function send(method, path, body) {
  const options = { method, headers: { Accept: "application/json" }, cache: "no-store", credentials: "same-origin" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Failure("The service does not answer. Is it running, and is the network up?");
  }
  const json = await response.json().catch(() => null);
  const error = response.ok ? null : (json?.error ?? `The service answered with status ${response.status}`);
  return { status: response.status, json, error, retryAfter: seconds(response.headers.get("Retry-After")) };
}

function seconds(header) {
  const number = Number.parseInt(header ?? "", 10);
  return Number.isFinite(number) && number > 0 ? number : null;
}
