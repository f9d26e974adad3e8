import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  answer, clientOf, counting, countingThenCutShort, countingThenDropping, dropping, failing, hanging, hit, numbered,
  pairFor, Service, TOKEN, until,
} from './support.js';

const options = { timeout: 30_000 };
const range = (length) => Array.from({ length }, (_, number) => numbered(number));
const ids = (service) => service.requests.map(({ batch_id }) => batch_id);

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
    waiting: 0,
  });
});

test('the path of the URL is kept, for a service behind a proxy', options, async (t) => {
  const { service } = await pairFor(t);
  const { metrics } = clientOf(t, service, { url: `${service.url}/metrics-service/?a=b#c` });
  metrics.record(hit);
  await metrics.flush();
  assert.equal(service.requests[0].url, '/metrics-service/api/metrics/events');
});

test('a full batch does not wait for the interval, and the interval for no full batch', options, async (t) => {
  const { service, metrics } = await pairFor(t, { batchSize: 3, flushInterval: 60_000 });
  for (const event of range(3)) metrics.record(event);
  await until(() => service.counted.length === 3);
  const often = clientOf(t, service, { flushInterval: 5 });
  often.metrics.record(numbered(3));
  await until(() => service.counted.length === 4);
});

test('what comes while a batch is under way waits for the next interval', options, async (t) => {
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
  test(`after ${name} the same batch is tried again, and counted once`, options, async (t) => {
    const timeout = trouble === hanging ? 100 : 10_000;
    const { service, metrics } = await pairFor(t, { timeout, batchSize: 3, flushInterval: 60_000 });
    service.next(trouble, trouble);
    for (const event of range(6)) metrics.record(event);
    assert.equal(await metrics.flush(), true);
    assert.deepEqual(service.counted, range(6));
    assert.equal(new Set(ids(service)).size, 2);
    assert.equal(metrics.stats.sent, 6);
    // On a busy machine a good answer may come late as well.
    if (trouble === hanging) return;
    // An answer of 200 is enough, whatever becomes of its text.
    const retries = trouble === countingThenCutShort ? 0 : 2;
    assert.equal(metrics.stats.retried, retries);
    assert.equal(service.requests.length, 2 + retries);
  });
}

test('what is recorded while the service is away arrives when it is back', options, async (t) => {
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

test('a service that asks for patience gets it, up to the longest pause', options, async (t) => {
  const { service, metrics } = await pairFor(t, { maxBackoff: 300 });
  const times = [];
  service.next(
    (response) => (times.push(performance.now()), answer(response, 429, {}, { 'retry-after': '120' })),
    (response, received) => (times.push(performance.now()), counting(response, received, service)),
  );
  metrics.record(hit);
  await until(() => service.counted.length === 1);
  assert.ok(times[1] - times[0] > 290, `${times[1] - times[0]} ms`);
});

test('events that the service names are taken out, and the rest goes out under a new id', options, async (t) => {
  const { service, metrics, told } = await pairFor(t);
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
  assert.deepEqual(told, ['playarr-metrics: an event user_operation was refused: username: too odd']);
});

test('a batch of which all events are named is done with', options, async (t) => {
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
    const { service, metrics, told } = await pairFor(t, { batchSize: 2, flushInterval: 60_000 });
    service.next(failing(400, body));
    for (const event of range(3)) metrics.record(event);
    assert.equal(await metrics.flush(), true);
    assert.deepEqual(service.counted, [numbered(2)]);
    assert.equal(metrics.stats.dropped.refused, 2);
    assert.equal(told.length, 1);
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
  const { service, metrics } = await pairFor(t, { batchSize: 10_000 });
  const wide = '"'.repeat(128);
  for (let i = 0; i < 10_000; i += 1) {
    metrics.record({ type: 'managed_error', endpoint: wide, error_type: wide });
  }
  assert.equal(await metrics.flush(), true);
  assert.equal(service.counted.length, 10_000);
  assert.ok(service.requests.length > 1);
  for (const { headers } of service.requests) assert.ok(Number(headers['content-length']) <= 4 << 20);
});

test('a rotated token is read again from its file', options, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'playarr-metrics-'));
  t.after(() => rm(folder, { recursive: true }));
  const tokenFile = join(folder, 'token');
  const { service, metrics, told } = await pairFor(t, { tokenFile });

  // The file may come later than the client.
  metrics.record(numbered(0));
  await until(() => metrics.stats.retried >= 2);
  assert.deepEqual(told, [
    'playarr-metrics: cannot reach the service (cannot read the token file: ENOENT), trying again',
  ]);
  await writeFile(tokenFile, `${TOKEN}\n`);
  assert.equal(await metrics.flush(), true);

  service.token = 'a-new-one';
  metrics.record(numbered(1));
  await until(() => service.requests.length >= 4);
  metrics.record(numbered(2));
  await writeFile(tokenFile, ' \n');
  await until(() => metrics.stats.retried >= 10);
  await writeFile(tokenFile, 'a-new-one');
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, range(3));
  assert.equal(service.requests.at(-1).token, 'a-new-one');
  assert.ok(told.includes('playarr-metrics: the ingest token is not accepted (401), trying again'));
});

test('while the token is refused events are kept, within the bounds of the queue', options, async (t) => {
  const { service, metrics } = await pairFor(t, { maxQueue: 5 });
  service.token = 'another';
  for (const event of range(4)) metrics.record(event);
  await until(() => metrics.stats.retried >= 2);
  for (const event of range(9).slice(4)) metrics.record(event);
  assert.equal(metrics.stats.queued, 5);
  assert.equal(metrics.stats.dropped.full, 4);
  service.token = TOKEN;
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, range(5));
});

test('a full queue keeps what it has, drops what is new and says so once', options, async (t) => {
  const { service, metrics, told } = await pairFor(t, { maxQueue: 10, batchSize: 3, timeout: 60 });
  service.next(hanging);
  for (const event of range(20)) metrics.record(event);
  // The latest number of connections is worth its one place.
  metrics.setGauge('websocket_connections', {}, 1);
  metrics.setGauge('websocket_connections', {}, 2);
  assert.equal(metrics.stats.queued, 11);
  assert.equal(metrics.stats.dropped.full, 10);
  assert.deepEqual(told, ['playarr-metrics: the queue is full (10 events), new events are dropped']);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [
    ...range(10), { type: 'websocket_connections', reporter: 'test', count: 2 },
  ]);
});

test('a batch of unknown fate is given up before the service may forget its id', options, async (t) => {
  const { service, metrics, told } = await pairFor(t, { replayWindow: 0, batchSize: 1, flushInterval: 60_000 });
  service.next(countingThenDropping);
  for (const event of range(2)) metrics.record(event);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, range(2));
  assert.equal(metrics.stats.dropped.uncertain, 1);
  assert.equal(metrics.stats.sent, 1);
  assert.equal(told.length, 1);
});

test('a batch that surely was not counted may be tried for ever', options, async (t) => {
  const { service, metrics } = await pairFor(t, { replayWindow: 0 });
  service.next(failing(503), failing(429), failing(401), failing(404));
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [hit]);
  assert.equal(metrics.stats.retried, 4);
});

test('a redirect is not followed, for the token is meant for one address', options, async (t) => {
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

test('one failure is no news, two are, once until the service is back', options, async (t) => {
  const { service, metrics, told } = await pairFor(t);
  const outage = ['playarr-metrics: cannot reach the service (status 503), trying again'];
  const send = async (...behaviours) => {
    service.next(...behaviours);
    metrics.record(hit);
    assert.equal(await metrics.flush(), true);
    return told.splice(0);
  };
  assert.deepEqual(await send(failing(503)), []);
  assert.deepEqual(await send(failing(503), failing(503), failing(503)), outage);
  assert.deepEqual(await send(failing(503), failing(503)), outage);
});

test('flush gives up waiting, not sending', options, async (t) => {
  const { service, metrics } = await pairFor(t, { drainTimeout: 20, timeout: 200 });
  service.next(hanging);
  metrics.record(hit);
  assert.equal(await metrics.flush(), false);
  assert.equal(metrics.stats.queued, 1);
  await until(() => service.counted.length === 1);
});

test('flush does not sit out a long pause', options, async (t) => {
  const { service, metrics } = await pairFor(t, { drainTimeout: 20, minBackoff: 3_600_000, maxBackoff: 3_600_000 });
  service.next(failing(503));
  metrics.record(hit);
  await until(() => service.requests.length === 1);
  // The first may come before the pause.
  while (!(await metrics.flush()));
  assert.deepEqual(service.counted, [hit]);
});

test('close sends what is left, and what comes later is dropped', options, async (t) => {
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
  const { service, metrics, told } = await pairFor(t, { drainTimeout: 30, batchSize: 2 });
  service.next(hanging);
  for (const event of range(5)) metrics.record(event);
  const closed = metrics.close();
  const flushed = metrics.flush();
  assert.equal(await closed, false);
  assert.equal(await flushed, false);
  assert.deepEqual(service.counted, []);
  assert.equal(metrics.stats.queued, 0);
  assert.equal(metrics.stats.dropped.closed, 5);
  assert.deepEqual(told, ['playarr-metrics: closed with 5 events not sent']);
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

test('a service that does everything wrong in turn counts each event once and in order', options, async (t) => {
  const { service, metrics } = await pairFor(t, { batchSize: 50, minBackoff: 1, maxBackoff: 4 });
  const wrong = [
    ...Object.values(troubles).filter((trouble) => trouble !== hanging),
    (response, { events }) => answer(response, events.length > 1 ? 413 : 503),
    counting, counting,
  ];
  // Not random: a failure shall come again when the test does.
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
