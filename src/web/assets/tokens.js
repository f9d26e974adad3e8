// The tokens: shown, copied and replaced. They are requested when needed and removed from the page when hidden.

import { request } from "./api.js";
import { age, ago } from "./clock.js";
import { confirmCopied, copy, select } from "./copy.js";
import { announce, byId, say } from "./dom.js";
import { sentence } from "./format.js";

const sections = new Map(
  [...document.querySelectorAll("[data-token]")].map((section) => [section.dataset.token, section]),
);
const placesOf = (id) => document.querySelectorAll(`[data-secret="${id}"]`);
const togglesOf = (id) => document.querySelectorAll(`[data-reveal="${id}"]`);
const isShown = (id) => togglesOf(id)[0].getAttribute("aria-pressed") === "true";

/** Sets up the buttons. `scrapers` returns who scraped lately, for the dialog's warning. */
export function setUpTokens(scrapers) {
  for (const place of document.querySelectorAll("[data-secret]")) place.dataset.mask = place.textContent;
  for (const toggle of document.querySelectorAll("[data-reveal]")) {
    const id = toggle.dataset.reveal;
    toggle.addEventListener("click", () =>
      attempt(toggle, async () => (isShown(id) ? hide(id) : show(id, await fetchToken(id)))),
    );
  }
  for (const button of document.querySelectorAll("[data-copy-token]")) {
    const id = button.dataset.copyToken;
    button.addEventListener("click", () =>
      attempt(button, async () => {
        const token = await fetchToken(id);
        await copyOrSelect(button, id, token, sections.get(id).querySelector("[data-secret]"), token);
      }),
    );
  }
  for (const button of document.querySelectorAll("[data-copy-block]")) {
    button.addEventListener("click", () => attempt(button, () => copyBlock(button)));
  }
  for (const [id, section] of sections) setUpRotation(id, section, scrapers);
}

/** Shows which tokens could not be read or written, as in the status. */
export function showTokenProblems(tokens) {
  for (const [id, section] of sections) {
    const problem = tokens[section.dataset.kind]?.problem;
    say(section.querySelector("[data-problem]"), problem ? sentence(problem) : null);
  }
}

async function copyBlock(button) {
  const code = byId(button.dataset.copyBlock);
  const place = code.querySelector("[data-secret]");
  const id = place?.dataset.secret;
  const token = id ? await fetchToken(id) : null;
  const texts = [...code.childNodes].map((node) => (node === place ? token : node.textContent));
  await copyOrSelect(button, id, token, code, texts.join(""));
}

/** Copies the text, or shows and selects it if the browser refuses. */
async function copyOrSelect(button, id, token, element, text) {
  if (await copy(text)) {
    confirmCopied(button);
    return;
  }
  if (id) show(id, token);
  select(element);
  throw new Error("The browser does not let the page copy. The text is selected: copy it with Ctrl+C.");
}

/** Runs the action of a button and shows its error beside it. */
async function attempt(button, action) {
  const failure = button.closest("section").querySelector("[data-failure]");
  say(failure, null);
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    say(failure, error.message);
  } finally {
    button.disabled = false;
    // A disabled button loses the focus.
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}

async function fetchToken(id) {
  const section = sections.get(id);
  const { value, lastUpdated } = await request("GET", section.dataset.show);
  changed(section, lastUpdated);
  return value;
}

function changed(section, time) {
  const place = section.querySelector("[data-changed]");
  if (time) place.replaceChildren("Last changed ", age(time));
  else place.replaceChildren();
}

function show(id, token) {
  for (const place of placesOf(id)) place.textContent = token;
  mark(id, true);
}

function hide(id) {
  for (const place of placesOf(id)) place.textContent = place.dataset.mask;
  mark(id, false);
}

function mark(id, shown) {
  for (const toggle of togglesOf(id)) {
    toggle.setAttribute("aria-pressed", String(shown));
    toggle.querySelector("[data-label]").textContent = shown ? "Hide" : "Show";
  }
  for (const place of placesOf(id)) place.classList.toggle("shown", shown);
}

function setUpRotation(id, section, scrapers) {
  const dialog = section.querySelector("dialog");
  const confirm = dialog.querySelector("[data-confirm]");
  const failure = dialog.querySelector("[data-dialog-failure]");
  const opener = section.querySelector("[data-rotate]");
  opener.addEventListener("click", () => {
    say(failure, null);
    say(dialog.querySelector("[data-affected]"), id === "metrics-token" ? affected(scrapers()) : null);
    dialog.showModal();
  });
  dialog.addEventListener("close", () => opener.focus());
  confirm.addEventListener("click", async () => {
    say(failure, null);
    confirm.disabled = true;
    try {
      const { value } = await request("POST", section.dataset.regenerate);
      dialog.close();
      show(id, value);
      changed(section, new Date().toISOString());
      section.querySelector("[data-rotated]").hidden = false;
      announce("The new token is in force.");
    } catch (error) {
      say(failure, `The token was not changed: ${error.message}`);
    } finally {
      confirm.disabled = false;
    }
  });
}

function affected(scrapers) {
  if (scrapers.length === 0) return null;
  const named = scrapers.slice(0, 5).map(({ client, agent, at }) => `${agent || "a client"} at ${client} (${ago(at)})`);
  const more = scrapers.length > 5 ? ` and ${scrapers.length - 5} more` : "";
  return `These scraped with it lately: ${named.join(", ")}${more}.`;
}
