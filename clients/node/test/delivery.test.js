import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  answer, clientOf, counting, failing, hanging, hit, ids, numbered, pairFor, range, TOKEN, until,
} from './support.js';

const options = { timeout: 30_000 };

test('events go out in batches and in order, with the token in a header', options, async (t) => {
  const { service, metrics } = await pairFor(t, { batchSize: 4, flushInterval: 60_000 });
  for (const event of range(10)) metrics.record(event);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, range(10));
  assert.deepEqual(service.requests.map(({ events }) => events.length), [4, 4, 2]);
  assert.equal(new Set(ids(service)).size, 3);
  for (const { url, token, headers } of service.requests) {
    assert.equal(url, '/api/metrics/events');
    assert.equal(token, TOKEN);
    assert.equal(headers['content-type'], 'application/json');
  }
  assert.deepEqual(metrics.stats, {
    sent: 10,
    dropped: { invalid: 0, unpaired: 0, excess: 0, full: 0, refused: 0, too_large: 0, uncertain: 0, closed: 0 },
    queued: 0,
    retried: 0,
  });
});

test('the path of the URL is kept, for a service behind a proxy', options, async (t) => {
  const { service } = await pairFor(t);
  const { metrics } = clientOf(t, service, { url: `${service.url}/metrics-service/?a=b#c` });
  metrics.record(hit);
  await metrics.flush();
  assert.equal(service.requests[0].url, '/metrics-service/api/metrics/events');
});

test('a full batch goes out at once, and any other batch with the interval', options, async (t) => {
  const { service, metrics } = await pairFor(t, { batchSize: 3, flushInterval: 60_000 });
  for (const event of range(3)) metrics.record(event);
  await until(() => service.counted.length === 3);
  const often = clientOf(t, service, { flushInterval: 5 });
  often.metrics.record(numbered(3));
  await until(() => service.counted.length === 4);
});

test('events that come while a batch is being sent wait for the next interval', options, async (t) => {
  const { service, metrics } = await pairFor(t, { flushInterval: 60_000 });
  service.next((response, received) => {
    metrics.record(numbered(1));
    metrics.record(numbered(2));
    counting(response, received, service);
  });
  metrics.record(numbered(0));
  await metrics.flush();
  assert.equal(service.requests.length, 1);
  assert.equal(metrics.stats.queued, 2);
  await metrics.flush();
  assert.deepEqual(service.counted, range(3));
  assert.equal(service.requests.length, 2);
});

test('a full queue keeps its events, drops new ones and reports that once', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t, { maxQueue: 10, batchSize: 3, timeout: 60 });
  service.next(hanging);
  for (const event of range(20)) metrics.record(event);
  // The latest number of connections always has a place.
  metrics.setGauge('websocket_connections', {}, 1);
  metrics.setGauge('websocket_connections', {}, 2);
  assert.equal(metrics.stats.queued, 11);
  assert.equal(metrics.stats.dropped.full, 10);
  assert.deepEqual(problems, ['playarr-metrics: the queue is full (10 events): new events are dropped']);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [
    ...range(10), { type: 'websocket_connections', reporter: 'test', count: 2 },
  ]);
});

test('sending goes on after a flush that took too long', options, async (t) => {
  const { service, metrics } = await pairFor(t, { drainTimeout: 20, timeout: 200 });
  service.next(hanging);
  metrics.record(hit);
  assert.equal(await metrics.flush(), false);
  assert.equal(metrics.stats.queued, 1);
  await until(() => service.counted.length === 1);
});

test('flush cuts a long pause short', options, async (t) => {
  const { service, metrics } = await pairFor(t, { drainTimeout: 20, minBackoff: 3_600_000, maxBackoff: 3_600_000 });
  service.next(failing(503));
  metrics.record(hit);
  await until(() => service.requests.length === 1);
  // The first may come before the pause.
  while (!(await metrics.flush()));
  assert.deepEqual(service.counted, [hit]);
});

test('close sends the queue, and later events are dropped', options, async (t) => {
  const { service, metrics } = await pairFor(t, { flushInterval: 60_000 });
  for (const event of range(3)) metrics.record(event);
  const closed = metrics.close();
  assert.equal(metrics.close(), closed);
  metrics.record(hit);
  metrics.incrementCounter('stream_requests', { user: 'alice' });
  metrics.setGauge('websocket_connections', {}, 1);
  assert.equal(await closed, true);
  assert.deepEqual(service.counted, range(3));
  assert.equal(metrics.stats.dropped.closed, 3);
  assert.equal(await metrics.flush(), true);
});

test('close does not wait for a service that does not answer', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t, { drainTimeout: 30, batchSize: 2 });
  service.next(hanging);
  for (const event of range(5)) metrics.record(event);
  const closed = metrics.close();
  const flushed = metrics.flush();
  assert.equal(await closed, false);
  assert.equal(await flushed, false);
  assert.deepEqual(service.counted, []);
  assert.equal(metrics.stats.queued, 0);
  assert.equal(metrics.stats.dropped.closed, 5);
  assert.deepEqual(problems, ['playarr-metrics: closed with 5 events not sent']);
});

for (const [how, onError] of [
  ['throws', () => { throw new Error('the handler itself'); }],
  ['rejects', async () => { throw new Error('the handler itself'); }],
]) {
  test(`a handler of errors that ${how} does no harm`, options, async (t) => {
    const { service, metrics } = await pairFor(t, { onError });
    metrics.incrementCounter('nonsense');
    metrics.record(hit);
    assert.equal(await metrics.flush(), true);
    assert.deepEqual(service.counted, [hit]);
  });
}
