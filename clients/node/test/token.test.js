import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { numbered, pairFor, range, TOKEN, until } from './support.js';

const options = { timeout: 30_000 };

test('a replaced token is read again from its file', options, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'playarr-metrics-'));
  t.after(() => rm(folder, { recursive: true }));
  const tokenFile = join(folder, 'token');
  const { service, metrics, problems } = await pairFor(t, { tokenFile });

  // The file may come later than the client.
  metrics.record(numbered(0));
  await until(() => metrics.stats.retried >= 2);
  assert.deepEqual(problems, [
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
  assert.ok(problems.includes('playarr-metrics: the ingest token is not accepted (401), trying again'));
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
