// Forgetting live series: first how many match, then their removal.

import { request } from "./api.js";
import { byId, say } from "./dom.js";

const card = byId("forget");
const found = byId("forget-found");
const failure = byId("forget-failure");
const remove = card.querySelector("[data-forget]");
const field = card.querySelector("[name=selector]");

/** Sets up the form. */
export function setUpForgetting() {
  card.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask(true);
  });
  remove.addEventListener("click", () => ask(false));
  // What was counted belongs to another selector.
  field.addEventListener("input", clear);
}

async function ask(dryRun) {
  const buttons = card.querySelectorAll("button");
  clear();
  for (const button of buttons) button.disabled = true;
  try {
    const body = { match: [field.value], dry_run: dryRun };
    const { series } = await request("POST", "api/metrics/live/forget", body);
    if (dryRun) offer(series);
    else say(found, `${count(series)} removed in all instances.`);
  } catch (error) {
    say(failure, error.message);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

function offer(series) {
  say(found, series === 0 ? "No series with labels of its own matches." : `${count(series)} would go.`);
  remove.textContent = `Forget ${count(series)}`;
  remove.hidden = series === 0;
}

function clear() {
  say(found, null);
  say(failure, null);
  remove.hidden = true;
}

const count = (series) => (series === 1 ? "1 series" : `${series} series`);
