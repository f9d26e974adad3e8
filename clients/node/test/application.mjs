/**
 * A web application with a metrics manager like Playarr's, and a client attached to it: it counts requests under their
 * paths, answers how many there were, and closes the client when it is told to stop.
 *
 *     node application.mjs URL_OF_THE_SERVICE INGEST_TOKEN
 *
 * Prints its port.
 */

import http from 'node:http';

import { MetricsClient } from '../index.js';

const [, , url, token] = process.argv;
if (url === undefined) process.exit(0); // Some versions of Node take every file in this folder for a test.

class Manager {
  requests = 0;

  incrementCounter(name, labels, value = 1) {
    if (name === 'http_requests') this.requests += value;
  }

  observeHistogram() {}

  setGauge() {}
}

const manager = new Manager();
// Nothing is sent by itself: what arrives was sent by `close`.
const client = new MetricsClient({ url, token, flushInterval: 60_000 });
client.attach(manager);

const server = http.createServer((request, response) => {
  const labels = { endpoint: request.url, username: 'alice' };
  manager.incrementCounter('http_requests', { ...labels, status_code: '200' });
  manager.observeHistogram('http_request_duration', labels, 0.25);
  response.end(`${manager.requests} requests`);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

process.once('SIGTERM', async () => {
  server.close();
  await client.close();
  process.exit(0);
});
