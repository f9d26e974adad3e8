/** The events of the service and their fields, all of which are required. */

import { apiCall, count, Invalid, label, oneOf, seconds, statusCode } from './fields.js';
import { events } from './table.js';

/** What becomes of texts that Playarr has and the service has not. */
const OTHERS = {
  // A cancelled job did not succeed.
  'job_execution.status': (value) => (value === 'cancelled' ? 'failure' : undefined),
  'provider_api_error.error_type': (value) => (typeof value === 'string' ? 'other' : undefined),
};

export class Events {
  /** The checks of the fields, by type of event and name of field. */
  #types;

  /** @param {import('./routes.js').Routes} routes */
  constructor(routes) {
    const checkOf = (type, { name, kind, values }) => {
      switch (kind) {
        case 'label': return label;
        case 'api_call': return apiCall;
        case 'one_of': return oneOf(values, OTHERS[`${type}.${name}`]);
        case 'status_code': return statusCode;
        case 'seconds': return seconds;
        case 'count': return count;
        case 'endpoint':
          // Playarr reports these under the path within a router.
          if (type === 'authentication_failure') return (value) => routes.templateWithin(value);
          return (value) => routes.template(value);
        default: throw new Error(`events.json has a field of the kind ${kind}, which this version does not know`);
      }
    };
    const checksOf = ({ type, fields }) =>
      [type, Object.fromEntries(fields.map((field) => [field.name, checkOf(type, field)]))];
    this.#types = Object.fromEntries(events.map(checksOf));
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
