// Names in a safe form.

const INVISIBLE = new RegExp(
  String.raw`[\0-\x08\v-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e` +
    String.raw`\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]`,
  "gu",
);

/**
 * Replaces every character that hides or reorders others with an escape such as `\u{202e}`. `visible` in `text.rs` does
 * the same for pages that the service renders.
 */
export function visible(text) {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}
