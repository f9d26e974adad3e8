/**
 * From the queue to the service: in order, one batch at a time, each counted once.
 *
 * A batch keeps its id and its events however often it is sent: the service answers a known id without counting again.
 * So nothing that belongs to a batch is ever dropped to make room, and a full queue refuses new events.
 */

import { batchOf, bodyOf, refusal } from './batch.js';
import { Queue } from './queue.js';
import { isSuccess } from './sender.js';

/** The service takes up to 4 MiB; this leaves room for what is around the events. */
const BATCH_BYTES = (4 << 20) - 1024;

/** The longest pause that the service can ask for, in milliseconds. */
const MOST_PATIENCE = 5 * 60 * 1000;

export class Delivery {
  #sender;
  #reporter;
  #tally;
  #options;
  #queue = new Queue();
  /** Batches before the queue: the one that is being sent, and what was split off it. */
  #batches = [];
  /** Entries that were ever added, and how many of them were sent or dropped. */
  #added = 0;
  #settled = 0;
  /** Up to this many settled entries, batches that are not full go out as well. */
  #goal = 0;
  #running = false;
  #stopped = false;
  /** Failed attempts in a row. */
  #failures = 0;
  /** Ends the pause between two attempts. */
  #wake;
  #waiters = new Set();

  /**
   * @param {{post(body: string): Promise<import('./sender.js').Outcome>, stop(): void}} sender
   * @param {import('./reporter.js').Reporter} reporter
   * @param {{sent: number, retried: number, dropped: Record<string, number>}} tally is kept up to date
   * @param {ReturnType<import('./options.js').checkedOptions>} options
   */
  constructor(sender, reporter, tally, options) {
    this.#sender = sender;
    this.#reporter = reporter;
    this.#tally = tally;
    this.#options = options;
  }

  get queued() {
    return this.#added - this.#settled;
  }

  /** Adds an event, if there is room. */
  add(event) {
    if (this.queued < this.#options.maxQueue) {
      this.addAlways(event);
    } else {
      this.#tally.dropped.full += 1;
      this.#reporter.once('full', `the queue is full (${this.#options.maxQueue} events): new events are dropped`);
    }
  }

  /** Adds an event, or a function that makes it when its batch is put together. The caller bounds how many. */
  addAlways(entry) {
    this.#queue.push(entry);
    this.#added += 1;
    if (this.#queue.length >= this.#options.batchSize) this.#run();
  }

  /** Sends everything added so far. */
  send() {
    this.#goal = this.#added;
    this.#run();
  }

  /**
   * Sends everything added so far, at once, and waits for it.
   * @returns {Promise<boolean>} whether all of it was sent (or dropped for good) in time
   */
  drain(timeout) {
    this.send();
    // The caller waits, so a long pause is cut short, and the next ones begin small again.
    this.#failures = 0;
    this.#wake?.();
    const goal = this.#added;
    if (this.#settled >= goal) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = { goal, resolve };
      // The only timer here that keeps the process alive, because the caller waits.
      waiter.timer = setTimeout(() => this.#resolve(waiter, false), timeout);
      this.#waiters.add(waiter);
    });
  }

  /** Stops for good. What is left is dropped, and nothing may be added any more. */
  stop() {
    this.#stopped = true;
    this.#sender.stop();
    this.#wake?.();
    for (const waiter of this.#waiters) this.#resolve(waiter, false);
    if (this.queued > 0) this.#reporter.once('closed', `closed with ${this.queued} events not sent`);
    this.#settle(this.queued, 'closed');
    this.#batches = [];
    this.#queue = new Queue();
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#stopped && this.#hasWork()) {
        if (this.#batches.length === 0) this.#batches.push(this.#take());
        await this.#attempt(this.#batches[0]);
      }
    } catch (error) {
      this.#reporter.once('internal', `sending stopped: ${error.name}`);
    } finally {
      this.#running = false;
    }
  }

  /** Whether there is a batch to finish, something to flush, or enough for a full batch. */
  #hasWork() {
    const full = this.#queue.length >= this.#options.batchSize;
    return this.#batches.length > 0 || this.#settled < this.#goal || full;
  }

  /** The next batch of the queue. */
  #take() {
    const events = [];
    let bytes = 0;
    while (this.#queue.length > 0 && events.length < this.#options.batchSize) {
      const first = this.#queue.peek();
      const event = JSON.stringify(typeof first === 'function' ? first() : first);
      bytes += Buffer.byteLength(event) + 1;
      // An event of the allowed fields is always smaller than a batch.
      if (bytes > BATCH_BYTES) break;
      this.#queue.shift();
      events.push(event);
    }
    return batchOf(events);
  }

  async #attempt(batch) {
    const { uncertainSince } = batch;
    if (uncertainSince !== undefined && performance.now() - uncertainSince > this.#options.replayWindow) {
      // Better not counted than counted twice.
      this.#drop(batch, 'uncertain', 'a batch may have been counted, and the service may have forgotten its id');
      return;
    }
    const outcome = await this.#sender.post(bodyOf(batch));
    if (this.#stopped) return;
    if (outcome.uncertain) batch.uncertainSince ??= performance.now();

    if (isSuccess(outcome.status)) {
      this.#batches.shift();
      for (const problem of ['unreachable', 'unauthorized', 'full']) this.#reporter.over(problem);
      this.#settle(batch.events.length);
    } else if (outcome.status === 400 || outcome.status === 422) {
      this.#refused(batch, outcome.body);
    } else if (outcome.status === 413) {
      this.#split(batch);
    } else {
      this.#report(outcome);
      await this.#pause(outcome.retryAfter);
      if (!this.#stopped) this.#tally.retried += 1;
      return;
    }
    this.#failures = 0;
  }

  /** The service counted nothing of the batch. Without the events that it named, it counts the rest. */
  #refused(batch, body) {
    const { error, named } = refusal(body, batch.events.length);
    if (named.size === 0) {
      this.#drop(batch, 'refused', `a batch was refused: ${error}`);
      return;
    }
    for (const [index, why] of named) {
      const { type } = JSON.parse(batch.events[index]);
      this.#reporter.once(`refused ${type}`, `an event ${type} was refused: ${why}`);
    }
    const rest = batch.events.filter((_, index) => !named.has(index));
    this.#batches.splice(0, 1, ...(rest.length > 0 ? [batchOf(rest)] : []));
    this.#settle(named.size, 'refused');
  }

  #split(batch) {
    if (batch.events.length === 1) {
      this.#drop(batch, 'too_large', 'a single event was too large');
      return;
    }
    const middle = Math.ceil(batch.events.length / 2);
    this.#batches.splice(0, 1, batchOf(batch.events.slice(0, middle)), batchOf(batch.events.slice(middle)));
  }

  #drop(batch, reason, message) {
    this.#batches.shift();
    this.#reporter.once(reason, `${message}; ${batch.events.length} events are dropped`);
    this.#settle(batch.events.length, reason);
  }

  #report({ status, failed }) {
    if (status === 401 || status === 403) {
      this.#reporter.once('unauthorized', `the ingest token is not accepted (${status}), trying again`);
    } else if (this.#failures > 0) {
      // A single failure is not worth a message: a connection that was kept open may have ended meanwhile.
      this.#reporter.once('unreachable', `cannot reach the service (${failed ?? `status ${status}`}), trying again`);
    }
  }

  /**
   * Waits before the next attempt: twice as long after each failure, at least as long as the service asked for, and
   * with a random part, so that clients that failed together do not come back together.
   */
  #pause(retryAfter = 0) {
    const { minBackoff, maxBackoff } = this.#options;
    const longest = Math.min(maxBackoff, minBackoff * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    const asked = Math.min(retryAfter, MOST_PATIENCE) * (1 + Math.random() / 10);
    const pause = Math.max(longest * (0.5 + Math.random() / 2), asked);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pause);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #settle(events, reason) {
    if (reason === undefined) this.#tally.sent += events;
    else this.#tally.dropped[reason] += events;
    this.#settled += events;
    for (const waiter of this.#waiters) {
      if (waiter.goal <= this.#settled) this.#resolve(waiter, true);
    }
  }

  #resolve(waiter, all) {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    waiter.resolve(all);
  }
}
