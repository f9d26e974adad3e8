/**
 * Halves of events that look for their other half.
 *
 * Playarr counts a job in one call and times it in another; the service wants one event with both. Halves meet first
 * come, first served, among those with the same shared labels. Which two of them meet makes no difference to any
 * metric: what a half says goes into the families of its own metric, and the labels in both halves are the shared ones.
 */

/** Halves that may wait at once. Beyond that the oldest give up: they have waited longest in vain. */
const MOST_WAITING = 10_000;

export class Pairs {
  #patience;
  #met;
  #alone;
  /** Waiting halves by the key of their event. Those of one key are all of the same metric. */
  #byKey = new Map();
  /** All of them, oldest first. */
  #waiting = new Set();

  /**
   * @param {number} patience how long a half waits, in milliseconds
   * @param {(fields: object, times: number) => void} met gets the fields of both halves
   * @param {(metric: object, times: number) => void} alone hears of a half that waited in vain
   */
  constructor(patience, met, alone) {
    this.#patience = patience;
    this.#met = met;
    this.#alone = alone;
  }

  get waiting() {
    return this.#waiting.size;
  }

  /** A half of an event, that many times. */
  add(metric, fields, times) {
    const key = JSON.stringify([metric.type, ...metric.by.map((label) => fields[label])]);
    const queue = this.#byKey.get(key) ?? [];
    while (times > 0 && queue.length > 0 && queue[0].metric !== metric) {
      const other = queue[0];
      const together = Math.min(times, other.times);
      this.#met({ type: metric.type, ...other.fields, ...fields }, together);
      times -= together;
      other.times -= together;
      if (other.times === 0) this.#remove(other);
    }
    if (times === 0) return;

    const half = { key, metric, fields, times, since: performance.now() };
    // Looked up again: the queue may have run empty and been forgotten.
    const own = this.#byKey.get(key) ?? [];
    own.push(half);
    this.#byKey.set(key, own);
    this.#waiting.add(half);
    if (this.#waiting.size > MOST_WAITING) this.#giveUp(this.#waiting.values().next().value);
  }

  /** Gives up those that have waited long enough. */
  expire() {
    const limit = performance.now() - this.#patience;
    for (const half of this.#waiting) {
      if (half.since > limit) break;
      this.#giveUp(half);
    }
  }

  /** Gives up all. */
  clear() {
    for (const half of this.#waiting) this.#giveUp(half);
  }

  #giveUp(half) {
    this.#remove(half);
    this.#alone(half.metric, half.times);
  }

  /** Takes out the oldest half of its key. */
  #remove(half) {
    this.#waiting.delete(half);
    const queue = this.#byKey.get(half.key);
    queue.shift();
    if (queue.length === 0) this.#byKey.delete(half.key);
  }
}
