import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  answer, clientOf, counting, countingThenCutShort, countingThenDropping, dropping, failing, hanging, hit, ids,
  numbered, pairFor, range, Service, until,
} from './support.js';

const options = { timeout: 30_000 };

const troubles = {
  'status 500': failing(500),
  'status 502': failing(502, 'Bad Gateway'),
  'status 503': failing(503),
  'status 429': failing(429),
  'status 404': failing(404),
  'status 401': failing(401),
  'a connection dropped before counting': dropping,
  'a connection dropped after counting': countingThenDropping,
  'an answer cut short after counting': countingThenCutShort,
  'no answer': hanging,
};
for (const [name, trouble] of Object.entries(troubles)) {
  test(`after ${name} the same batch is sent again, and counted once`, options, async (t) => {
    const timeout = trouble === hanging ? 100 : 10_000;
    const { service, metrics } = await pairFor(t, { timeout, batchSize: 3, flushInterval: 60_000 });
    service.next(trouble, trouble);
    for (const event of range(6)) metrics.record(event);
    assert.equal(await metrics.flush(), true);
    assert.deepEqual(service.counted, range(6));
    assert.equal(new Set(ids(service)).size, 2);
    assert.equal(metrics.stats.sent, 6);
    // On a busy machine a good answer may also come too late.
    if (trouble === hanging) return;
    // A status of 200 is enough, even if the body is cut short.
    const retries = trouble === countingThenCutShort ? 0 : 2;
    assert.equal(metrics.stats.retried, retries);
    assert.equal(service.requests.length, 2 + retries);
  });
}

test('events recorded while the service is down arrive when it is back', options, async (t) => {
  const before = await Service.start();
  const { port } = before;
  const { metrics } = clientOf(t, before);
  await before.stop();
  for (const event of range(5)) metrics.record(event);
  await until(() => metrics.stats.retried >= 3);
  const after = await Service.start(port);
  const flushed = await metrics.flush();
  await after.stop();
  assert.equal(flushed, true);
  assert.deepEqual(after.counted, range(5));
});

const inTwoSeconds = () => new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000).toUTCString();
for (const [form, retryAfter, least] of [['seconds', () => '1', 990], ['a date', inTwoSeconds, 500]]) {
  for (const status of [429, 503]) {
    test(`a ${status} with Retry-After in ${form} is followed by a pause that long`, options, async (t) => {
      const { service, metrics } = await pairFor(t, { maxBackoff: 5 });
      const times = [];
      service.next(
        (response) => (times.push(performance.now()), answer(response, status, {}, { 'retry-after': retryAfter() })),
        (response, received) => (times.push(performance.now()), counting(response, received, service)),
      );
      metrics.record(hit);
      await until(() => service.counted.length === 1);
      assert.ok(times[1] - times[0] >= least, `${times[1] - times[0]} ms`);
      assert.equal(new Set(ids(service)).size, 1);
    });
  }
}

test('a Retry-After that cannot be read makes no difference', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  for (const odd of ['soon', '-5', '', 'Thu, 01 Jan 1970 00:00:00 GMT']) {
    service.next(failing(503, {}, { 'retry-after': odd }));
  }
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [hit]);
});

test('pauses grow with each failure, up to the longest, and no two clients have the same', options, async (t) => {
  const service = await Service.start();
  t.after(() => service.stop());
  const pausesOf = async () => {
    const times = [];
    const noting = (response) => (times.push(performance.now()), answer(response, 503));
    service.next(...Array(8).fill(noting));
    const { metrics } = clientOf(t, service, { minBackoff: 20, maxBackoff: 160 });
    metrics.record(hit);
    await until(() => times.length === 8);
    await metrics.close();
    return times.slice(1).map((time, index) => time - times[index]);
  };
  const first = await pausesOf();
  // Half of the pause is fixed, the rest is random.
  [10, 20, 40, 80, 80, 80, 80].forEach((least, index) => assert.ok(first[index] >= least - 1, first.join()));
  assert.notDeepEqual(first.map(Math.round), (await pausesOf()).map(Math.round));
});

test('the events under an id are the same in each attempt, whatever is recorded meanwhile', options, async (t) => {
  const { service, metrics } = await pairFor(t, { batchSize: 10, maxQueue: 15 });
  service.next(...Array(6).fill(countingThenDropping));
  for (let number = 0; number < 40; number += 1) {
    metrics.record(numbered(number));
    if (number % 10 === 9) await until(() => service.requests.length > number / 10);
  }
  await until(() => metrics.stats.queued === 0);
  const events = new Map();
  for (const request of service.requests) {
    assert.deepEqual(request.events, events.get(request.batch_id) ?? request.events);
    events.set(request.batch_id, request.events);
  }
  assert.ok(service.requests.length > events.size);
  assert.equal(service.counted.length, metrics.stats.sent);
  assert.equal(metrics.stats.sent + metrics.stats.dropped.full, 40);
});

test('a batch that may have been counted is given up before the service can forget its id', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t, { replayWindow: 0, batchSize: 1, flushInterval: 60_000 });
  service.next(countingThenDropping);
  for (const event of range(2)) metrics.record(event);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, range(2));
  assert.equal(metrics.stats.dropped.uncertain, 1);
  assert.equal(metrics.stats.sent, 1);
  assert.equal(problems.length, 1);
});

test('a batch that was not counted is sent again without a limit of time', options, async (t) => {
  const { service, metrics } = await pairFor(t, { replayWindow: 0 });
  service.next(failing(503), failing(429), failing(401), failing(404));
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [hit]);
  assert.equal(metrics.stats.retried, 4);
});

test('a redirect is not followed, because the token is meant for one address', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const elsewhere = await Service.start();
  t.after(() => elsewhere.stop());
  for (const status of [301, 302, 307, 308]) {
    service.next(failing(status, {}, { location: `${elsewhere.url}/api/metrics/events` }));
  }
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.equal(elsewhere.requests.length, 0);
  assert.equal(service.requests.length, 5);
});

test('an outage is reported at its second failure, and once until the service is back', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const outage = ['playarr-metrics: cannot reach the service (status 503), trying again'];
  const send = async (...behaviours) => {
    service.next(...behaviours);
    metrics.record(hit);
    assert.equal(await metrics.flush(), true);
    return problems.splice(0);
  };
  assert.deepEqual(await send(failing(503)), []);
  assert.deepEqual(await send(failing(503), failing(503), failing(503)), outage);
  assert.deepEqual(await send(failing(503), failing(503)), outage);
});

test('with failures of all kinds each event is counted once and in order', options, async (t) => {
  const { service, metrics } = await pairFor(t, { batchSize: 50, minBackoff: 1, maxBackoff: 4 });
  const wrong = [
    ...Object.values(troubles).filter((trouble) => trouble !== hanging),
    (response, { events }) => answer(response, events.length > 1 ? 413 : 503),
    counting, counting,
  ];
  // Not random, so that a failing run can be repeated.
  let state = 1;
  const any = () => wrong[(state = (state * 48271) % 2147483647) % wrong.length];
  service.next(...Array.from({ length: 150 }, any));
  const events = range(2_000);
  for (const event of events) {
    metrics.record(event);
    if (metrics.stats.queued > 500) await until(() => metrics.stats.queued < 500);
  }
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, events);
  assert.equal(metrics.stats.sent, 2_000);
});
