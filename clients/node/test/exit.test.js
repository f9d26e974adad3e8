import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

import { failing, hanging, numbered, Service, TOKEN, until } from './support.js';

const options = { timeout: 30_000 };
const client = new URL('../index.js', import.meta.url);

/** Starts an application with a client `metrics` that has recorded three events. */
async function application(t, service, { code = '', client: more = {} }) {
  const settings = { url: service.url, token: TOKEN, flushInterval: 60_000, minBackoff: 2, maxBackoff: 20, ...more };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', `
    import { MetricsClient } from ${JSON.stringify(client)};
    const metrics = new MetricsClient(${JSON.stringify(settings)});
    const record = (number) => metrics.record({ ...${JSON.stringify(numbered(0))}, username: 'user-' + number });
    for (let number = 0; number < 3; number += 1) record(number);
    ${code}
  `], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  return { child, ended: once(child, 'close'), output: () => output };
}

async function serviceFor(t) {
  const service = await Service.start();
  t.after(() => service.stop());
  return service;
}

const three = [numbered(0), numbered(1), numbered(2)];

test('a process that has nothing left to do sends what is left, and ends', options, async (t) => {
  const service = await serviceFor(t);
  const { ended, output } = await application(t, service, {});
  assert.deepEqual(await ended, [0, null], output());
  assert.equal(output(), '');
  assert.deepEqual(service.counted, three);
});

test('at its end a process retries until the service takes what is left', options, async (t) => {
  const service = await serviceFor(t);
  service.next(failing(503), failing(429), failing(503));
  const { ended, output } = await application(t, service, {});
  assert.deepEqual(await ended, [0, null], output());
  assert.deepEqual(service.counted, three);
});

test('events recorded while the process ends are sent as well', options, async (t) => {
  const service = await serviceFor(t);
  const { ended } = await application(t, service, { code: "process.once('beforeExit', () => record(3));" });
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(service.counted, [...three, numbered(3)]);
});

for (const [name, first] of [['does not answer', hanging], ['refuses', failing(503)]]) {
  test(`a service that ${name} does not keep a process from ending`, options, async (t) => {
    const service = await serviceFor(t);
    service.next(...Array(100).fill(first));
    const { ended, output } = await application(t, service, {
      // A request is being answered when the application ends, or the client pauses for an hour.
      client: { drainTimeout: 100, batchSize: 3, timeout: 3_600_000, minBackoff: 3_600_000, maxBackoff: 3_600_000 },
    });
    assert.deepEqual(await ended, [0, null]);
    assert.match(output(), /the process ends with 3 events not sent/);
    assert.deepEqual(service.counted, []);
  });
}

test('a flush keeps the process alive until it is done', options, async (t) => {
  const service = await serviceFor(t);
  service.next(failing(503), failing(503));
  const { ended, output } = await application(t, service, { code: 'console.log(await metrics.flush());' });
  assert.deepEqual(await ended, [0, null]);
  assert.match(output(), /^true$/m);
});

test('the exit code of the application stays as it is', options, async (t) => {
  const service = await serviceFor(t);
  const { ended } = await application(t, service, { code: 'process.exitCode = 7;' });
  assert.deepEqual(await ended, [7, null]);
  assert.deepEqual(service.counted, three);
});

test('signals are left to the application', options, async (t) => {
  const service = await serviceFor(t);
  const { child, ended, output } = await application(t, service, {
    code: 'setInterval(() => {}, 60_000); console.log("ready");',
  });
  await until(() => output().includes('ready'));
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [null, 'SIGTERM']);
});

test('an application that closes the client on a signal loses nothing', options, async (t) => {
  const service = await serviceFor(t);
  const { child, ended, output } = await application(t, service, {
    code: `
      setInterval(() => {}, 60_000);
      process.once('SIGTERM', async () => { await metrics.close(); process.exit(); });
      console.log('ready');
    `,
  });
  await until(() => output().includes('ready'));
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.deepEqual(service.counted, three);
});

test('closing removes every hook from the process', options, async (t) => {
  const service = await serviceFor(t);
  const { ended, output } = await application(t, service, {
    code: `
      console.log(process.eventNames().join());
      await metrics.close();
      console.log(process.listenerCount('beforeExit'));
    `,
  });
  assert.deepEqual(await ended, [0, null]);
  const [before, after] = output().split('\n');
  assert.ok(!/SIG|uncaught|unhandled/.test(before), before);
  assert.equal(after, '0');
});

test('requests served before a SIGTERM all arrive when the shutdown closes the client', options, async (t) => {
  const service = await serviceFor(t);
  const application = new URL('application.mjs', import.meta.url);
  const child = spawn(process.execPath, [application.pathname, service.url, TOKEN], { stdio: ['ignore', 'pipe', 2] });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'close');
  const [port] = await once(child.stdout.setEncoding('utf8'), 'data');
  for (let number = 0; number < 5; number += 1) {
    const answer = await fetch(`http://127.0.0.1:${Number(port)}/api/users/user-${number}?api_key=SECRET`);
    assert.equal(await answer.text(), `${number + 1} requests`);
  }
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.equal(service.counted.length, 5);
  for (const { type, endpoint, status_code } of service.counted) {
    assert.deepEqual([type, endpoint, status_code], ['http_request', '/api/users/:username', 200]);
  }
});
