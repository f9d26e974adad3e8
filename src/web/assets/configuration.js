// The Prometheus configurations: which of them is open is kept in the address.

import { keepState, stateOf } from "./state.js";

/** Opens the one that the address names, and keeps which one is open. */
export function setUpConfigurations() {
  const all = [...document.querySelectorAll("[data-configuration]")];
  const wanted = all.find(({ dataset }) => dataset.configuration === stateOf("configuration"));
  if (wanted) wanted.open = true;
  for (const one of all) {
    one.addEventListener("toggle", () => {
      const open = all.find((other) => other.open);
      keepState("configuration", open && open !== all[0] ? open.dataset.configuration : null);
    });
  }
}
