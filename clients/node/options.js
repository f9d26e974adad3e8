/** The options of a client, checked. */

import { hostname } from 'node:os';

const DAY = 24 * 60 * 60 * 1000;

/**
 * @returns {object} all options, with their defaults
 * @throws {TypeError} for options that cannot work; the message holds none of their values
 */
export function checkedOptions(options) {
  const number = (name, preset, least, most) => {
    const value = options[name] ?? preset;
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new TypeError(`${name} must be a whole number from ${least} to ${most}`);
  };
  const { url, token, tokenFile, onError, reporter = hostname(), routes = [] } = options;
  if (onError !== undefined && typeof onError !== 'function') throw new TypeError('onError must be a function');
  if (typeof reporter !== 'string' || reporter === '') {
    throw new TypeError('reporter must be a string that is not empty');
  }
  if (!Array.isArray(routes) || !routes.every((route) => typeof route === 'string' && route.startsWith('/'))) {
    throw new TypeError('routes must be a list of templates such as /api/titles/:id');
  }
  return {
    url, token, tokenFile, onError, reporter, routes,
    flushInterval: number('flushInterval', 1_000, 1, 60_000),
    timeout: number('timeout', 10_000, 1, DAY),
    drainTimeout: number('drainTimeout', 5_000, 0, DAY),
    gaugeInterval: number('gaugeInterval', 60_000, 1, DAY),
    maxQueue: number('maxQueue', 50_000, 1, 10_000_000),
    batchSize: number('batchSize', 1_000, 1, 10_000),
    minBackoff: number('minBackoff', 250, 1, DAY),
    maxBackoff: number('maxBackoff', 30_000, 1, DAY),
    // The service remembers a batch for ten minutes from when it arrived.
    replayWindow: number('replayWindow', 9 * 60_000, 0, DAY),
  };
}
