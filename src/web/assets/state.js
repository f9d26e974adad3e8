// What a page shows, in its address: a reload or a shared link shows the same.

/** A part of the state, or `null` if it is as at first. */
export const stateOf = (name) => new URLSearchParams(location.search).get(name);

/** Keeps a part of the state; `null` stands for how it is at first. */
export function keepState(name, value) {
  const address = new URL(location.href);
  if (value === null || value === "") address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(null, "", address);
}
