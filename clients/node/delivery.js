/**
 * From the queue to the service: in order, one batch at a time, each counted once.
 *
 * A batch goes out under an id and keeps both, id and events, however often it is tried: the service answers a known id
 * without counting again. So nothing that belongs to a batch is ever dropped to make room, and a full queue refuses
 * what is new.
 */

import { randomUUID } from 'node:crypto';

import { Queue } from './queue.js';
import { isSuccess } from './sender.js';

/** The service takes up to 4 MiB; this leaves room for what is around the events. */
const BATCH_BYTES = (4 << 20) - 1024;

export class Delivery {
  #sender;
  #reporter;
  #tally;
  #options;
  #queue = new Queue();
  /** Batches before the queue: the one that is tried, and what was split off it, as `batchOf` makes them. */
  #batches = [];
  /** Entries ever added, and those of them that were sent or dropped. */
  #added = 0;
  #settled = 0;
  /** How many entries to settle before it is worth resting until there is a full batch. */
  #goal = 0;
  #running = false;
  #stopped = false;
  /** Attempts in a row that led nowhere. */
  #failures = 0;
  /** Ends the pause between two attempts. */
  #wake;
  #waiters = new Set();

  /**
   * @param {{post(body: string): Promise<import('./sender.js').Outcome>, stop(): void}} sender
   * @param {import('./reporter.js').Reporter} reporter
   * @param {{sent: number, retried: number, dropped: Record<string, number>}} tally is kept up to date
   * @param {Record<'maxQueue' | 'batchSize' | 'minBackoff' | 'maxBackoff' | 'replayWindow', number>} options
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
      this.addAnyway(event);
    } else {
      this.#tally.dropped.full += 1;
      this.#reporter.once('full', `the queue is full (${this.#options.maxQueue} events), new events are dropped`);
    }
  }

  /** Adds an event, or a function that makes it when its batch is put together. The caller bounds how many. */
  addAnyway(entry) {
    this.#queue.push(entry);
    this.#added += 1;
    if (this.#queue.length >= this.#options.batchSize) this.#run();
  }

  /** Sends what there is by now. */
  send() {
    this.#goal = this.#added;
    this.#run();
  }

  /**
   * Sends what there is by now, at once, and waits for it.
   * @returns {Promise<boolean>} whether all of it was sent (or dropped for good) in time
   */
  drain(timeout) {
    this.send();
    // Somebody waits, so a long pause is cut short, and the next ones begin small again.
    this.#failures = 0;
    this.#wake?.();
    const goal = this.#added;
    if (this.#settled >= goal) return Promise.resolve(true);
    return new Promise((resolve) => {
      const waiter = { goal, resolve };
      // The only timer here that keeps the process alive: somebody waits.
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
      this.#reporter.once('internal', `sending stopped short: ${error.name}`);
    } finally {
      this.#running = false;
    }
  }

  /** A batch that was begun, something to settle, or enough for a full batch. */
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
      // It may have arrived, and by now the service may have forgotten its id. Better not counted than counted twice.
      this.#drop(batch, 'uncertain', 'nobody can say whether a batch was counted, and it is too late to ask');
      return;
    }
    const outcome = await this.#sender.post(`{"batch_id":"${batch.id}","events":[${batch.events.join(',')}]}`);
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
    const { error, named } = reasons(body, batch.events.length);
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
      // A single failure is no news: a connection that was kept open may have ended meanwhile.
      this.#reporter.once('unreachable', `cannot reach the service (${failed ?? `status ${status}`}), trying again`);
    }
  }

  /** Waits longer each time, and never as long as another client that failed at the same moment. */
  #pause(retryAfter = 0) {
    const { minBackoff, maxBackoff } = this.#options;
    const longest = Math.min(maxBackoff, minBackoff * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    const pause = Math.max(longest * (0.5 + Math.random() / 2), Math.min(retryAfter * 1000, maxBackoff));
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

const batchOf = (events) => ({ id: randomUUID(), events, uncertainSince: undefined });

/** What an answer says about a refused batch: in general, and about single events by their index. */
function reasons(body, events) {
  let answer;
  try {
    answer = JSON.parse(body);
  } catch {
    answer = undefined;
  }
  const named = new Map();
  for (const entry of Array.isArray(answer?.events) ? answer.events : []) {
    const index = entry?.index;
    if (Number.isInteger(index) && index >= 0 && index < events) named.set(index, readable(entry.error));
  }
  return { error: readable(answer?.error), named };
}

/** Text of the service, fit for a log line. */
function readable(text) {
  return typeof text === 'string' ? text.slice(0, 300).replace(/\p{Cc}/gu, ' ') : 'no reason given';
}
