/** Tells the application what goes wrong: each problem once, never by throwing. */

/** Problems to remember. Their keys hold names that a caller made up, so there may be any number of them. */
const MOST_REMEMBERED = 1_000;

export class Reporter {
  #onError;
  #told = new Set();

  constructor(onError = (error) => console.warn(error.message)) {
    this.#onError = onError;
  }

  /** Tells of a problem, unless it was told of before. */
  once(key, message) {
    if (this.#told.has(key) || this.#told.size >= MOST_REMEMBERED) return;
    this.#told.add(key);
    try {
      const answer = this.#onError(new Error(`playarr-metrics: ${message}`));
      // An async handler fails by a rejection, which nobody else would handle.
      if (typeof answer?.then === 'function') answer.then(undefined, () => {});
    } catch {
      // The handler's own trouble.
    }
  }

  /** The problem is over. When it comes back, that is news. */
  over(key) {
    this.#told.delete(key);
  }
}
