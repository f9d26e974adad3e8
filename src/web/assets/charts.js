// Charts as SVG. Shapes have attributes and classes, no styles; names are inserted as text.

import { asContent, asShown, el } from "./dom.js";
import { count } from "./format.js";

const NAMESPACE = "http://www.w3.org/2000/svg";

/** An SVG element with these attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, asShown(value));
  }
  element.append(...asContent(children));
  return element;
}

/** The tooltip of a shape. */
export const tip = (text) => svg("title", {}, text);

/**
 * Horizontal bars on one scale. A row has a `name`, its `parts` (`size`, `className`, `says`), a `text` at the end, and
 * perhaps a `tag` or a `state`.
 */
export function bars(rows, { most = largest(rows) } = {}) {
  return el(
    "div",
    { className: "bars" },
    ...rows.map((row) =>
      el(
        "div",
        { className: `bar-row ${row.state ?? ""}` },
        el(
          "span",
          { className: "bar-name", title: row.name },
          el("span", { className: "clip" }, row.name),
          row.tag ? el("span", { className: "chip" }, row.tag) : null,
        ),
        // A row that exceeds the scale fills its bar.
        bar(row.parts, Math.max(most, total(row))),
        el("span", { className: "bar-text" }, row.text),
      ),
    ),
  );
}

const total = ({ parts }) => parts.reduce((sum, { size }) => sum + size, 0);
const largest = (rows) => Math.max(1e-9, ...rows.map(total));

function bar(parts, most) {
  let x = 0;
  const shapes = parts
    .filter(({ size }) => size > 0)
    .map(({ size, className, says }) => {
      const width = (100 * size) / most;
      x += width;
      return svg("rect", { x: `${x - width}%`, width: `${width}%`, height: "100%", class: className }, tip(says));
    });
  // Without a view box, which would stretch patterns.
  return svg("svg", { class: "bar" }, ...shapes);
}

/** One bar whose parts make up the whole. */
export const strip = (parts) => bar(parts, Math.max(1e-9, total({ parts })));

/** A ring of parts, with a text in its middle and a smaller one below. */
export function ring(parts, text, below, most = total({ parts })) {
  let before = 0;
  const shapes = parts
    .filter(({ size }) => size > 0)
    .map(({ size, className, says }) => {
      const part = Math.min((100 * size) / most, 100 - before);
      const shape = arc(part, before, className, tip(says));
      before += part;
      return shape;
    });
  return svg(
    "svg",
    { class: "ring", viewBox: "0 0 120 120" },
    arc(100, 0, "track", null),
    ...shapes,
    svg("text", { x: 60, y: 63, class: "ring-text" }, text),
    svg("text", { x: 60, y: 80, class: "ring-below" }, below),
  );
}

function arc(part, before, className, title) {
  // A full circle has no gap to its neighbour.
  const length = part >= 99.9 ? part : Math.max(part - 0.8, 0.4);
  return svg(
    "circle",
    {
      cx: 60,
      cy: 60,
      r: 50,
      pathLength: 100,
      class: `arc ${className}`,
      transform: "rotate(-90 60 60)",
      "stroke-dasharray": `${length} ${100 - length}`,
      "stroke-dashoffset": -before,
    },
    title,
  );
}

/** A legend of entries `[className, label, number]`. */
export function legend(entries) {
  return el(
    "ul",
    { className: "legend" },
    ...entries.map(([className, label, number]) =>
      el(
        "li",
        {},
        svg(
          "svg",
          { class: "swatch", viewBox: "0 0 10 10" },
          svg("rect", { width: 10, height: 10, rx: 2.5, class: className }),
        ),
        label,
        number === undefined ? null : el("strong", {}, typeof number === "number" ? count(number) : number),
      ),
    ),
  );
}

/** The name for the sum of providers that Playarr no longer has. */
export const removedName = ({ members }) => `${count(members)} not in Playarr`;

/** The tag that shows a provider's state; none if it is active. */
export const tagOf = (state) => (state === "active" ? null : (state ?? null));

/** The name for the sum of the others. */
export function othersName({ members, folded }) {
  if (folded) return members > 0 ? `${count(members)}+ others` : "Others";
  return members === 1 ? "1 other" : `${count(members)} others`;
}
