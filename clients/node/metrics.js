/** Playarr's metrics, and the events that the service wants instead. */

/**
 * Counters.
 * - `labels`: labels that become fields of the event; `ignored`: labels that Playarr has and the event has not.
 * - `fixed`: fields that follow from the metric; `fallback`: values for labels that may be missing.
 * - `counted`: the value becomes the field `count`. Without it a value of 3 is three events.
 * - `pair`: the histogram that gives the rest of the event.
 */
const COUNTERS = {
  cache_operations: { type: 'cache_operation', labels: ['operation'] },
  stream_requests: { type: 'stream_request', labels: ['user'], pair: 'stream_request_duration' },
  best_source_selections: {
    type: 'best_source_selected', labels: ['provider_id'], pair: 'best_source_selection_duration',
  },
  provider_sync: { type: 'provider_sync', labels: ['provider_id', 'status'], pair: 'provider_sync_duration' },
  provider_api_errors: { type: 'provider_api_error', labels: ['provider_id', 'error_type'] },
  provider_api_requests: {
    type: 'provider_api_request', labels: ['provider_id', 'endpoint', 'status_code'],
    pair: 'provider_api_request_duration',
  },
  job_executions: { type: 'job_execution', labels: ['job_type', 'status'], pair: 'job_duration' },
  provider_titles_processed: {
    type: 'titles_processed', labels: ['provider_id', 'media_type'], fixed: { kind: 'provider' }, counted: true,
  },
  main_titles_processed: {
    type: 'titles_processed', labels: ['provider_id', 'media_type'], fixed: { kind: 'main' }, counted: true,
  },
  provider_categories_synced: {
    type: 'categories_synced', labels: ['provider_id', 'media_type'], counted: true,
  },
  watchlist_operations: { type: 'watchlist_operation', labels: ['operation', 'media_type', 'username'] },
  provider_operations: { type: 'provider_operation', labels: ['operation', 'username'] },
  user_operations: { type: 'user_operation', labels: ['operation', 'username'] },
  http_requests: {
    type: 'http_request', labels: ['endpoint', 'status_code'], ignored: ['username'], pair: 'http_request_duration',
  },
  managed_errors: { type: 'managed_error', labels: ['endpoint', 'error_type'], ignored: ['username'] },
  authentication_failures: {
    type: 'authentication_failure', labels: ['endpoint', 'reason'], ignored: ['username'],
    fallback: { reason: 'unspecified' },
  },
};

/** Histograms. `optional`: a label that, where it is given, must be the same in both halves of an event. */
const HISTOGRAMS = {
  stream_request_duration: { labels: ['media_type'] },
  best_source_selection_duration: { labels: ['media_type'] },
  provider_sync_duration: { labels: ['provider_id'] },
  provider_api_request_duration: { labels: ['provider_id', 'endpoint'], optional: ['status_code'] },
  job_duration: { labels: ['job_type'] },
  http_request_duration: { labels: ['endpoint'], ignored: ['username'] },
};

/** Gauges that the service reads from the database itself. Setting them is no mistake, but has no effect. */
const FROM_DATABASE = [
  'provider_titles_count', 'ignored_provider_titles_count', 'main_titles_count', 'episodes_count', 'channels_count',
  'watchlist_titles_count', 'watchlist_channels_count', 'active_users', 'provider_active_connections',
  'provider_max_connections', 'provider_active', 'provider_expiration_days',
  'provider_expiration_timestamp_seconds',
];

/** Each metric under its key in Playarr's metrics.json and under its name in Prometheus. */
function byName(metrics, suffix, more) {
  const names = new Map();
  for (const [key, metric] of Object.entries(metrics)) {
    const known = { ignored: [], optional: [], fixed: {}, fallback: {}, ...metric, ...more, key };
    names.set(key, known).set(`playarr_${key}${suffix}`, known);
  }
  return names;
}

for (const [key, { type, pair }] of Object.entries(COUNTERS)) {
  if (pair) Object.assign(HISTOGRAMS[pair], { type, pair: key });
}

const counters = byName(COUNTERS, '_total', { counts: true });
const histograms = byName(HISTOGRAMS, '_seconds', { counts: false });
const gauges = byName(
  { websocket_connections: {}, ...Object.fromEntries(FROM_DATABASE.map((key) => [key, { fromDatabase: true }])) },
  '',
);

/** The gauge of that name. */
export const gaugeOf = (name) => gauges.get(name);

/**
 * The counter of that name, and the labels for it; `unused` if the service has no event for what it counts.
 *
 * A request to a provider that ended without an HTTP status has a word for one in Playarr (`timeout`, `network_error`,
 * `error`): it is an error of the provider's API. Playarr also counts the reading of users as an operation.
 */
export function counterOf(name, labels) {
  const metric = counters.get(name);
  if (metric?.key === 'provider_api_requests' && isWord(labels?.status_code)) {
    const { provider_id, status_code } = labels;
    return { metric: counters.get('provider_api_errors'), labels: { provider_id, error_type: status_code } };
  }
  return { metric, labels, unused: metric?.key === 'user_operations' && labels?.operation === 'get' };
}

/** The histogram of that name; `unused` if its event has no duration. */
export function histogramOf(name, labels) {
  const metric = histograms.get(name);
  return { metric, unused: metric?.key === 'provider_api_request_duration' && isWord(labels?.status_code) };
}

const isWord = (status) => typeof status === 'string' && /[^\d]/.test(status);
