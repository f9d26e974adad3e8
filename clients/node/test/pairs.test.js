import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { pairFor } from './support.js';

const options = { timeout: 20_000 };
const job = (status, duration_seconds, job_type = 'a') =>
  ({ type: 'job_execution', job_type, status, duration_seconds });
const streamed = (user, media_type, duration_seconds) =>
  ({ type: 'stream_request', user, media_type, duration_seconds });

/** Both calls of Playarr for a job, and for a stream. */
function calls(metrics) {
  return {
    counted: (status, job_type = 'a') => metrics.incrementCounter('job_executions', { job_type, status }),
    timed: (seconds, job_type = 'a') => metrics.observeHistogram('job_duration', { job_type }, seconds),
    stream: (user, media_type, seconds) => {
      if (user) metrics.incrementCounter('stream_requests', { user });
      metrics.observeHistogram('stream_request_duration', { media_type }, seconds);
    },
  };
}

test('two halves make one event, whichever comes first', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const { counted, timed } = calls(metrics);
  counted('success');
  timed(1);
  await nextTurn();
  timed(2);
  counted('failure');
  await metrics.flush();
  assert.deepEqual(service.counted, [job('success', 1), job('failure', 2)]);
  assert.equal(metrics.stats.dropped.unpaired, 0);
});

test('halves of different jobs, endpoints and providers do not belong together', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const { counted, timed } = calls(metrics);
  counted('success', 'a');
  counted('failure', 'b');
  timed(1, 'a');
  timed(2, 'b');
  timed(3, 'c');
  metrics.incrementCounter('provider_api_requests', { provider_id: 'a', endpoint: 'x', status_code: 200 });
  metrics.observeHistogram('provider_api_request_duration', { provider_id: 'a', endpoint: 'y' }, 1);
  metrics.observeHistogram('provider_api_request_duration', { provider_id: 'b', endpoint: 'x' }, 1);
  metrics.observeHistogram(
    'provider_api_request_duration', { provider_id: 'a', endpoint: 'x', status_code: 502 }, 1);
  metrics.incrementCounter('http_requests', { endpoint: '/api/users/', status_code: 200 });
  await metrics.flush();
  assert.deepEqual(service.counted, [job('success', 1, 'a'), job('failure', 2, 'b')]);
  assert.equal(metrics.stats.dropped.unpaired, 6);
});

test('a counter of three takes three histograms', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const { timed } = calls(metrics);
  timed(1);
  metrics.incrementCounter('job_executions', { job_type: 'a', status: 'success' }, 3);
  timed(2);
  timed(3);
  await metrics.flush();
  assert.deepEqual(service.counted, [job('success', 2), job('success', 3), job('success', 1)]);
});

test('a half without a partner takes none of the halves that follow, in the same turn or later', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const { counted, stream } = calls(metrics);
  // Playarr does not count a stream without a user, but it times it.
  stream(undefined, 'movies', 9);
  stream('alice', 'movies', 1);
  stream('bob', 'tvshows', 2);
  stream(undefined, 'tvshows', 9);
  await nextTurn();
  stream('alice', 'tvshows', 3);
  counted('success');
  await nextTurn();
  stream('bob', 'movies', 4);
  await metrics.flush();
  assert.deepEqual(service.counted, [
    streamed('alice', 'movies', 1), streamed('bob', 'tvshows', 2), streamed('alice', 'tvshows', 3),
    streamed('bob', 'movies', 4),
  ]);
  assert.equal(metrics.stats.dropped.unpaired, 3);
  const why = 'came with it, and only both together make an event';
  assert.deepEqual(problems, [
    `playarr-metrics: stream_request_duration: no stream_requests ${why}`,
    `playarr-metrics: job_executions: no job_duration ${why}`,
  ]);
});

test('a half that is invalid does not leave its partner to another one', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const { counted, timed } = calls(metrics);
  counted('success');
  timed(Number.NaN);
  counted('failure');
  timed(2);
  counted('nonsense', 'b');
  timed(3, 'b');
  counted('failure', 'b');
  timed(4, 'b');
  await metrics.flush();
  assert.deepEqual(service.counted, [job('failure', 2), job('failure', 4, 'b')]);
  assert.equal(metrics.stats.dropped.invalid, 2);
  assert.equal(metrics.stats.dropped.unpaired, 2);
});

test('requests that end without a status are errors, and their durations go nowhere', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t);
  const request = (status_code, seconds) => {
    const labels = { provider_id: 'agtv', endpoint: 'm3u8', status_code };
    metrics.incrementCounter('provider_api_requests', labels);
    metrics.observeHistogram('provider_api_request_duration', labels, seconds);
  };
  request('timeout', 5);
  request('200', 0.004);
  request('network_error', 60);
  request('error', 60);
  request('502', 0.5);
  request('200', 0.25);
  await metrics.flush();
  const event = { type: 'provider_api_request', provider_id: 'agtv', endpoint: 'm3u8' };
  const error = { type: 'provider_api_error', provider_id: 'agtv' };
  assert.deepEqual(service.counted, [
    { ...error, error_type: 'timeout' },
    { ...event, status_code: 200, duration_seconds: 0.004 },
    { ...error, error_type: 'other' },
    { ...error, error_type: 'other' },
    { ...event, status_code: 502, duration_seconds: 0.5 },
    { ...event, status_code: 200, duration_seconds: 0.25 },
  ]);
  assert.equal(metrics.stats.dropped.unpaired, 0);
  assert.deepEqual(problems, []);
});

test('halves that overlap in many requests at once all find a partner', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const { counted, timed } = calls(metrics);
  const request = async (number) => {
    await undefined;
    counted('success', `job-${number % 3}`);
    await undefined;
    timed(number, `job-${number % 3}`);
  };
  await Promise.all(Array.from({ length: 90 }, (_, number) => request(number)));
  await metrics.flush();
  const sums = { 'job-0': 0, 'job-1': 0, 'job-2': 0 };
  for (const { job_type, duration_seconds } of service.counted) sums[job_type] += duration_seconds;
  assert.deepEqual(sums, { 'job-0': 1_305, 'job-1': 1_335, 'job-2': 1_365 });
  assert.equal(service.counted.length, 90);
});

test('the halves that wait are bounded, and the oldest are given up', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const { counted, timed } = calls(metrics);
  for (let number = 0; number < 1_200; number += 1) timed(1, `job-${number}`);
  assert.equal(metrics.stats.dropped.unpaired, 200);
  counted('success', 'job-1199');
  await metrics.flush();
  assert.deepEqual(service.counted, [job('success', 1, 'job-1199')]);
  assert.equal(metrics.stats.dropped.unpaired, 1_199);
});

test('closing gives up the halves that have no partner', options, async (t) => {
  const { metrics } = await pairFor(t);
  metrics.incrementCounter('stream_requests', { user: 'alice' });
  assert.equal(await metrics.close(), true);
  assert.equal(metrics.stats.dropped.unpaired, 1);
});
