import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answer, counting, failing, hit, ids, numbered, pairFor, range } from './support.js';

const options = { timeout: 30_000 };

test('events that the service names are dropped, and the others go out under a new id', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  service.next(failing(400, {
    error: '2 events are invalid',
    events: [{ index: 1, error: 'username: too odd' }, { index: 3, error: 'username: too\nodd' }],
  }));
  for (const event of range(5)) metrics.record(event);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [numbered(0), numbered(2), numbered(4)]);
  assert.equal(new Set(ids(service)).size, 2);
  assert.equal(metrics.stats.sent, 3);
  assert.equal(metrics.stats.dropped.refused, 2);
  assert.deepEqual(problems, ['playarr-metrics: an event user_operation was refused: username: too odd']);
});

test('a batch whose events are all named is not sent again', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  service.next(failing(400, { error: 'bad', events: [{ index: 0, error: 'bad' }] }));
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.equal(service.requests.length, 1);
  assert.equal(metrics.stats.dropped.refused, 1);
});

const oddities = [
  {}, null, [], 'no', { error: 'bad', events: [] }, { events: 5 }, { events: [null, 7, {}] },
  { events: [{ index: 2 }, { index: -1 }, { index: 0.5 }, { index: '0' }] },
];
for (const body of oddities) {
  test(`a batch refused with ${JSON.stringify(body)} is dropped, and the next one goes out`, options, async (t) => {
    const { service, metrics, problems } = await pairFor(t, { batchSize: 2, flushInterval: 60_000 });
    service.next(failing(400, body));
    for (const event of range(3)) metrics.record(event);
    assert.equal(await metrics.flush(), true);
    assert.deepEqual(service.counted, [numbered(2)]);
    assert.equal(metrics.stats.dropped.refused, 2);
    assert.equal(problems.length, 1);
  });
}

test('a batch that is too large is split, and events that are too large alone are dropped', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const atMostTwo = (response, received) => {
    const tooLarge = received.events.length > 2 || received.events.some(({ username }) => username === 'user-3');
    if (tooLarge) answer(response, 413, { error: 'too large' });
    else counting(response, received, service);
  };
  service.next(...Array(20).fill(atMostTwo));
  for (const event of range(9)) metrics.record(event);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, range(9).filter((_, number) => number !== 3));
  assert.equal(new Set(ids(service)).size, service.requests.length);
  assert.equal(metrics.stats.dropped.too_large, 1);
  assert.equal(metrics.stats.sent, 8);
});

test('a batch stays below the limit of the service in bytes', options, async (t) => {
  const wide = '"'.repeat(128);
  const endpoint = `/${wide.slice(1)}`;
  const { service, metrics } = await pairFor(t, { batchSize: 10_000, routes: [endpoint] });
  for (let i = 0; i < 10_000; i += 1) {
    metrics.record({ type: 'managed_error', endpoint, error_type: wide });
  }
  assert.equal(await metrics.flush(), true);
  assert.equal(service.counted.length, 10_000);
  assert.ok(service.requests.length > 1);
  for (const { headers } of service.requests) assert.ok(Number(headers['content-length']) <= 4 << 20);
});
