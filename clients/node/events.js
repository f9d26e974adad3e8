/**
 * What can be reported: the events of the service with their fields, and which of Playarr's metrics make them.
 *
 * A new event is one line in EVENTS, and one in COUNTERS (and HISTOGRAMS) if Playarr has metrics for it.
 */

/** The service refuses longer labels. */
const LABEL_BYTES = 128;

const CONTROL = /\p{Cc}/gu;

/** Why a value cannot be reported. The message names no value, which may be anything. */
export class Unfit extends Error {}

// The kinds of fields: each turns a value into what is sent, or throws Unfit. `note` hears of repairs.

/**
 * An open label. One that the service would refuse is repaired, not dropped: what happened is worth counting even if
 * its name is odd (the path of a scanner's request, for one).
 */
function label(value, note) {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string' || value === '') throw new Unfit('must be a text that is not empty');
  // Each UTF-16 unit takes a byte or more, so nothing beyond this many matters. Encoding also replaces halves of
  // surrogate pairs, which JSON could carry but no parser of text accepts.
  const bytes = Buffer.from(value.slice(0, LABEL_BYTES + 1).replace(CONTROL, '\ufffd'));
  let end = Math.min(bytes.length, LABEL_BYTES);
  // Bytes of the form 10xxxxxx continue a character, which is left out as a whole.
  while ((bytes[end] & 0xc0) === 0x80) end -= 1;
  // A fresh copy: a part of a long text would keep all of it in memory for as long as it waits.
  const text = bytes.toString('utf8', 0, end);
  if (text !== value) note(`was cut to ${LABEL_BYTES} bytes or rid of characters that no label can have`);
  return text;
}

/** A closed label. `others` says where a value goes that is not in the set; without it, nowhere. */
function oneOf(values, others = () => undefined) {
  const set = new Set(values);
  return (value) => {
    const text = typeof value === 'number' ? String(value) : value;
    const member = set.has(text) ? text : others(text);
    if (member === undefined) throw new Unfit(`must be one of ${values.join(', ')}`);
    return member;
  };
}

/** Playarr's web framework knows status codes as numbers, its metrics as texts. */
function statusCode(value) {
  const code = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  if (!Number.isInteger(code) || code < 100 || code > 999) throw new Unfit('must be an HTTP status code');
  return code;
}

function seconds(value) {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new Unfit('must be a number of seconds, 0 or more');
  }
  return value;
}

function count(value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new Unfit('must be a whole number, 0 or more');
  return value;
}

const mediaType = oneOf(['movies', 'tvshows', 'live']);
const operation = oneOf(['create', 'update', 'delete']);
const syncStatus = oneOf(['success', 'failure']);
// Playarr also knows cancelled jobs. They did not succeed, and their time counts.
const jobStatus = oneOf(['success', 'failure'], (value) => (value === 'cancelled' ? 'failure' : undefined));
// The set has a place for everything else.
const errorType = oneOf(['502', 'timeout', 'other'], (value) => (typeof value === 'string' ? 'other' : undefined));

/** The events of the service: type, and the kind of each field. All fields are required. */
export const EVENTS = {
  stream_request: { user: label, media_type: mediaType, duration_seconds: seconds },
  best_source_selected: { provider_id: label, media_type: mediaType, duration_seconds: seconds },
  cache_operation: { operation: oneOf(['hit', 'miss']) },
  provider_sync: { provider_id: label, status: syncStatus, duration_seconds: seconds },
  provider_api_error: { provider_id: label, error_type: errorType },
  provider_api_request: { provider_id: label, endpoint: label, status_code: statusCode, duration_seconds: seconds },
  job_execution: { job_type: label, status: jobStatus, duration_seconds: seconds },
  websocket_connections: { reporter: label, count },
  titles_processed: { kind: oneOf(['provider', 'main']), provider_id: label, media_type: mediaType, count },
  categories_synced: { provider_id: label, media_type: mediaType, count },
  watchlist_operation: { operation: oneOf(['add', 'remove']), media_type: mediaType, username: label },
  provider_operation: { operation, username: label },
  user_operation: { operation, username: label },
  http_request: { endpoint: label, status_code: statusCode, duration_seconds: seconds },
  managed_error: { endpoint: label, error_type: label },
  authentication_failure: { endpoint: label, reason: label },
};

/**
 * Playarr's counters.
 * - `labels`: those that become fields; `ignored`: those that Playarr sends and the service has no use for.
 * - `fixed`: fields that the metric itself says; `fallback`: labels that may be missing.
 * - `counted`: the value becomes the field `count`; without it, a value of 3 is three events.
 * - `pair`: the event needs this histogram's half as well; the two are matched by the labels they share, `by`.
 */
const COUNTERS = {
  cache_operations: { type: 'cache_operation', labels: ['operation'] },
  stream_requests: { type: 'stream_request', labels: ['user'], pair: 'stream_request_duration', by: [] },
  best_source_selections: {
    type: 'best_source_selected', labels: ['provider_id'], pair: 'best_source_selection_duration', by: [],
  },
  provider_sync: {
    type: 'provider_sync', labels: ['provider_id', 'status'], pair: 'provider_sync_duration', by: ['provider_id'],
  },
  provider_api_errors: { type: 'provider_api_error', labels: ['provider_id', 'error_type'] },
  provider_api_requests: {
    type: 'provider_api_request', labels: ['provider_id', 'endpoint', 'status_code'],
    pair: 'provider_api_request_duration', by: ['provider_id', 'endpoint'],
  },
  job_executions: {
    type: 'job_execution', labels: ['job_type', 'status'], pair: 'job_duration', by: ['job_type'],
  },
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
    type: 'http_request', labels: ['endpoint', 'status_code'], ignored: ['username'],
    pair: 'http_request_duration', by: ['endpoint'],
  },
  managed_errors: { type: 'managed_error', labels: ['endpoint', 'error_type'], ignored: ['username'] },
  authentication_failures: {
    type: 'authentication_failure', labels: ['endpoint', 'reason'], ignored: ['username'],
    fallback: { reason: 'unspecified' },
  },
};

/** Playarr's histograms: each is the other half of the counter that names it as its pair. */
const HISTOGRAMS = {
  stream_request_duration: { labels: ['media_type'] },
  best_source_selection_duration: { labels: ['media_type'] },
  provider_sync_duration: { labels: ['provider_id'] },
  provider_api_request_duration: { labels: ['provider_id', 'endpoint'], ignored: ['status_code'] },
  job_duration: { labels: ['job_type'] },
  http_request_duration: { labels: ['endpoint'], ignored: ['username'] },
};

/** Gauges that the service counts in the database itself. Setting them is no mistake, only of no use any more. */
const COUNTED_BY_SERVICE = [
  'provider_titles_count', 'ignored_provider_titles_count', 'main_titles_count', 'episodes_count', 'channels_count',
  'watchlist_titles_count', 'watchlist_channels_count', 'active_users', 'provider_active_connections',
  'provider_max_connections', 'provider_active', 'provider_expiration_days',
  'provider_expiration_timestamp_seconds',
];

/** Each metric under the key it has in Playarr's metrics.json and under its name in Prometheus. */
function byName(metrics, suffix) {
  const names = new Map();
  for (const [key, metric] of Object.entries(metrics)) {
    const known = { ignored: [], fixed: {}, fallback: {}, ...metric, key };
    names.set(key, known).set(`playarr_${key}${suffix}`, known);
  }
  return names;
}

for (const [key, { type, pair, by }] of Object.entries(COUNTERS)) {
  if (pair) Object.assign(HISTOGRAMS[pair], { type, by, pair: key });
}

export const counters = byName(COUNTERS, '_total');
export const histograms = byName(HISTOGRAMS, '_seconds');
export const gauges = byName(
  { websocket_connections: {}, ...Object.fromEntries(COUNTED_BY_SERVICE.map((key) => [key, { useless: true }])) },
  '',
);

/** The fields of a metric's event that its labels and its value say, checked. `note` hears of what is odd. */
export function fieldsOf(metric, labels, value, note) {
  const kinds = EVENTS[metric.type];
  const fields = { ...metric.fixed };
  for (const name of metric.labels) {
    fields[name] = check(kinds, name, labels?.[name] ?? metric.fallback[name], note);
  }
  for (const name of Object.keys(value)) fields[name] = check(kinds, name, value[name], note);
  for (const name in labels) {
    if (!metric.labels.includes(name) && !metric.ignored.includes(name)) note('is no label of this metric', name);
  }
  return fields;
}

/** A copy of a typed event, checked. */
export function checked(event, note) {
  const kinds = Object.hasOwn(EVENTS, event?.type) ? EVENTS[event.type] : undefined;
  if (kinds === undefined) throw new Unfit('is no type of event');
  const copy = { type: event.type };
  for (const name of Object.keys(kinds)) copy[name] = check(kinds, name, event[name], note);
  for (const name of Object.keys(event)) {
    if (!Object.hasOwn(copy, name)) throw new Unfit(`has no field ${name.slice(0, 50)}`);
  }
  return copy;
}

function check(kinds, name, value, note) {
  try {
    return kinds[name](value, (what) => note(what, name));
  } catch (error) {
    throw error instanceof Unfit ? new Unfit(`${name} ${error.message}`) : error;
  }
}
