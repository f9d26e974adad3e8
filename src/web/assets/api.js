// Requests to the service.

/**
 * An error response, or no response (then the status is 0). `retryAfter` is in seconds; `database` tells since when
 * MongoDB has not answered, if that is the reason. `answer` is the JSON of the response.
 */
export class Failure extends Error {
  constructor(message, { status = 0, retryAfter = null, json = null } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.database = json?.database ?? null;
    this.answer = json;
  }
}

/** A page that was left less than this many milliseconds ago is not left again, to avoid a redirect loop. */
const LEAVE_AGAIN = 30_000;

let leaving = false;

/** Sends a request and returns the JSON of the response. Whoever is no longer signed in is sent to sign in. */
export async function request(method, path, body) {
  const answer = await send(method, path, body);
  const signIn = () =>
    location.assign(`login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  if (answer.status === 401 && location.pathname !== new URL("login", document.baseURI).pathname && leave(signIn)) {
    // The page is being left, so callers must not go on.
    return new Promise(() => {});
  }
  // Whoever is no longer an admin gets the page that says so.
  if (answer.status === 403 && method === "GET") leave(() => location.reload());
  if (answer.error !== null) throw new Failure(answer.error, answer);
  stay();
  return answer.json;
}

/** Leaves the page, unless that just led back here. Returns whether the page is being left. */
function leave(go) {
  if (leaving) return true;
  try {
    if (Date.now() - Number(sessionStorage.getItem("left")) < LEAVE_AGAIN) return false;
    sessionStorage.setItem("left", Date.now());
  } catch {
    // Without session storage, a loop cannot be noticed.
  }
  leaving = true;
  go();
  return true;
}

/** Forgets that the page was left, since this session is accepted. */
function stay() {
  try {
    sessionStorage.removeItem("left");
  } catch {
    // Without session storage there is nothing to forget.
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
