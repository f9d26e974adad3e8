/** The events of the service and their fields. All fields are required. */

import { apiCall, count, Invalid, label, oneOf, seconds, statusCode } from './fields.js';

const mediaType = oneOf(['movies', 'tvshows', 'live']);
const operation = oneOf(['create', 'update', 'delete']);
const syncStatus = oneOf(['success', 'failure']);
// Playarr also has cancelled jobs. They did not succeed.
const jobStatus = oneOf(['success', 'failure'], (value) => (value === 'cancelled' ? 'failure' : undefined));
const errorType = oneOf(['502', 'timeout', 'other'], (value) => (typeof value === 'string' ? 'other' : undefined));

export class Events {
  /** Types of events, and the kinds of their fields. */
  #types;

  /** @param {import('./routes.js').Routes} routes */
  constructor(routes) {
    const endpoint = (value) => routes.template(value);
    this.#types = {
      stream_request: { user: label, media_type: mediaType, duration_seconds: seconds },
      best_source_selected: { provider_id: label, media_type: mediaType, duration_seconds: seconds },
      cache_operation: { operation: oneOf(['hit', 'miss']) },
      provider_sync: { provider_id: label, status: syncStatus, duration_seconds: seconds },
      provider_api_error: { provider_id: label, error_type: errorType },
      provider_api_request: {
        provider_id: label, endpoint: apiCall, status_code: statusCode, duration_seconds: seconds,
      },
      job_execution: { job_type: label, status: jobStatus, duration_seconds: seconds },
      websocket_connections: { reporter: label, count },
      titles_processed: { kind: oneOf(['provider', 'main']), provider_id: label, media_type: mediaType, count },
      categories_synced: { provider_id: label, media_type: mediaType, count },
      watchlist_operation: { operation: oneOf(['add', 'remove']), media_type: mediaType, username: label },
      provider_operation: { operation, username: label },
      user_operation: { operation, username: label },
      http_request: { endpoint, status_code: statusCode, duration_seconds: seconds },
      managed_error: { endpoint, error_type: label },
      authentication_failure: { endpoint: (value) => routes.templateWithin(value), reason: label },
    };
  }

  /**
   * The fields of a metric's event that its labels and its value give, checked.
   * @param {(what: string, label: string) => void} note is called for labels that are odd but can be reported
   */
  fieldsOf(metric, labels, value, note) {
    const kinds = this.#types[metric.type];
    const fields = { ...metric.fixed };
    for (const name of metric.labels) {
      fields[name] = check(kinds, name, labels?.[name] ?? metric.fallback[name], note);
    }
    for (const name of metric.optional) {
      if (labels?.[name] !== undefined) fields[name] = check(kinds, name, labels[name], note);
    }
    for (const name of Object.keys(value)) fields[name] = check(kinds, name, value[name], note);
    const known = [...metric.labels, ...metric.optional, ...metric.ignored];
    for (const name in labels) if (!known.includes(name)) note('is not a label of this metric', name);
    return fields;
  }

  /** A copy of an event, checked. */
  checked(event, note) {
    const kinds = Object.hasOwn(this.#types, event?.type) ? this.#types[event.type] : undefined;
    if (kinds === undefined) throw new Invalid('is not a type of event');
    const copy = { type: event.type };
    for (const name of Object.keys(kinds)) copy[name] = check(kinds, name, event[name], note);
    for (const name of Object.keys(event)) {
      if (!Object.hasOwn(copy, name)) throw new Invalid(`has no field ${name.slice(0, 50)}`);
    }
    return copy;
  }
}

function check(kinds, name, value, note) {
  try {
    return kinds[name](value, (what) => note(what, name));
  } catch (error) {
    throw error instanceof Invalid ? new Invalid(`${name} ${error.message}`) : error;
  }
}
