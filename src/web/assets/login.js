// Signing in.

import { request } from "./api.js";
import { say } from "./dom.js";
import { span } from "./format.js";

const form = document.getElementById("sign-in");
const failure = document.getElementById("failure");
const button = form.querySelector("button");
const { username, password } = form.elements;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  say(failure, null);
  busy(true);
  try {
    await request("POST", "api/auth/login", { username: username.value, password: password.value });
    // The service has checked that the path is its own.
    location.replace(next());
  } catch (error) {
    refused(error);
  }
});

/** The page to go on to. Browsers keep the fragment of a URL across the redirect to this page. */
function next() {
  const path = form.dataset.next;
  return path.includes("#") ? path : path + location.hash;
}

function busy(is) {
  button.disabled = is;
  button.textContent = is ? "Signing in…" : "Sign in";
}

function refused(error) {
  busy(false);
  if (error.status === 429) {
    wait(error.retryAfter ?? 30);
    return;
  }
  say(failure, error.status === 401 ? "Wrong username or password." : error.message);
  if (error.status === 401) password.select();
}

function wait(seconds) {
  const until = Date.now() + seconds * 1000;
  button.disabled = true;
  say(failure, "Too many failed attempts from this address.");
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0) {
      button.textContent = `Try again in ${span(left)}`;
      return;
    }
    clearInterval(timer);
    say(failure, null);
    busy(false);
  };
  const timer = setInterval(tick, 1000);
  tick();
}

/**
 * Goes on if an admin is signed in already. Browsers do not send the session with a request that a link on another site
 * led to.
 */
async function goOn() {
  const { user } = await request("GET", "api/auth/verify");
  if (user.role === "admin") location.replace(next());
}

function isFromElsewhere() {
  // Browsers tell the service only over https; on http the referrer tells.
  if ("fromElsewhere" in form.dataset) return true;
  return document.referrer !== "" && new URL(document.referrer).origin !== location.origin;
}

button.disabled = false;
if (isFromElsewhere()) goOn().catch(() => {});
