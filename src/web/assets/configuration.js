// The Prometheus configurations. Which one is open is kept in the URL.

import { setUrlState, urlState } from "./url_state.js";

/** Opens the configuration that the URL names, and keeps the URL up to date. */
export function setUpConfigurations() {
  const all = [...document.querySelectorAll("[data-configuration]")];
  const wanted = all.find(({ dataset }) => dataset.configuration === urlState("configuration"));
  if (wanted) wanted.open = true;
  for (const one of all) {
    one.addEventListener("toggle", () => {
      const open = all.find((other) => other.open);
      setUrlState("configuration", open && open !== all[0] ? open.dataset.configuration : null);
    });
  }
}
