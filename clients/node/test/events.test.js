import assert from 'node:assert/strict';
import { test } from 'node:test';

import { events, limits } from '../table.js';
import { pairFor } from './support.js';

const options = { timeout: 20_000 };

/** A value that the service accepts for a field. */
function accepted({ kind, values }) {
  switch (kind) {
    case 'label': return 'a label';
    case 'endpoint': return '/api/auth/login';
    case 'api_call': return 'get_series';
    case 'one_of': return values.at(-1);
    case 'status_code': return 404;
    case 'seconds': return limits.seconds;
    case 'count': return limits.count;
    default: throw new Error(kind);
  }
}

test('every event of the service can be recorded, with all of its fields', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const all = events.map(({ type, fields }) =>
    ({ type, ...Object.fromEntries(fields.map((field) => [field.name, accepted(field)])) }));
  assert.ok(all.length >= 16);
  for (const event of all) metrics.record(event);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, all);
  assert.deepEqual(problems, []);
});

test('a count or a duration that the service would refuse does not spoil its batch', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const labels = { provider_id: 'agtv', media_type: 'movies' };
  metrics.incrementCounter('provider_categories_synced', labels, limits.count + 1);
  metrics.record({ type: 'provider_sync', provider_id: 'agtv', status: 'success', duration_seconds: 2_592_001 });
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, []);
  assert.equal(problems.length, 2);
  assert.match(problems[0], /count must be a whole number from 0 to 1000000000/);
  assert.match(problems[1], /duration_seconds must be a number of seconds from 0 to 2592000/);
});
