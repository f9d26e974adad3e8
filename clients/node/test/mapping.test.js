import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MetricsClient } from '../index.js';
import { hit, pairFor, until } from './support.js';

const options = { timeout: 20_000 };

/** What the service counts of what the calls record. */
async function recorded(t, calls) {
  const { service, metrics, problems } = await pairFor(t);
  calls(metrics);
  assert.equal(await metrics.flush(), true);
  return { events: service.counted, problems, stats: metrics.stats };
}

test('each counter without a histogram becomes its event', options, async (t) => {
  const { events, problems } = await recorded(t, (metrics) => {
    metrics.incrementCounter('cache_operations', { operation: 'miss' });
    metrics.incrementCounter('provider_api_errors', { provider_id: 'agtv', error_type: '502' });
    metrics.incrementCounter('watchlist_operations', { operation: 'add', media_type: 'live', username: 'alice' });
    metrics.incrementCounter('provider_operations', { operation: 'create', username: 'admin' });
    metrics.incrementCounter('user_operations', { operation: 'delete', username: 'admin' });
    metrics.incrementCounter('managed_errors', {
      endpoint: '/api/users/', error_type: 'NotFoundError', username: 'alice',
    });
    metrics.incrementCounter('authentication_failures', { endpoint: '/login', reason: 'bad_password' });
    metrics.incrementCounter('authentication_failures', { endpoint: '/logout', username: 'alice' });
    metrics.incrementCounter('provider_titles_processed', { provider_id: 'agtv', media_type: 'movies' }, 120);
    metrics.incrementCounter('main_titles_processed', { provider_id: 'agtv', media_type: 'tvshows' }, 7);
    metrics.incrementCounter('provider_categories_synced', { provider_id: 'agtv', media_type: 'movies' }, 14);
  });
  assert.deepEqual(events, [
    { type: 'cache_operation', operation: 'miss' },
    { type: 'provider_api_error', provider_id: 'agtv', error_type: '502' },
    { type: 'watchlist_operation', operation: 'add', media_type: 'live', username: 'alice' },
    { type: 'provider_operation', operation: 'create', username: 'admin' },
    { type: 'user_operation', operation: 'delete', username: 'admin' },
    { type: 'managed_error', endpoint: '/api/users/', error_type: 'NotFoundError' },
    { type: 'authentication_failure', endpoint: '/api/auth/login', reason: 'bad_password' },
    { type: 'authentication_failure', endpoint: '/api/auth/logout', reason: 'unspecified' },
    { type: 'titles_processed', kind: 'provider', provider_id: 'agtv', media_type: 'movies', count: 120 },
    { type: 'titles_processed', kind: 'main', provider_id: 'agtv', media_type: 'tvshows', count: 7 },
    { type: 'categories_synced', provider_id: 'agtv', media_type: 'movies', count: 14 },
  ]);
  assert.deepEqual(problems, []);
});

test('each counter with a histogram becomes one event with it', options, async (t) => {
  const api = { provider_id: 'agtv', endpoint: 'get_live_streams', status_code: '200' };
  const { events, problems } = await recorded(t, (metrics) => {
    metrics.incrementCounter('stream_requests', { user: 'alice' });
    metrics.observeHistogram('stream_request_duration', { media_type: 'movies' }, 0.25);
    metrics.incrementCounter('best_source_selections', { provider_id: 'agtv' });
    metrics.observeHistogram('best_source_selection_duration', { media_type: 'tvshows' }, 1.5);
    metrics.incrementCounter('provider_sync', { provider_id: 'agtv', status: 'success' });
    metrics.observeHistogram('provider_sync_duration', { provider_id: 'agtv' }, 63);
    metrics.incrementCounter('provider_api_requests', api);
    metrics.observeHistogram('provider_api_request_duration', api, 0.5);
    metrics.incrementCounter('job_executions', { job_type: 'SyncLiveTVJob', status: 'failure' });
    metrics.observeHistogram('job_duration', { job_type: 'SyncLiveTVJob' }, 12.5);
    const http = { endpoint: '/api/users/:username', username: 'alice' };
    metrics.incrementCounter('http_requests', { ...http, status_code: 404 });
    metrics.observeHistogram('http_request_duration', http, 0);
  });
  assert.deepEqual(events, [
    { type: 'stream_request', user: 'alice', media_type: 'movies', duration_seconds: 0.25 },
    { type: 'best_source_selected', provider_id: 'agtv', media_type: 'tvshows', duration_seconds: 1.5 },
    { type: 'provider_sync', provider_id: 'agtv', status: 'success', duration_seconds: 63 },
    {
      type: 'provider_api_request', provider_id: 'agtv', endpoint: 'get_live_streams', status_code: 200,
      duration_seconds: 0.5,
    },
    { type: 'job_execution', job_type: 'SyncLiveTVJob', status: 'failure', duration_seconds: 12.5 },
    { type: 'http_request', endpoint: '/api/users/:username', status_code: 404, duration_seconds: 0 },
  ]);
  assert.deepEqual(problems, []);
});

test('the full names of the metrics are accepted as well', options, async (t) => {
  const { events, problems } = await recorded(t, (metrics) => {
    metrics.observeHistogram('playarr_stream_request_duration_seconds', { media_type: 'live' }, 0.5);
    metrics.incrementCounter('playarr_stream_requests_total', { user: 'alice' });
    metrics.incrementCounter('playarr_cache_operations_total', { operation: 'hit' });
    metrics.setGauge('playarr_websocket_connections', {}, 3);
    metrics.setGauge('playarr_provider_expiration_timestamp_seconds', { provider_id: 'agtv' }, 1);
  });
  assert.deepEqual(events, [
    hit,
    { type: 'websocket_connections', reporter: 'test', count: 3 },
    { type: 'stream_request', user: 'alice', media_type: 'live', duration_seconds: 0.5 },
  ]);
  assert.deepEqual(problems, []);
});

test('a value is a number of events or their count, and 0 is no event', options, async (t) => {
  const { events, stats } = await recorded(t, (metrics) => {
    metrics.incrementCounter('cache_operations', { operation: 'hit' }, 3);
    metrics.incrementCounter('cache_operations', { operation: 'hit' }, 0);
    metrics.incrementCounter('provider_categories_synced', { provider_id: 'agtv', media_type: 'movies' }, 0);
    metrics.incrementCounter('provider_categories_synced', { provider_id: 'agtv', media_type: 'movies' }, 3);
  });
  const synced = { type: 'categories_synced', provider_id: 'agtv', media_type: 'movies', count: 3 };
  assert.deepEqual(events, [hit, hit, hit, synced]);
  assert.equal(stats.sent, 4);
});

test('one call makes a bounded number of events', options, async (t) => {
  const { events, problems, stats } = await recorded(t, (metrics) => {
    metrics.incrementCounter('cache_operations', { operation: 'hit' }, 10_005);
  });
  assert.equal(events.length, 10_000);
  assert.equal(stats.dropped.excess, 5);
  assert.equal(problems.length, 1);
});

test('values outside of a closed set become the member that Playarr means, or are dropped', options, async (t) => {
  const { events, problems, stats } = await recorded(t, (metrics) => {
    metrics.incrementCounter('job_executions', { job_type: 'a', status: 'cancelled' });
    metrics.observeHistogram('job_duration', { job_type: 'a' }, 1);
    metrics.incrementCounter('provider_api_errors', { provider_id: 'agtv', error_type: 503 });
    metrics.incrementCounter('watchlist_operations', { operation: 'add', media_type: 'unknown', username: 'admin' });
    metrics.incrementCounter('watchlist_operations', { operation: 'add', media_type: 'unknown', username: 'admin' });
  });
  assert.deepEqual(events, [
    { type: 'job_execution', job_type: 'a', status: 'failure', duration_seconds: 1 },
    { type: 'provider_api_error', provider_id: 'agtv', error_type: 'other' },
  ]);
  assert.equal(stats.dropped.invalid, 2);
  const why = 'media_type must be one of movies, tvshows, live';
  assert.deepEqual(problems, [`playarr-metrics: watchlist_operations: ${why}`]);
});

test('labels that the service would refuse are repaired, which is reported once', options, async (t) => {
  const { events, problems } = await recorded(t, (metrics) => {
    const odd = ['é'.repeat(100), `a${'€'.repeat(50)}`, 'x'.repeat(1e6), 'a\u0000b\u0085', 'half \ud83d pair', 7];
    for (const username of odd) {
      metrics.incrementCounter('user_operations', { operation: 'create', username });
    }
  });
  assert.deepEqual(events.map(({ username }) => username), [
    'é'.repeat(64), `a${'€'.repeat(42)}`, 'x'.repeat(128), 'a\ufffdb\ufffd', 'half \ufffd pair', '7',
  ]);
  assert.equal(problems.length, 1);
});

test('wrong names, labels and values are dropped, and reported once for each name', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const broken = { get operation() { throw { get name() { throw new Error('twice') } } } };
  const wrong = [
    () => metrics.incrementCounter('nonsense', {}),
    () => metrics.incrementCounter('job_duration', { job_type: 'a' }),
    () => metrics.incrementCounter('constructor', {}),
    () => metrics.incrementCounter('cache_operations', { operation: 'flush' }),
    () => metrics.incrementCounter('cache_operations', { operation: 'hit' }, -1),
    () => metrics.incrementCounter('cache_operations', { operation: 'hit' }, 0.5),
    () => metrics.incrementCounter('cache_operations', broken),
    () => metrics.incrementCounter('cache_operations'),
    () => metrics.incrementCounter('cache_operations', null),
    () => metrics.incrementCounter('provider_operations', { operation: 'create' }),
    () => metrics.incrementCounter('managed_errors', { endpoint: '/', error_type: '' }),
    () => metrics.incrementCounter('http_requests', { endpoint: '/', status_code: 'timeout' }),
    () => metrics.incrementCounter('provider_api_requests', { provider_id: 'a', endpoint: 'b', status_code: 42 }),
    () => metrics.incrementCounter('provider_api_requests', { provider_id: 'a', endpoint: 'b', status_code: '' }),
    () => metrics.incrementCounter(Symbol('odd'), {}),
    () => metrics.incrementCounter(),
    () => metrics.observeHistogram('job_duration', { job_type: 'a' }, -1),
    () => metrics.observeHistogram('job_duration', { job_type: 'a' }, Number.NaN),
    () => metrics.observeHistogram('job_duration', { job_type: 'a' }, Number.POSITIVE_INFINITY),
    () => metrics.observeHistogram('job_duration', { job_type: 'a' }, 30 * 24 * 3600 + 1),
    () => metrics.observeHistogram('job_duration', { job_type: 'a' }, '1'),
    () => metrics.observeHistogram('job_duration', { job_type: {} }, 1),
    () => metrics.setGauge('websocket_connections', {}, -1),
    () => metrics.setGauge('nonsense', {}, 1),
    () => metrics.record({ type: 'nonsense' }),
    () => metrics.record({ type: 'toString' }),
    () => metrics.record({ type: 'cache_operation' }),
    () => metrics.record({ ...hit, more: 1 }),
    () => metrics.record(new Proxy({}, { get() { throw new Error('no') } })),
    () => metrics.record(null),
    () => metrics.record(),
  ];
  for (const call of [...wrong, ...wrong]) assert.equal(call(), undefined);
  assert.equal(metrics.stats.dropped.invalid, 2 * wrong.length);
  assert.equal(new Set(problems).size, problems.length);
  assert.ok(problems.length < wrong.length, problems.join('\n'));
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [hit]);
});

test('a label that a metric does not have is reported, and the event still counts', options, async (t) => {
  const { events, problems } = await recorded(t, (metrics) => {
    metrics.incrementCounter('cache_operations', { operation: 'hit', colour: 'red' });
  });
  assert.deepEqual(events, [hit]);
  assert.deepEqual(problems, ['playarr-metrics: cache_operations: colour is not a label of this metric']);
});

test('a typed event is recorded as it was at the time of the call', options, async (t) => {
  const { events } = await recorded(t, (metrics) => {
    const event = { type: 'titles_processed', kind: 'main', provider_id: 'agtv', media_type: 'movies', count: 4 };
    metrics.record(event);
    event.count = 5;
    metrics.record({ type: 'websocket_connections', reporter: 'engine', count: 2 });
  });
  assert.deepEqual(events, [
    { type: 'titles_processed', kind: 'main', provider_id: 'agtv', media_type: 'movies', count: 4 },
    { type: 'websocket_connections', reporter: 'engine', count: 2 },
  ]);
});

test('only the latest number of connections is sent, and again when nothing changes', options, async (t) => {
  const { service, metrics } = await pairFor(t, { gaugeInterval: 10 });
  for (const count of [1, 2, 3]) metrics.setGauge('websocket_connections', {}, count);
  await metrics.flush();
  assert.deepEqual(service.counted, [{ type: 'websocket_connections', reporter: 'test', count: 3 }]);
  await until(() => service.counted.length >= 3);
  assert.deepEqual(service.counted.at(-1), { type: 'websocket_connections', reporter: 'test', count: 3 });
});

test('reading users, which Playarr counts as an operation, is ignored silently', options, async (t) => {
  const { events, problems, stats } = await recorded(t, (metrics) => {
    metrics.incrementCounter('user_operations', { operation: 'get', username: 'admin' });
    metrics.incrementCounter('user_operations', { operation: 'update', username: 'admin' });
  });
  assert.deepEqual(events, [{ type: 'user_operation', operation: 'update', username: 'admin' }]);
  assert.deepEqual(problems, []);
  assert.equal(stats.dropped.invalid, 0);
});

test('gauges that the service reads from the database are ignored silently', options, async (t) => {
  const { events, problems, stats } = await recorded(t, (metrics) => {
    metrics.setGauge('provider_titles_count', { provider_id: 'agtv', media_type: 'movies' }, 5);
    metrics.setGauge('active_users', {}, 5);
  });
  assert.deepEqual(events, []);
  assert.deepEqual(problems, []);
  assert.equal(stats.dropped.invalid, 0);
});

test('without a URL every call is accepted and has no effect', options, async () => {
  const metrics = new MetricsClient({ url: undefined });
  metrics.incrementCounter('cache_operations', { operation: 'hit' });
  metrics.incrementCounter('nonsense');
  metrics.observeHistogram('job_duration', { job_type: 'a' }, 1);
  metrics.setGauge('websocket_connections', {}, 1);
  metrics.record(hit);
  assert.equal(await metrics.flush(), true);
  assert.equal(await metrics.close(), true);
  assert.equal(metrics.stats.sent, 0);
});
