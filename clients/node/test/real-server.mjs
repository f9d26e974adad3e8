/**
 * Calls every method against a real service, through a metrics manager that the client is attached to. Prints, as JSON,
 * the client's `stats`, the calls that the `manager` got, and what the service must have counted: `expected` maps
 * series to values. All durations are sums of powers of two, so that sums are exact.
 *
 *     PLAYARR_METRICS_URL=http://localhost:3000 PLAYARR_METRICS_INGEST_TOKEN_FILE=token node test/real-server.mjs
 *
 * Exits with 1 if anything was not sent. The series are those of a service that has counted nothing else with these
 * labels; the WebSocket connections and the cache have no labels of their own.
 */

import { MetricsClient } from '../index.js';

const url = process.env.PLAYARR_METRICS_URL;
const tokenFile = process.env.PLAYARR_METRICS_INGEST_TOKEN_FILE;
if (!url || !tokenFile) {
  // Some versions of Node take every file in this folder for a test.
  if (process.env.NODE_TEST_CONTEXT) process.exit(0);
  console.error('set PLAYARR_METRICS_URL and PLAYARR_METRICS_INGEST_TOKEN_FILE');
  process.exit(2);
}

const expected = {};
const adds = (name, labels, value = 1) => {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  const series = pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name;
  expected[series] = (expected[series] ?? 0) + value;
};
const observes = (name, labels, seconds) => {
  adds(`${name}_count`, labels);
  adds(`${name}_sum`, labels, seconds);
};

const problems = [];
const client = new MetricsClient({
  url, tokenFile, reporter: 'node-client', batchSize: 7, onError: (error) => problems.push(error.message),
});
let calls = 0;
const metrics = Object.fromEntries(
  ['incrementCounter', 'observeHistogram', 'setGauge'].map((name) => [name, () => (calls += 1)]));
client.attach(metrics);

const provider_id = 'node-client';
const mediaTypes = ['movies', 'tvshows', 'live'];

// Counters of their own.
for (const [operation, times] of [['hit', 7], ['miss', 3]]) {
  metrics.incrementCounter('cache_operations', { operation }, times - 1);
  metrics.incrementCounter('playarr_cache_operations_total', { operation });
  adds('playarr_cache_operations_total', { operation }, times);
}
for (const error_type of ['502', 'timeout', 'other']) {
  metrics.incrementCounter('provider_api_errors', { provider_id, error_type }, 2);
  adds('playarr_provider_api_errors_total', { provider_id, error_type }, 2);
}
for (const media_type of mediaTypes) {
  for (const [operation, times] of [['add', 3], ['remove', 2]]) {
    const labels = { operation, media_type, username: 'node-alice' };
    metrics.incrementCounter('watchlist_operations', labels, times);
    adds('playarr_watchlist_operations_total', labels, times);
  }
}
for (const [operation, times] of [['create', 1], ['update', 4], ['delete', 2]]) {
  const labels = { operation, username: 'node-admin' };
  metrics.incrementCounter('provider_operations', labels, times);
  adds('playarr_provider_operations_total', labels, times);
  metrics.incrementCounter('user_operations', labels, times + 1);
  adds('playarr_user_operations_total', labels, times + 1);
}
for (const [media_type, count] of [['movies', 120], ['tvshows', 45]]) {
  const labels = { provider_id, media_type };
  metrics.incrementCounter('provider_titles_processed', labels, count);
  adds('playarr_provider_titles_processed_total', labels, count);
  metrics.incrementCounter('main_titles_processed', labels, count + 1);
  adds('playarr_main_titles_processed_total', labels, count + 1);
  metrics.incrementCounter('provider_categories_synced', labels, 14);
  metrics.incrementCounter('provider_categories_synced', labels, 0);
  adds('playarr_provider_categories_synced_total', labels, 14);
}
const endpoint = '/api/titles/:title_key';
for (const error_type of ['NotFoundError', 'ValidationError']) {
  metrics.incrementCounter('managed_errors', { endpoint, error_type, username: 'node-alice' }, 2);
  adds('playarr_managed_errors_total', { endpoint, error_type }, 2);
}
for (const path of ['/api/titles/movies-1', '/api/titles/tvshows-2?api_key=SECRET']) {
  metrics.incrementCounter('authentication_failures', { endpoint: path, reason: 'bad_password' });
  adds('playarr_authentication_failures_total', { endpoint, reason: 'bad_password' });
}
metrics.incrementCounter('authentication_failures', { endpoint, username: 'node-alice' });
adds('playarr_authentication_failures_total', { endpoint, reason: 'unspecified' });

// Counters and histograms that make one event, in both orders.
const durations = [0.0625, 0.5, 1.25, 8];
for (const [turn, seconds] of durations.entries()) {
  const media_type = mediaTypes[turn % 3];
  const both = (count, observe) => {
    for (const call of turn % 2 === 0 ? [count, observe] : [observe, count]) call();
  };

  both(
    () => metrics.incrementCounter('stream_requests', { user: 'node-alice' }),
    () => metrics.observeHistogram('stream_request_duration', { media_type }, seconds),
  );
  adds('playarr_stream_requests_total', { user: 'node-alice' });
  observes('playarr_stream_request_duration_seconds', { media_type }, seconds);

  both(
    () => metrics.incrementCounter('best_source_selections', { provider_id }),
    () => metrics.observeHistogram('best_source_selection_duration', { media_type }, seconds),
  );
  adds('playarr_best_source_selections_total', { provider_id });
  observes('playarr_best_source_selection_duration_seconds', { media_type }, seconds);

  const status = turn === 0 ? 'failure' : 'success';
  both(
    () => metrics.incrementCounter('provider_sync', { provider_id, status }),
    () => metrics.observeHistogram('provider_sync_duration', { provider_id }, seconds),
  );
  adds('playarr_provider_sync_total', { provider_id, status });
  observes('playarr_provider_sync_duration_seconds', { provider_id }, seconds);

  const status_code = turn === 0 ? '502' : '200';
  const api = { provider_id, endpoint: 'get_live_streams' };
  both(
    () => metrics.incrementCounter('provider_api_requests', { ...api, status_code }),
    () => metrics.observeHistogram('provider_api_request_duration', { ...api, status_code }, seconds),
  );
  adds('playarr_provider_api_requests_total', { ...api, status_code });
  observes('playarr_provider_api_request_duration_seconds', api, seconds);

  const job_type = 'NodeClientJob';
  both(
    () => metrics.incrementCounter('job_executions', { job_type, status }),
    () => metrics.observeHistogram('job_duration', { job_type }, seconds),
  );
  adds('playarr_job_executions_total', { job_type, status });
  observes('playarr_job_duration_seconds', { job_type }, seconds);

  const username = 'node-alice';
  both(
    () => metrics.incrementCounter('http_requests', { endpoint, status_code, username }),
    () => metrics.observeHistogram('http_request_duration', { endpoint, username }, seconds),
  );
  adds('playarr_http_requests_total', { endpoint, status_code });
  observes('playarr_http_request_duration_seconds', { endpoint }, seconds);
}

// Requests to a provider that end without a status.
for (const [status_code, error_type] of [['timeout', 'timeout'], ['network_error', 'other'], ['error', 'other']]) {
  const request = { provider_id, endpoint: 'get_live_streams', status_code };
  metrics.incrementCounter('provider_api_requests', request);
  metrics.observeHistogram('provider_api_request_duration', request, 64);
  adds('playarr_provider_api_errors_total', { provider_id, error_type });
}

// Gauges: the last value counts, and what comes from the database is ignored.
metrics.setGauge('websocket_connections', {}, 9);
metrics.setGauge('websocket_connections', {}, 3);
metrics.setGauge('active_users', {}, 1_000);
expected.playarr_websocket_connections = 3;

// A typed event as it is.
client.record({ type: 'stream_request', user: 'node-bob', media_type: 'live', duration_seconds: 2 });
adds('playarr_stream_requests_total', { user: 'node-bob' });
observes('playarr_stream_request_duration_seconds', { media_type: 'live' }, 2);

const flushed = await client.flush();
const closed = await client.close();
const { stats } = client;
console.log(JSON.stringify({ stats, expected, problems, manager: calls }, null, 2));

const dropped = Object.values(stats.dropped).reduce((sum, count) => sum + count, 0);
process.exitCode = flushed && closed && dropped === 0 && problems.length === 0 ? 0 : 1;
