// State in the URL of a page, so that a reload or a shared link shows the same.

/** A part of the state, or `null` for its default. */
export const urlState = (name) => new URLSearchParams(location.search).get(name);

/** Sets a part of the state; `null` stands for its default. */
export function setUrlState(name, value) {
  const address = new URL(location.href);
  if (value === null || value === "") address.searchParams.delete(name);
  else address.searchParams.set(name, value);
  history.replaceState(null, "", address);
}
