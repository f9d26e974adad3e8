import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { MetricsClient } from '../index.js';
import { answer, hit, pairFor, TOKEN, until } from './support.js';

const options = { timeout: 20_000 };

/** Everything an application could print of a client. */
const printed = (metrics) =>
  [
    inspect(metrics, { showHidden: true, depth: Infinity, getters: true, showProxy: true }),
    JSON.stringify(metrics),
    JSON.stringify(metrics.stats),
    String(metrics),
    Reflect.ownKeys(metrics).join(),
  ].join('\n');

test('the token is in no inspection, URL, body or message, even if the service echoes it', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const echo = (status, body) => (response, { headers }) => answer(response, status, body(headers.authorization));
  service.next(
    echo(401, (header) => ({ error: header })),
    echo(503, (header) => ({ error: header })),
    echo(503, (header) => ({ error: header })),
    echo(400, (header) => ({ error: header, events: [{ index: 0, error: header }] })),
    echo(400, (header) => ({ error: header })),
  );
  metrics.record(hit);
  metrics.record(hit);
  await until(() => metrics.stats.dropped.refused === 2);
  assert.equal(problems.length, 4, problems.join('\n'));
  assert.ok(problems.join().includes('Bearer [token]'), problems.join('\n'));
  const sent = service.requests.map(({ url, events }) => url + JSON.stringify(events));
  const all = [printed(metrics), ...problems, ...sent];
  assert.ok(!all.join('\n').includes(TOKEN));
});

const secret = 'hunter2hunter2';
const unusable = {
  'an invalid URL': { url: `http//user:${secret}@host`, token: TOKEN },
  'a URL with a password': { url: `http://user:${secret}@host:3000`, token: TOKEN },
  'a URL of another kind': { url: `ftp://${secret}`, token: TOKEN },
  'a token with a line break': { url: 'http://host', token: `${secret}\r\nX-Evil: 1` },
  'an empty token': { url: 'http://host', token: ' ' },
  'no token': { url: 'http://host' },
  'two tokens': { url: 'http://host', token: secret, tokenFile: '/run/secrets/token' },
  'a batch size that the service would refuse': { url: 'http://host', token: secret, batchSize: 10_001 },
  'an interval that is a string': { url: 'http://host', token: secret, flushInterval: '1s' },
  'a handler that is a string': { url: 'http://host', token: secret, onError: secret },
  'an empty reporter': { url: 'http://host', token: secret, reporter: '' },
};
for (const [name, wrong] of Object.entries(unusable)) {
  test(`the constructor refuses ${name}, and does not repeat it`, options, () => {
    const hooks = process.listenerCount('beforeExit');
    assert.throws(() => new MetricsClient(wrong), (error) => {
      assert.ok(error instanceof TypeError);
      assert.ok(!inspect(error, { showHidden: true }).includes(secret), inspect(error));
      return true;
    });
    assert.equal(process.listenerCount('beforeExit'), hooks);
  });
}
