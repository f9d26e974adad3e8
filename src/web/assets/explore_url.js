// States of the explorer as addresses.

/** The address of the page in a state, for links. */
export function addressOf(state) {
  const parameters = new URLSearchParams(state).toString();
  return parameters ? `explore?${parameters}` : "explore";
}

/** Goes to another state of the page, which the browser's "back" leaves again. Nothing stands for the default. */
export function go(changes) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
  }
  visit(address);
}

/** Goes to an address of the page. */
export function visit(address) {
  history.pushState(null, "", address);
  // As when the browser goes back or forward.
  dispatchEvent(new PopStateEvent("popstate"));
}
