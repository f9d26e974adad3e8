// Copying to the clipboard, also on plain http, where browsers have no clipboard interface.

import { announce } from "./dom.js";

/** Copies a text and returns whether that worked. */
export async function copy(text) {
  if (window.isSecureContext && navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused, for example because the click was too long ago. The older way may still work.
    }
  }
  return copyBySelection(text);
}

function copyBySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.className = "copying";
  area.setAttribute("aria-hidden", "true");
  document.body.append(area);
  area.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  area.remove();
  focused?.focus?.();
  return copied;
}

/** Selects an element's text, for copying by hand. */
export function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

const restoring = new WeakMap();

/** Confirms on the button that the text was copied. */
export function confirmCopied(button) {
  const label = button.querySelector("[data-label]");
  clearTimeout(restoring.get(button));
  label.textContent = "Copied";
  button.classList.add("done");
  announce("Copied");
  restoring.set(
    button,
    setTimeout(() => {
      label.textContent = "Copy";
      button.classList.remove("done");
      announce("");
    }, 2000),
  );
}
