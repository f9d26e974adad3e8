// Requests to the service that these pages come from.

/** An answer that is an error, or none at all (then the status is 0). */
export class Failure extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Asks and returns the JSON of the answer. Whoever is not signed in any more is sent to sign in. */
export async function request(method, path, body) {
  const answer = await send(method, path, body);
  if (answer.status === 401 && location.pathname !== "/login") {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    // The page is left: nothing that waits for the answer should go on.
    return new Promise(() => {});
  }
  // Somebody who is no admin any more gets the page that says so.
  if (answer.status === 403 && method === "GET") location.reload();
  if (answer.error !== null) throw new Failure(answer.status, answer.error, answer.retryAfter);
  return answer.json;
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
    throw new Failure(0, "The service does not answer. Is it running, and is the network up?");
  }
  const json = await response.json().catch(() => null);
  const error = response.ok ? null : (json?.error ?? `The service answered with status ${response.status}`);
  return { status: response.status, json, error, retryAfter: seconds(response.headers.get("Retry-After")) };
}

function seconds(header) {
  const number = Number.parseInt(header ?? "", 10);
  return Number.isFinite(number) && number > 0 ? number : null;
}
