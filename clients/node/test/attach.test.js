import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MetricsClient } from '../index.js';
import { clientOf, pairFor } from './support.js';

const options = { timeout: 20_000 };
const METHODS = ['incrementCounter', 'observeHistogram', 'setGauge'];
const hits = (count) => Array(count).fill({ type: 'cache_operation', operation: 'hit' });
const hit = (manager) => manager.incrementCounter('cache_operations', { operation: 'hit' });

/** A manager as Playarr has one: methods on the prototype, private state, a registry of its own. */
class Manager {
  #calls = [];

  incrementCounter(name, labels, value = 1) {
    this.#calls.push(['incrementCounter', name, labels, value]);
    return this.#calls.length;
  }

  observeHistogram(name, labels, value) {
    this.#calls.push(['observeHistogram', name, labels, value]);
  }

  setGauge(name, labels, value) {
    this.#calls.push(['setGauge', name, labels, value]);
  }

  get calls() {
    return this.#calls;
  }
}

/** Everything about an object that attaching could change. */
const shape = (object) => JSON.stringify([
  Reflect.ownKeys(object).map(String), METHODS.map((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(object, name);
    return descriptor && Object.entries(descriptor).map(([key, value]) => `${key} ${value}`);
  }),
]);

test('an attached manager counts as before, and its calls are reported as well', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const manager = new Manager();
  metrics.attach(manager);
  assert.equal(hit(manager), 1);
  const request = { endpoint: '/api/users/:username', status_code: '200', username: 'alice' };
  manager.incrementCounter('http_requests', request);
  manager.observeHistogram('http_request_duration', { endpoint: '/api/users/:username', username: 'alice' }, 0.5);
  manager.setGauge('websocket_connections', {}, 3);
  assert.deepEqual(manager.calls, [
    ['incrementCounter', 'cache_operations', { operation: 'hit' }, 1],
    ['incrementCounter', 'http_requests', request, 1],
    ['observeHistogram', 'http_request_duration', { endpoint: '/api/users/:username', username: 'alice' }, 0.5],
    ['setGauge', 'websocket_connections', {}, 3],
  ]);
  assert.equal(await metrics.flush(), true);
  assert.deepEqual(service.counted, [
    ...hits(1),
    { type: 'http_request', endpoint: '/api/users/:username', status_code: 200, duration_seconds: 0.5 },
    { type: 'websocket_connections', reporter: 'test', count: 3 },
  ]);
});

const plain = () => ({
  incrementCounter: () => 'own', observeHistogram: () => 'own', setGauge: () => 'own',
});
const kinds = {
  'methods of a class': () => new Manager(),
  'methods of a subclass that calls its base': () => new (class extends Manager {
    incrementCounter(...args) { return super.incrementCounter(...args); }
  })(),
  'methods of its own': plain,
  'methods that are not enumerable': () => {
    const manager = plain();
    for (const name of METHODS) Object.defineProperty(manager, name, { enumerable: false });
    return manager;
  },
  'getters on the prototype': () => Object.create(Object.defineProperties({}, Object.fromEntries(
    METHODS.map((name) => [name, { get() { return () => this.answer; } }])), ), { answer: { value: 'got' } }),
  'getters of its own': () => Object.defineProperties({}, Object.fromEntries(
    METHODS.map((name) => [name, { get: () => () => 'got', configurable: true }]))),
};
for (const [kind, make] of Object.entries(kinds)) {
  test(`a manager with ${kind} is reported once for each call, and detached exactly`, options, async (t) => {
    const { service, metrics, problems } = await pairFor(t);
    const manager = make();
    const [before, answer] = [shape(manager), hit(make())];
    metrics.attach(manager);
    metrics.attach(manager);
    assert.equal(hit(manager), answer);
    assert.equal(hit(manager), typeof answer === 'number' ? answer + 1 : answer);
    metrics.detach();
    assert.equal(shape(manager), before);
    hit(manager);
    metrics.detach();
    assert.equal(await metrics.flush(), true);
    assert.deepEqual(service.counted, hits(2));
    assert.deepEqual(problems, []);
  });
}

test('methods that throw or reject do so for the caller, and the call is still reported', options, async (t) => {
  const { service, metrics } = await pairFor(t);
  const failure = new Error('no such label');
  const manager = {
    incrementCounter() { throw failure; },
    async observeHistogram() { throw failure; },
    async setGauge(name) { await undefined; return name; },
  };
  metrics.attach(manager);
  assert.throws(() => hit(manager), failure);
  await assert.rejects(manager.observeHistogram('job_duration', { job_type: 'a' }, 1), failure);
  assert.equal(await manager.setGauge('active_users', {}, 1), 'active_users');
  await metrics.flush();
  assert.deepEqual(service.counted, hits(1));
});

test('calls that the client cannot report reach the manager', options, async (t) => {
  const { metrics } = await pairFor(t, { onError: () => { throw new Error('the handler itself'); } });
  const manager = new Manager();
  metrics.attach(manager);
  const odd = new Proxy({}, { get() { throw new Error('no'); } });
  for (const args of [[], ['nonsense', {}], ['cache_operations', odd], [Symbol('odd'), null, -1]]) {
    manager.incrementCounter(...args);
  }
  assert.equal(manager.calls.length, 4);
  assert.equal(manager.calls[2][2], odd);
});

test('methods keep their receiver and their arguments', options, async (t) => {
  const { metrics } = await pairFor(t);
  const manager = { incrementCounter(...args) { return [this, args]; }, observeHistogram() {}, setGauge() {} };
  metrics.attach(manager);
  const other = {};
  const labels = { operation: 'hit' };
  const [self, args] = manager.incrementCounter.call(other, 'cache_operations', labels, 2, 'more');
  assert.equal(self, other);
  assert.equal(args[1], labels);
  assert.deepEqual(args, ['cache_operations', labels, 2, 'more']);
  const { incrementCounter } = manager;
  assert.equal(incrementCounter('cache_operations', labels)[0], undefined);
  assert.equal(incrementCounter.name, 'incrementCounter');
});

test('two clients hear one manager, and each ends by itself', options, async (t) => {
  const first = await pairFor(t);
  const second = clientOf(t, first.service, { reporter: 'second' });
  const manager = new Manager();
  const before = shape(manager);
  first.metrics.attach(manager);
  second.metrics.attach(manager);
  hit(manager);
  first.metrics.detach();
  hit(manager);
  second.metrics.detach();
  assert.equal(shape(manager), before);
  hit(manager);
  await Promise.all([first.metrics.flush(), second.metrics.flush()]);
  assert.equal(first.metrics.stats.sent, 1);
  assert.equal(second.metrics.stats.sent, 2);
  assert.equal(manager.calls.length, 3);
});

test('a method that somebody else wrapped later stays theirs', options, async (t) => {
  const { metrics } = await pairFor(t);
  const manager = new Manager();
  metrics.attach(manager);
  const ours = manager.incrementCounter;
  let heard = 0;
  const theirs = function (...args) {
    heard += 1;
    return ours.apply(this, args);
  };
  manager.incrementCounter = theirs;
  hit(manager);
  metrics.detach();
  assert.equal(manager.incrementCounter, theirs);
  assert.equal(hit(manager), 2);
  await metrics.flush();
  assert.deepEqual([heard, metrics.stats.sent], [2, 1]);
});

test('a manager that cannot be attached to is left as it is, which is reported once', options, async (t) => {
  for (const manager of [undefined, null, 'manager', {}, Object.freeze(new Manager()), Object.freeze(plain())]) {
    const { metrics, problems } = await pairFor(t);
    metrics.attach(manager);
    metrics.attach(manager);
    const names = METHODS.join(', ');
    assert.deepEqual(problems, [`playarr-metrics: cannot attach to the method ${names}`]);
    metrics.detach();
  }
});

test('a client without a URL leaves the manager as it is', options, () => {
  const manager = new Manager();
  const before = shape(manager);
  const metrics = new MetricsClient();
  metrics.attach(manager);
  assert.equal(shape(manager), before);
  metrics.detach();
});
