/** Reports problems to the application: each one once, and never by throwing. */

/** Problems to remember. Their keys hold names that callers chose, so there may be any number of them. */
const MOST_REMEMBERED = 1_000;

export class Reporter {
  #onError;
  #reported = new Set();

  constructor(onError = (error) => console.warn(error.message)) {
    this.#onError = onError;
  }

  /** Reports a problem, unless it was reported before. */
  once(key, message) {
    if (this.#reported.has(key) || this.#reported.size >= MOST_REMEMBERED) return;
    this.#reported.add(key);
    try {
      const answer = this.#onError(new Error(`playarr-metrics: ${message}`));
      // An async handler fails by a rejection, which nobody else would handle.
      if (typeof answer?.then === 'function') answer.then(undefined, () => {});
    } catch {
      // A failure of the handler is not ours to report.
    }
  }

  /** The problem is over: when it comes back, it is reported again. */
  over(key) {
    this.#reported.delete(key);
  }
}
