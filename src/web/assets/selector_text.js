// Selectors as texts: those of families, and with a matcher more or less.

/** The selector of all series of a family, under whatever names Prometheus stores it. */
export const selectorOf = ({ name, type }) =>
  type === "histogram" ? `{__name__=~"${name}_(bucket|count|sum)"}` : name;

const quoted = (text) => `"${text.replace(/[\\"]/g, "\\$&").replace(/\n/g, "\\n").replace(/\r/g, "\\r")}"`;

/** The matcher of a label's value. */
export const matcher = (label, value) => `${label}=${quoted(value)}`;

/** The selector with this matcher, or without it if it has it; empty if nothing is left of it. */
export function toggled(selector, wanted) {
  const { name, matchers } = parts(selector);
  const rest = matchers.filter((has) => has !== wanted);
  if (rest.length === matchers.length) rest.push(wanted);
  return rest.length === 0 ? name : `${name}{${rest.join(",")}}`;
}

/** Whether the selector has this matcher. */
export const has = (selector, wanted) => parts(selector).matchers.includes(wanted);

function parts(selector) {
  const start = selector.indexOf("{");
  if (start < 0) return { name: selector.trim(), matchers: [] };
  const inside = selector.slice(start + 1, selector.lastIndexOf("}"));
  return { name: selector.slice(0, start).trim(), matchers: atCommas(inside) };
}

/** Splits at commas that are not in a quoted text. */
function atCommas(text) {
  const found = [""];
  let quote = null;
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i];
    if (quote && letter === "\\" && quote !== "`") {
      found[found.length - 1] += letter + (text[i + 1] ?? "");
      i += 1;
      continue;
    }
    if (quote) quote = letter === quote ? null : quote;
    else if (`"'\``.includes(letter)) quote = letter;
    if (letter === "," && !quote) found.push("");
    else found[found.length - 1] += letter;
  }
  return found.map((part) => part.trim()).filter(Boolean);
}
