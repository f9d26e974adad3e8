/** A stand-in for the service, and helpers for tests. */

import http from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { MetricsClient } from '../index.js';

export const TOKEN = 'f00dfeed'.repeat(8);

/**
 * A stand-in for the service. It counts each batch id once. Failures are queued for the requests to come:
 * `service.next(failing(503), dropping)`.
 */
export class Service {
  /** All requests, as `{batch_id, events, token, url, headers}`. */
  requests = [];
  /** The events that were counted, in order. */
  counted = [];
  /** The token that is accepted. */
  token = TOKEN;
  #seen = new Set();
  #behaviours = [];
  #server = http.createServer((request, response) => this.#serve(request, response));

  static async start(port = 0) {
    const service = new Service();
    service.#server.listen(port, '127.0.0.1');
    await once(service.#server, 'listening');
    return service;
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Queues behaviours, one for each of the next requests. Without any, requests are counted. */
  next(...behaviours) {
    this.#behaviours.push(...behaviours);
  }

  /** Counts a batch, once. */
  count({ batch_id, events }) {
    if (this.#seen.has(batch_id)) return;
    this.#seen.add(batch_id);
    this.counted.push(...events);
  }

  async stop() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(request, response) {
    let body = '';
    request.on('error', () => {});
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    const token = request.headers.authorization?.replace(/^Bearer /, '');
    const received = { ...JSON.parse(body), token, url: request.url, headers: request.headers };
    this.requests.push(received);
    const behaviour = this.#behaviours.shift() ?? counting;
    behaviour(response, received, this);
  }
}

export function answer(response, status, body = {}, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function counting(response, received, service) {
  if (received.token !== service.token) return answer(response, 401, { error: 'Invalid ingest token' });
  service.count(received);
  return answer(response, 200, { accepted: received.events.length });
}

/** Answers with a status and counts nothing. */
export const failing = (status, body, headers) => (response) => answer(response, status, body, headers);

/** Never answers. */
export const hanging = () => {};

/** Ends the connection without counting. */
export const dropping = (response) => response.destroy();

/** Counts, but the answer never arrives. */
export const countingThenDropping = (response, received, service) => {
  service.count(received);
  response.destroy();
};

/** Counts, and ends the connection in the middle of the answer. */
export const countingThenCutShort = (response, received, service) => {
  service.count(received);
  response.writeHead(200, { 'content-length': '100' });
  response.write('{', () => response.destroy());
};

/** A client with short pauses, and the `problems` that it reports. It is closed with the test. */
export function clientOf(t, service, options = {}) {
  const problems = [];
  const metrics = new MetricsClient({
    url: service.url,
    ...(options.tokenFile === undefined && { token: TOKEN }),
    flushInterval: 5,
    minBackoff: 2,
    maxBackoff: 20,
    drainTimeout: 10_000,
    reporter: 'test',
    onError: (error) => problems.push(error.message),
    ...options,
  });
  t.after(() => metrics.close());
  return { metrics, problems };
}

/** A service and a client for one test. */
export async function pairFor(t, options) {
  const service = await Service.start();
  const client = clientOf(t, service, options);
  // Hooks run in the order they were added: the client closes before the service does.
  t.after(() => service.stop());
  return { service, ...client };
}

/** Waits for a condition. The test's own time limit ends the wait. */
export async function until(condition) {
  while (!condition()) await sleep(2);
}

export const hit = { type: 'cache_operation', operation: 'hit' };

/** An event that differs from all others. */
export const numbered = (number) => ({ type: 'user_operation', operation: 'create', username: `user-${number}` });

/** That many different events. */
export const range = (length) => Array.from({ length }, (_, number) => numbered(number));

/** The ids of all batches that a service got, repeated ones included. */
export const ids = (service) => service.requests.map(({ batch_id }) => batch_id);
