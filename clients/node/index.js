/**
 * Reports Playarr's live metrics to playarr-metrics, with the calls of Playarr's own metrics manager.
 *
 * The constructor throws for options that cannot work. After that nothing here throws, rejects or keeps the process
 * alive: metrics are never a reason for the application to fail.
 */

import { hostname } from 'node:os';

import { checked, counters, fieldsOf, gauges, histograms, Unfit } from './events.js';
import { Delivery } from './delivery.js';
import { Pairs } from './pairs.js';
import { Reporter } from './reporter.js';
import { Sender } from './sender.js';

/** Events that one call may make: more than any real count of single events, less than fills a queue. */
const MOST_PER_CALL = 10_000;

export class MetricsClient {
  #tally = {
    sent: 0,
    retried: 0,
    dropped: { invalid: 0, unpaired: 0, excess: 0, full: 0, refused: 0, too_large: 0, uncertain: 0, closed: 0 },
  };
  #reporter;
  /** None without a URL: then there is no service, and nothing to do. */
  #delivery;
  #pairs;
  #pairTimeout;
  #drainTimeout;
  #reporterName;
  #ticker;
  /** Bound once, so that it can be taken off again. */
  #beforeExit = () => this.#lastChance();
  /** The event about WebSocket connections, when it was last put into the queue, and whether it is still there. */
  #sockets = { event: undefined, queuedAt: 0, waits: false };
  #gaugeInterval;
  #closing;

  /**
   * @param {object} options
   * @param {string} [options.url] of the service, such as http://localhost:3000; without one the client is off
   * @param {string} [options.token] the ingest token
   * @param {string} [options.tokenFile] or the file that holds it, read again when the service does not accept it
   * @param {string} [options.reporter] names this process among those that report WebSocket connections
   * @param {(error: Error) => void} [options.onError] hears of each problem once; console.warn by default
   * @param {number} [options.flushInterval] milliseconds between two batches that are not full
   * @param {number} [options.batchSize] events in a batch, at most 10,000
   * @param {number} [options.maxQueue] events that wait to be sent; beyond that, new ones are dropped
   * @param {number} [options.timeout] milliseconds that an attempt may take
   * @param {number} [options.pairTimeout] milliseconds that a counter waits for its histogram, or the reverse
   * @param {number} [options.drainTimeout] milliseconds that flush, close and the end of the process wait
   * @param {number} [options.minBackoff] milliseconds before the second attempt, at most
   * @param {number} [options.maxBackoff] milliseconds between later attempts, at most
   * @param {number} [options.gaugeInterval] milliseconds after which an unchanged gauge is sent again
   * @param {number} [options.replayWindow] milliseconds for which the service surely knows a batch again
   * @throws {TypeError} for options that cannot work
   */
  constructor(options = {}) {
    const number = (name, preset, least, most) => {
      const value = options[name] ?? preset;
      if (Number.isInteger(value) && value >= least && value <= most) return value;
      throw new TypeError(`${name} must be a whole number from ${least} to ${most}`);
    };
    const day = 24 * 60 * 60 * 1000;
    const flushInterval = number('flushInterval', 1_000, 1, 60_000);
    const timeout = number('timeout', 10_000, 1, day);
    const limits = {
      maxQueue: number('maxQueue', 50_000, 1, 10_000_000),
      batchSize: number('batchSize', 1_000, 1, 10_000),
      minBackoff: number('minBackoff', 250, 1, day),
      maxBackoff: number('maxBackoff', 30_000, 1, day),
      // The service knows a batch for ten minutes, by its own clock and from when it arrived.
      replayWindow: number('replayWindow', 9 * 60_000, 0, day),
    };
    this.#pairTimeout = number('pairTimeout', 5_000, 1, day);
    this.#drainTimeout = number('drainTimeout', 5_000, 0, day);
    this.#gaugeInterval = number('gaugeInterval', 60_000, 1, day);
    const { url, token, tokenFile, onError, reporter = hostname() } = options;
    if (onError !== undefined && typeof onError !== 'function') throw new TypeError('onError must be a function');
    if (typeof reporter !== 'string' || reporter === '') throw new TypeError('reporter must be a text');
    this.#reporterName = reporter;
    this.#reporter = new Reporter(onError);
    this.#pairs = new Pairs(
      this.#pairTimeout,
      (event, times) => this.#add(event, times),
      (metric, times) => this.#alone(metric, times),
    );
    if (url === undefined || url === '') return;

    const sender = new Sender({ url, token, tokenFile, timeout });
    this.#delivery = new Delivery(sender, this.#reporter, this.#tally, limits);
    this.#ticker = setInterval(() => this.#tick(), flushInterval);
    this.#ticker.unref();
    process.on('beforeExit', this.#beforeExit);
  }

  /** Counts: `metrics.incrementCounter('cache_operations', { operation: 'hit' })`. */
  incrementCounter(name, labels, value = 1) {
    this.#guarded(name, () => {
      const metric = this.#find(counters, 'counter', name);
      if (!Number.isSafeInteger(value) || value < 0) throw new Unfit('the value must be a whole number, 0 or more');
      if (value === 0) return;
      const fields = fieldsOf(metric, labels, metric.counted ? { count: value } : {}, this.#noteOn(metric));
      const times = metric.counted ? 1 : this.#atMost(metric, value);
      if (metric.pair) this.#pairs.add(metric, fields, times);
      else this.#add({ type: metric.type, ...fields }, times);
    });
  }

  /** Times, in seconds: `metrics.observeHistogram('job_duration', { job_type: 'SyncLiveTVJob' }, 12.5)`. */
  observeHistogram(name, labels, value) {
    this.#guarded(name, () => {
      const metric = this.#find(histograms, 'histogram', name);
      this.#pairs.add(metric, fieldsOf(metric, labels, { duration_seconds: value }, this.#noteOn(metric)), 1);
    });
  }

  /** Sets `websocket_connections`. Playarr's other gauges are now counted by the service, and ignored here. */
  setGauge(name, labels, value) {
    this.#guarded(name, () => {
      const metric = this.#find(gauges, 'gauge', name);
      if (metric.useless) return;
      // Checked now, while the caller can still be told.
      const event = { type: metric.key, reporter: this.#reporterName, count: value };
      this.#sockets.event = checked(event, this.#noteOn(metric));
      this.#queueSockets();
    });
  }

  /** Records an event of the service as it is: `metrics.record({ type: 'cache_operation', operation: 'hit' })`. */
  record(event) {
    this.#guarded('record', () => {
      const type = event?.type;
      this.#guarded(type, () => this.#add(checked(event, this.#noteOn({ key: type })), 1));
    });
  }

  /**
   * Sends everything recorded so far and waits for it. Never rejects.
   * @returns {Promise<boolean>} whether it was all sent (or dropped for good) within `drainTimeout`; if not, it stays
   *   queued, and sending goes on
   */
  async flush() {
    return this.#delivery?.drain(this.#drainTimeout) ?? true;
  }

  /**
   * Flushes and stops. What is left then is dropped, as is what comes later. Never rejects.
   * @returns {Promise<boolean>} whether everything was sent
   */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** What became of the events: `sent`, `dropped` by reason, `queued` to be sent, `retried` attempts, and halves of
   * events `waiting` for the other half. */
  get stats() {
    return {
      sent: this.#tally.sent,
      dropped: { ...this.#tally.dropped },
      queued: this.#delivery?.queued ?? 0,
      retried: this.#tally.retried,
      waiting: this.#pairs.waiting,
    };
  }

  async #close() {
    clearInterval(this.#ticker);
    process.off('beforeExit', this.#beforeExit);
    this.#pairs.clear();
    const all = await this.flush();
    this.#delivery?.stop();
    return all;
  }

  #tick() {
    this.#pairs.expire();
    const { event, queuedAt } = this.#sockets;
    // The service forgets a count of which it hears nothing for five minutes.
    if (event !== undefined && performance.now() - queuedAt >= this.#gaugeInterval) this.#queueSockets();
    this.#delivery.send();
  }

  /** The process has nothing left to do: whatever is still here goes out now, or within `drainTimeout`, or not. */
  #lastChance() {
    // Waiting gives the process something to do, so this comes again when it is done.
    if (this.#delivery.queued === 0) return;
    process.off('beforeExit', this.#beforeExit);
    this.flush().then((all) => {
      if (!all) this.#reporter.once('exit', `the process ends with ${this.#delivery.queued} events not sent`);
      // Something else may have been recorded meanwhile. But one failure was enough.
      else if (this.#closing === undefined) process.on('beforeExit', this.#beforeExit);
    });
  }

  /** Runs a call of the application, which shall not hear of our trouble. */
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
      const why = error instanceof Unfit ? error.message : 'cannot be read';
      this.#reporter.once(`invalid ${what}`, `${what}: ${why}`);
    }
  }

  #find(metrics, kind, name) {
    const metric = metrics.get(name);
    if (metric === undefined) throw new Unfit(`is no ${kind} that can be reported`);
    return metric;
  }

  #noteOn({ key }) {
    return (what, label) => this.#reporter.once(`odd ${key}`, `${key}: ${String(label).slice(0, 50)} ${what}`);
  }

  #atMost({ key }, value) {
    if (value <= MOST_PER_CALL) return value;
    this.#tally.dropped.excess += value - MOST_PER_CALL;
    this.#reporter.once(`excess ${key}`, `${key}: one call may count up to ${MOST_PER_CALL}, the rest is dropped`);
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
    this.#delivery.addAnyway(() => {
      this.#sockets.waits = false;
      return this.#sockets.event;
    });
  }

  #alone({ key, pair }, times) {
    this.#tally.dropped.unpaired += times;
    this.#reporter.once(
      `unpaired ${key}`,
      `${key}: no ${pair} came within ${this.#pairTimeout} ms, and only both together make an event`,
    );
  }
}
