import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MetricsClient } from '../index.js';
import { Routes, UNMATCHED } from '../routes.js';
import { pairFor } from './support.js';

const options = { timeout: 20_000 };
const routes = new Routes(['/api/extra/:id']);

/** Paths, and the templates that Playarr's routers have for them. */
const full = {
  '/api/auth/login': '/api/auth/login',
  '/api/users': '/api/users/',
  '/api/users/': '/api/users/',
  '/api/users/alice': '/api/users/:username',
  '/api/users/alice/': '/api/users/:username',
  '/API/Users/alice/Reset-Password': '/api/users/:username/reset-password',
  '/api/users/alice?api_key=SECRET': '/api/users/:username',
  '/api/settings/metrics': '/api/settings/metrics',
  '/api/settings/anything': '/api/settings/:key',
  '/api/titles/watchlist/bulk': '/api/titles/watchlist/bulk',
  '/api/titles/movies-1/watchlist': '/api/titles/:title_key/watchlist',
  '/api/iptv/providers/priorities': '/api/iptv/providers/priorities',
  '/api/iptv/providers/agtv/categories/batch': '/api/iptv/providers/:provider_id/categories/batch',
  '/api/stream/tvshows/tvshows-1/2/3': '/api/stream/tvshows/:title_id/:season/:episode',
  '/api/livetv/watchlist/a%2Fb': '/api/livetv/watchlist/:channelKey',
  '/api/jobs/syncLiveTV/trigger': '/api/jobs/:jobName/trigger',
  '/player_api.php?username=alice&password=SECRET': '/player_api.php/',
  '/movie/alice/SECRET/1.mp4': '/movie/:username/:password/:streamId',
  '/live/alice/SECRET/5.m3u8': '/live/:username/:password/:streamId',
  '/stremio/SECRET/manifest.json': '/stremio/:api_key/manifest.json',
  '/stremio/SECRET/catalog/movie/top.json': '/stremio/:api_key/catalog/:type/:id.json',
  '/stremio/SECRET/meta/tv/a/b/c.json': '/stremio/:api_key/meta/:type/*',
  '/stremio/SECRET/stream/movie/tt1.json': '/stremio/:api_key/stream/:type/*',
  '/stremio*': '/stremio/*',
  '/metrics/json': '/metrics/json',
  '/api/extra/SECRET': '/api/extra/:id',
};

test('paths are reported as the templates of their routes, and templates as they are', options, () => {
  for (const [path, template] of Object.entries(full)) {
    assert.equal(routes.template(path), template, path);
    assert.equal(routes.templateWithin(path), template, path);
    assert.equal(routes.template(template), template, template);
  }
});

test('paths as a router sees them are reported as far as they are unambiguous', options, () => {
  const seen = {
    '/SECRETKEY1/manifest.json': '/stremio/:api_key/manifest.json',
    '/SECRETKEY1/catalog/movie/top.json': '/stremio/:api_key/catalog/:type/:id.json',
    '/SECRETKEY1/meta/tv/a/b': '/stremio/:api_key/meta/:type/*',
    '/alice/PASSWORD/1.mp4': '/:username/:password/:streamId',
    '/tvshows/SECRET/1/2': '/api/stream/tvshows/:title_id/:season/:episode',
    '/movies/SECRET': '/api/stream/movies/:title_id',
    '/logout': '/api/auth/logout',
    // The routers for authentication and for TMDB both have this one.
    '/verify': '/verify',
    '/SECRET': '/:id',
    '/': '/',
  };
  for (const [path, template] of Object.entries(seen)) assert.equal(routes.templateWithin(path), template, path);
});

test('everything else is unmatched', options, () => {
  const others = [
    '', 'a', 'unknown_endpoint', '*', '/a/b', '/a/b/c/d', '/api/users/a/b/c', '//', '/api//users/a/b', 'http://a/b',
    '?', '#', undefined, null, 7, {}, ['/api/users'],
  ];
  for (const path of others) {
    assert.equal(routes.template(path), UNMATCHED, String(path));
    assert.equal(routes.templateWithin(path), UNMATCHED, String(path));
  }
  // Only failed authentications are counted under the path that a router sees.
  for (const path of ['/api', '/alice/PASSWORD/1.mp4']) assert.equal(routes.template(path), UNMATCHED);
});

/** Secrets of many forms. Not random, so that a failing run can be repeated. */
function* secrets() {
  const alphabet = 'abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789-_.~%:@!$&()+,;=é€';
  let state = 20_261_125;
  const next = (most) => (state = (state * 48_271) % 2_147_483_647) % most;
  for (;;) {
    const letters = [...alphabet];
    const middle = Array.from({ length: 4 + next(24) }, () => letters[next(letters.length)]).join('');
    yield `S3cr3t${middle}${['', '.json', '.mp4', '.m3u8', '%2F', '*', ':id'][next(7)]}`;
  }
}

test('no secret of any parameter of any route leaves the process or appears in a message', options, async (t) => {
  const { service, metrics, problems } = await pairFor(t, { batchSize: 10_000 });
  const found = secrets();
  const unknown = ['/:a', '/:a/:b', '/:a/:b/:c', '/:a/:b/:c/:d', '/*', ':a', ':a/:b'];
  const templates = new Set([...Object.values(full), ...unknown]);
  const used = [];
  const secret = () => {
    used.push(found.next().value);
    return used.at(-1);
  };
  let calls = 0;
  for (let round = 0; round < 20; round += 1) {
    for (const template of templates) {
      const fill = (path) => path.replace(/:\w+|\*/g, secret);
      const mount = /^\/(api\/(iptv\/providers|[\w-]+)|\w+(\.php)?)/.exec(template)?.[0] ?? '';
      for (const path of [fill(template), fill(template.slice(mount.length) || '/'), `${fill(template)}/${secret()}`]) {
        for (const endpoint of [path, `${path}?api_key=${secret()}`, `${path}/`]) {
          const labels = { endpoint, username: secret() };
          metrics.incrementCounter('authentication_failures', labels);
          metrics.incrementCounter('managed_errors', { ...labels, error_type: 'NotFoundError' });
          metrics.incrementCounter('http_requests', { ...labels, status_code: '401' });
          metrics.observeHistogram('http_request_duration', labels, 0.01);
          const request = { provider_id: 'agtv', endpoint, status_code: 'timeout' };
          metrics.incrementCounter('provider_api_requests', request);
          metrics.incrementCounter('provider_api_requests', { ...request, status_code: '200' });
          metrics.observeHistogram('provider_api_request_duration', { ...request, status_code: '200' }, 0.01);
          metrics.record({ type: 'authentication_failure', endpoint, reason: 'test' });
          metrics.record({ type: endpoint, endpoint });
          calls += 1;
        }
      }
    }
    await metrics.flush();
  }
  assert.ok(service.counted.length >= calls * 6, `${service.counted.length} events of ${calls} calls`);
  const sent = new Set(service.counted.flatMap((event) => Object.values(event)).map(String));
  const everything = [...sent].join('\n');
  assert.ok(!everything.includes('S3cr3t'), everything);
  for (const text of used) assert.ok(!everything.includes(text), text);
  // Messages name wrong types, and nothing else that the caller gave.
  const messages = problems.filter((message) => !message.includes('is not a type of event')).join('\n');
  assert.ok(!messages.includes('S3cr3t'), messages);
});

for (const wrong of ['/api/x', ['api/x'], [7], [undefined], {}]) {
  test(`the option routes cannot be ${JSON.stringify(wrong)}`, options, () => {
    const why = { name: 'TypeError', message: /^routes must be a list of templates/ };
    assert.throws(() => new MetricsClient({ routes: wrong }), why);
  });
}
