import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pairFor, until } from './support.js';

const options = { timeout: 20_000 };
const job = (status, duration_seconds, job_type = 'a') =>
  ({ type: 'job_execution', job_type, status, duration_seconds });

test('halves meet in either order, first come, first served, by their shared labels', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const counted = (status, job_type = 'a') => metrics.incrementCounter('job_executions', { job_type, status });
  const timed = (seconds, job_type = 'a') => metrics.observeHistogram('job_duration', { job_type }, seconds);
  counted('success');
  counted('failure');
  timed(9, 'b');
  timed(1);
  timed(2);
  counted('failure', 'b');
  timed(3);
  counted('success');
  assert.equal(metrics.stats.waiting, 0);
  await metrics.flush();
  assert.deepEqual(service.counted, [
    job('success', 1), job('failure', 2), job('failure', 9, 'b'), job('success', 3),
  ]);
});

test('requests of different endpoints and providers do not meet', options, async (t) => {
  const { metrics } = await pairFor(t);
  metrics.incrementCounter('provider_api_requests', { provider_id: 'a', endpoint: 'x', status_code: 200 });
  metrics.observeHistogram('provider_api_request_duration', { provider_id: 'a', endpoint: 'y' }, 1);
  metrics.observeHistogram('provider_api_request_duration', { provider_id: 'b', endpoint: 'x' }, 1);
  metrics.incrementCounter('http_requests', { endpoint: 'x', status_code: 200 });
  assert.equal(metrics.stats.waiting, 4);
  assert.equal(metrics.stats.queued, 0);
});

test('a counter of three meets three histograms', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  metrics.observeHistogram('job_duration', { job_type: 'a' }, 1);
  metrics.incrementCounter('job_executions', { job_type: 'a', status: 'success' }, 3);
  metrics.observeHistogram('job_duration', { job_type: 'a' }, 2);
  metrics.observeHistogram('job_duration', { job_type: 'a' }, 3);
  await metrics.flush();
  assert.deepEqual(service.counted, [job('success', 1), job('success', 2), job('success', 3)]);
  assert.equal(metrics.stats.waiting, 0);
});

test('a half that waited in vain is dropped, which is told once', options, async (t) => {
  const { service, metrics, told } = await pairFor(t, { pairTimeout: 20 });
  metrics.observeHistogram('stream_request_duration', { media_type: 'movies' }, 1);
  metrics.observeHistogram('stream_request_duration', { media_type: 'live' }, 1);
  metrics.incrementCounter('job_executions', { job_type: 'a', status: 'success' }, 4);
  await until(() => metrics.stats.waiting === 0);
  assert.equal(metrics.stats.dropped.unpaired, 6);
  const why = 'came within 20 ms, and only both together make an event';
  assert.deepEqual(told, [
    `playarr-metrics: stream_request_duration: no stream_requests ${why}`,
    `playarr-metrics: job_executions: no job_duration ${why}`,
  ]);
  // What comes later starts afresh.
  metrics.incrementCounter('stream_requests', { user: 'alice' });
  metrics.observeHistogram('stream_request_duration', { media_type: 'tvshows' }, 2);
  await metrics.flush();
  assert.deepEqual(service.counted, [
    { type: 'stream_request', user: 'alice', media_type: 'tvshows', duration_seconds: 2 },
  ]);
});

test('the halves that wait are bounded, and the oldest give up', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  for (let i = 0; i < 12_000; i += 1) metrics.observeHistogram('http_request_duration', { endpoint: `/${i}` }, 1);
  assert.equal(metrics.stats.waiting, 10_000);
  assert.equal(metrics.stats.dropped.unpaired, 2_000);
  metrics.incrementCounter('http_requests', { endpoint: '/11999', status_code: 200 });
  await metrics.flush();
  assert.equal(service.counted.length, 1);
});

test('closing drops the halves that still wait', options, async (t) => {
  const { metrics } = await pairFor(t);
  metrics.incrementCounter('stream_requests', { user: 'alice' });
  assert.equal(await metrics.close(), true);
  assert.equal(metrics.stats.dropped.unpaired, 1);
  assert.equal(metrics.stats.waiting, 0);
});
