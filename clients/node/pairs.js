/**
 * Counters and histograms that make one event together.
 *
 * Playarr counts a job in one call and times it in the next; the service takes one event with both. So the two calls
 * must come in the same turn of the event loop. A histogram takes the latest counter before it that agrees with it;
 * what is left at the end of the turn is put together in the order it came, or given up. Therefore a half without a
 * partner never takes that of another one, and nothing waits for longer than a turn.
 */

/** Halves that may wait at once. Beyond that the oldest are given up. */
const MOST_WAITING = 1_000;

export class Pairs {
  #met;
  #alone;
  /** Halves of this turn that have no partner yet, oldest first. */
  #waiting = [];
  #scheduled = false;

  /**
   * @param {(event: object, times: number) => void} met gets the events that are complete
   * @param {(metric: object, times: number) => void} alone gets the metrics of halves that are given up
   */
  constructor(met, alone) {
    this.#met = met;
    this.#alone = alone;
  }

  /** Adds a half: the fields that one metric gives its event, for that many events. */
  add(metric, fields, times) {
    const half = { metric, fields, times };
    if (!metric.counts) {
      for (let index = this.#waiting.length - 1; index >= 0 && half.times > 0; index -= 1) {
        const counter = this.#waiting[index];
        if (counter.metric.counts && this.#join(counter, half) && counter.times === 0) this.#waiting.splice(index, 1);
      }
    }
    if (half.times === 0) return;

    this.#waiting.push(half);
    if (this.#waiting.length > MOST_WAITING) this.#giveUp(this.#waiting.shift());
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.settle();
    });
  }

  /** Ends the turn: joins what is left where it agrees, and gives up the rest. */
  settle() {
    const halves = this.#waiting;
    this.#waiting = [];
    const histograms = halves.filter(({ metric }) => !metric.counts);
    for (const counter of halves.filter(({ metric }) => metric.counts)) {
      for (const histogram of histograms) {
        if (counter.times === 0) break;
        if (histogram.times > 0) this.#join(counter, histogram);
      }
    }
    for (const half of halves) if (half.times > 0) this.#giveUp(half);
  }

  /** Makes events of two halves if they belong together: one type, and the same values where both have a field. */
  #join(counter, histogram) {
    const { type } = counter.metric;
    if (type !== histogram.metric.type) return false;
    for (const name of Object.keys(counter.fields)) {
      const other = histogram.fields[name];
      if (other !== undefined && other !== counter.fields[name]) return false;
    }
    const times = Math.min(counter.times, histogram.times);
    counter.times -= times;
    histogram.times -= times;
    this.#met({ type, ...counter.fields, ...histogram.fields }, times);
    return true;
  }

  #giveUp({ metric, times }) {
    this.#alone(metric, times);
  }
}
