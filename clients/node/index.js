/**
 * Reports Playarr's live metrics to playarr-metrics, through the calls of Playarr's own metrics manager.
 *
 * The constructor throws for options that cannot work. After that nothing here throws, rejects or keeps the process
 * alive: metrics are never a reason for the application to fail.
 */

import { attach, detach } from './attach.js';
import { Delivery } from './delivery.js';
import { Events } from './events.js';
import { Invalid } from './fields.js';
import { counterOf, gaugeOf, histogramOf } from './metrics.js';
import { checkedOptions } from './options.js';
import { Pairs } from './pairs.js';
import { Reporter } from './reporter.js';
import { Routes } from './routes.js';
import { Sender } from './sender.js';

/** Events that one call may make: more than any real count of single events, less than fills the queue. */
const MOST_PER_CALL = 10_000;

export class MetricsClient {
  #tally = {
    sent: 0,
    retried: 0,
    dropped: { invalid: 0, unpaired: 0, excess: 0, full: 0, refused: 0, too_large: 0, uncertain: 0, closed: 0 },
  };
  #options;
  #reporter;
  #events;
  #pairs = new Pairs(
    (event, times) => this.#add(event, times),
    (metric, times) => this.#unpaired(metric, times),
  );
  /** Undefined without a URL: then there is no service, and nothing to do. */
  #delivery;
  #ticker;
  /** Bound once, so that it can be removed again. */
  #beforeExit = () => this.#sendLast();
  /** The event about WebSocket connections, when it was last put into the queue, and whether it is still there. */
  #sockets = { event: undefined, queuedAt: 0, waits: false };
  #managers = new Set();
  #closing;

  /**
   * All times are in milliseconds.
   * @param {object} options
   * @param {string} [options.url] of the service, such as http://localhost:3000; without one the client is off
   * @param {string} [options.token] the ingest token
   * @param {string} [options.tokenFile] or the file that holds it, read again when the service refuses the token
   * @param {string} [options.reporter] names this process among those that report WebSocket connections
   * @param {string[]} [options.routes] templates of routes that Playarr does not have
   * @param {(error: Error) => void} [options.onError] is called with each problem once; console.warn by default
   * @param {number} [options.flushInterval] between two batches that are not full
   * @param {number} [options.batchSize] events in a batch, at most 10,000
   * @param {number} [options.maxQueue] events that wait to be sent; beyond that, new ones are dropped
   * @param {number} [options.timeout] for one attempt
   * @param {number} [options.drainTimeout] for flush, close and the end of the process
   * @param {number} [options.minBackoff] the longest pause before the second attempt
   * @param {number} [options.maxBackoff] the longest pause before later attempts
   * @param {number} [options.gaugeInterval] after which an unchanged gauge is sent again
   * @param {number} [options.replayWindow] for which the service is sure to recognise a batch
   * @throws {TypeError} for options that cannot work
   */
  constructor(options = {}) {
    this.#options = checkedOptions(options);
    this.#reporter = new Reporter(this.#options.onError);
    this.#events = new Events(new Routes(this.#options.routes));
    if (this.#options.url === undefined || this.#options.url === '') return;

    this.#delivery = new Delivery(new Sender(this.#options), this.#reporter, this.#tally, this.#options);
    this.#ticker = setInterval(() => this.#tick(), this.#options.flushInterval);
    this.#ticker.unref();
    process.on('beforeExit', this.#beforeExit);
  }

  /**
   * Reports what a metrics manager is told from now on. The manager goes on as before: its own registry counts, and its
   * methods return and throw what they did.
   */
  attach(manager) {
    if (this.#delivery === undefined) return;
    const failed = attach(manager, this);
    if (failed.length < 3) this.#managers.add(manager);
    if (failed.length > 0) this.#reporter.once('attach', `cannot attach to the method ${failed.join(', ')}`);
  }

  /** Ends that: the methods of all managers are what they were before. */
  detach() {
    for (const manager of this.#managers) detach(manager, this);
    this.#managers.clear();
  }

  /** Counts: `metrics.incrementCounter('cache_operations', { operation: 'hit' })`. */
  incrementCounter(name, labels, value = 1) {
    this.#guarded(name, () => {
      const { metric, labels: own, unused } = known('counter', counterOf(name, labels));
      if (!Number.isSafeInteger(value) || value < 0) throw new Invalid('value must be a whole number, 0 or more');
      if (value === 0 || unused) return;
      const counted = metric.counted ? { count: value } : {};
      const fields = this.#events.fieldsOf(metric, own, counted, this.#noteOn(metric));
      const times = metric.counted ? 1 : this.#atMost(metric, value);
      if (metric.pair) this.#pairs.add(metric, fields, times);
      else this.#add({ type: metric.type, ...fields }, times);
    });
  }

  /** Times, in seconds: `metrics.observeHistogram('job_duration', { job_type: 'SyncLiveTVJob' }, 12.5)`. */
  observeHistogram(name, labels, value) {
    this.#guarded(name, () => {
      const { metric, unused } = known('histogram', histogramOf(name, labels));
      if (unused) return;
      const fields = this.#events.fieldsOf(metric, labels, { duration_seconds: value }, this.#noteOn(metric));
      this.#pairs.add(metric, fields, 1);
    });
  }

  /** Sets `websocket_connections`. Playarr's other gauges come from the database, and are ignored here. */
  setGauge(name, labels, value) {
    this.#guarded(name, () => {
      const { metric } = known('gauge', { metric: gaugeOf(name) });
      if (metric.fromDatabase) return;
      // Checked now, while the caller can still be named.
      const event = { type: metric.key, reporter: this.#options.reporter, count: value };
      this.#sockets.event = this.#events.checked(event, this.#noteOn(metric));
      this.#queueSockets();
    });
  }

  /** Records an event of the service as it is: `metrics.record({ type: 'cache_operation', operation: 'hit' })`. */
  record(event) {
    this.#guarded('record', () => {
      const type = event?.type;
      this.#guarded(type, () => this.#add(this.#events.checked(event, this.#noteOn({ key: type })), 1));
    });
  }

  /**
   * Sends everything recorded so far and waits for it. Never rejects.
   * @returns {Promise<boolean>} whether all of it was sent (or dropped for good) within `drainTimeout`; if not, it
   *   stays in the queue, and sending goes on
   */
  async flush() {
    this.#pairs.settle();
    return this.#delivery?.drain(this.#options.drainTimeout) ?? true;
  }

  /**
   * Flushes and stops. What is left then is dropped, as is what comes later. Never rejects.
   * @returns {Promise<boolean>} whether everything was sent
   */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Counts of events: `sent`, `dropped` by reason, `queued`; and of `retried` attempts. */
  get stats() {
    const { sent, retried, dropped } = this.#tally;
    return { sent, dropped: { ...dropped }, queued: this.#delivery?.queued ?? 0, retried };
  }

  async #close() {
    clearInterval(this.#ticker);
    process.off('beforeExit', this.#beforeExit);
    const all = await this.flush();
    this.#delivery?.stop();
    return all;
  }

  #tick() {
    const { event, queuedAt } = this.#sockets;
    // The service forgets a count of which it hears nothing for five minutes.
    if (event !== undefined && performance.now() - queuedAt >= this.#options.gaugeInterval) this.#queueSockets();
    this.#delivery.send();
  }

  /** The process has nothing left to do: what is still here goes out within `drainTimeout`, or is lost. */
  #sendLast() {
    // Waiting gives the process something to do, so this is called again when it is done.
    if (this.#delivery.queued === 0) return;
    process.off('beforeExit', this.#beforeExit);
    this.flush().then((all) => {
      if (!all) this.#reporter.once('exit', `the process ends with ${this.#delivery.queued} events not sent`);
      // Something else may have been recorded meanwhile. But one failure was enough.
      else if (this.#closing === undefined) process.on('beforeExit', this.#beforeExit);
    });
  }

  /** Runs a call of the application, which must not fail with it. */
  #guarded(name, call) {
    if (this.#delivery === undefined) return;
    if (this.#closing !== undefined) {
      this.#tally.dropped.closed += 1;
      return;
    }
    try {
      call();
    } catch (error) {
      this.#tally.dropped.invalid += 1;
      const what = typeof name === 'string' ? name.slice(0, 100) : `a name of type ${typeof name}`;
      const why = error instanceof Invalid ? error.message : 'cannot be read';
      this.#reporter.once(`invalid ${what}`, `${what}: ${why}`);
    }
  }

  #noteOn({ key }) {
    return (what, label) => this.#reporter.once(`odd ${key}`, `${key}: ${String(label).slice(0, 50)} ${what}`);
  }

  #atMost({ key }, value) {
    if (value <= MOST_PER_CALL) return value;
    this.#tally.dropped.excess += value - MOST_PER_CALL;
    this.#reporter.once(`excess ${key}`, `${key}: one call may count up to ${MOST_PER_CALL}; the rest is dropped`);
    return MOST_PER_CALL;
  }

  #add(event, times) {
    for (let time = 0; time < times; time += 1) this.#delivery.add(event);
  }

  /** Puts the gauge into the queue. Its value is read as late as possible, so one place in the queue is enough. */
  #queueSockets() {
    if (this.#sockets.waits) return;
    this.#sockets.waits = true;
    this.#sockets.queuedAt = performance.now();
    this.#delivery.addAlways(() => {
      this.#sockets.waits = false;
      return this.#sockets.event;
    });
  }

  #unpaired({ key, pair }, times) {
    this.#tally.dropped.unpaired += times;
    this.#reporter.once(`unpaired ${key}`, `${key}: no ${pair} came with it, and only both together make an event`);
  }
}

function known(kind, found) {
  if (found.metric === undefined) throw new Invalid(`is not a ${kind} that can be reported`);
  return found;
}
