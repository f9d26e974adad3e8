/** Batches, and what the service says of a batch that it refused. */

import { randomUUID } from 'node:crypto';

/**
 * A batch of events, each as JSON, under an id of its own. Neither changes.
 * `uncertainSince` is when the service may have counted it without saying so.
 */
export const batchOf = (events) => ({ id: randomUUID(), events, uncertainSince: undefined });

export const bodyOf = ({ id, events }) => `{"batch_id":"${id}","events":[${events.join(',')}]}`;

/** The reason for a refusal, and reasons for single events by their index. */
export function refusal(body, events) {
  let answer;
  try {
    answer = JSON.parse(body);
  } catch {
    answer = undefined;
  }
  const named = new Map();
  for (const entry of Array.isArray(answer?.events) ? answer.events : []) {
    const index = entry?.index;
    if (Number.isInteger(index) && index >= 0 && index < events) named.set(index, printable(entry.error));
  }
  return { error: printable(answer?.error), named };
}

/** Text of the service, fit for a log line. */
function printable(text) {
  return typeof text === 'string' ? text.slice(0, 300).replace(/\p{Cc}/gu, ' ') : 'no reason given';
}
