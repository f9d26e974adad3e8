/** The kinds of fields that events have: each turns a value into what is sent, or throws `Invalid`. */

import { limits } from './table.js';

const { count: MOST, label_bytes: LABEL_BYTES, seconds: MOST_SECONDS } = limits;

const CONTROL = /\p{Cc}/gu;

/** Why a value cannot be reported. The message never holds the value, which may be a secret. */
export class Invalid extends Error {}

/**
 * An open label. What the service would refuse is repaired and not dropped: the event is worth counting even if a name
 * in it is odd. `note` is called with what was repaired.
 */
export function label(value, note) {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string' || value === '') throw new Invalid('must be a string that is not empty');
  // Each UTF-16 unit takes a byte or more, so nothing beyond this many matters. Encoding also replaces halves of
  // surrogate pairs, which JSON could carry but the service would refuse.
  const bytes = Buffer.from(value.slice(0, LABEL_BYTES + 1).replace(CONTROL, '\ufffd'));
  let end = Math.min(bytes.length, LABEL_BYTES);
  // Bytes of the form 10xxxxxx continue a character: a cut character is left out.
  while ((bytes[end] & 0xc0) === 0x80) end -= 1;
  // A fresh copy: a slice of a long string would keep all of it in memory for as long as it waits.
  const text = bytes.toString('utf8', 0, end);
  if (text !== value) note(`was cut to ${LABEL_BYTES} bytes, or characters that no label can have were replaced`);
  return text;
}

/** The name of a call of a provider's API, such as `get_live_streams`. Anything else may hold a password. */
export function apiCall(value) {
  if (typeof value !== 'string' || value === '') throw new Invalid('must be a string that is not empty');
  return value.length <= 40 && /^[a-z][a-z0-9]*([_-][a-z0-9]+)*$/.test(value) ? value : 'other';
}

/** A closed label. `others` maps values outside of the set into it, or to undefined. */
export function oneOf(values, others = () => undefined) {
  const set = new Set(values);
  return (value) => {
    const text = typeof value === 'number' ? String(value) : value;
    const member = set.has(text) ? text : others(text);
    if (member === undefined) throw new Invalid(`must be one of ${values.join(', ')}`);
    return member;
  };
}

/** A status code, which Playarr's web framework has as a number and its metrics as a string. */
export function statusCode(value) {
  const code = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  if (!Number.isInteger(code) || code < 100 || code > 999) throw new Invalid('must be an HTTP status code');
  return code;
}

export function seconds(value) {
  if (typeof value !== 'number' || !(value >= 0 && value <= MOST_SECONDS)) {
    throw new Invalid(`must be a number of seconds from 0 to ${MOST_SECONDS}`);
  }
  return value;
}

export function count(value) {
  if (!Number.isInteger(value) || value < 0 || value > MOST) {
    throw new Invalid(`must be a whole number from 0 to ${MOST}`);
  }
  return value;
}
