// Links to tables as files.

import { el } from "./dom.js";

/** The link to a file at a path of the API. `name` is for answers that do not name their file. */
export function fileLink(path, parameters, label, name = "") {
  const href = `${path}?${new URLSearchParams(parameters)}`;
  return el("a", { className: "button quiet", href, download: name }, label);
}

/** What stands in the group of links of a table: the table as CSV, and the whole answer as JSON. */
export const tableLinks = (path, parameters, table = {}) => [
  el("span", { className: "muted" }, "Export"),
  fileLink(path, { ...parameters, ...table, format: "csv" }, "CSV"),
  fileLink(path, { ...parameters, format: "json" }, "JSON", `playarr-metrics-${path.split("/").pop()}.json`),
];
