/**
 * Behaves as Playarr does towards its database and its metrics, so that what only shows beside a real Playarr shows in
 * a test: settings that are cached and written back whole, syncs that upsert in bulk, details of providers that are
 * rewritten again and again, a provider that is disabled and one that is deleted, and a metrics manager that the client
 * is attached to.
 *
 *     PLAYARR_TEST_NODE_MODULES=.../node_modules node playarr.mjs MONGODB_URI DATABASE SERVICE_URL INGEST_TOKEN
 *
 * Prints, as JSON, what the service must have counted (`expected`, series to values), the token for scrapes before and
 * after an admin replaced it (`old`, `present`), and what the service did that it should not (`problems`).
 */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { MetricsClient } from '../../clients/node/index.js';

const { MongoClient } = createRequire(join(process.env.PLAYARR_TEST_NODE_MODULES, '..', 'any.js'))('mongodb');

const TITLES = 3000;
const SHOWS = 150;
const CHANNELS = 800;
/** Playarr has a minute between two. */
const DETAILS_EVERY = 200;
const BATCH = 1000;

const [uri, name, service, token] = process.argv.slice(2);
const mongo = await new MongoClient(uri).connect();
const database = mongo.db(name);
const problems = [];

/** Playarr's manager keeps a registry of its own, from which its pages are made. */
class MetricsManager {
  counters = {};

  incrementCounter(name, labels = {}, value = 1) {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    const series = `playarr_${name}_total{${pairs.join(',')}}`;
    this.counters[series] = (this.counters[series] ?? 0) + value;
  }

  observeHistogram() {}

  setGauge() {}
}

/** All settings are read once. Whenever one is changed, all are written. */
class SettingsManager {
  async set(key, value) {
    this.cache ??= await database.collection('settings').find().toArray();
    const setting = this.cache.find(({ _id }) => _id === key);
    if (setting) setting.value = value;
    else this.cache.push({ _id: key, value, createdAt: new Date() });
    await upsert('settings', this.cache.map(({ _id, ...fields }) => [{ _id }, { ...fields, lastUpdated: new Date() }]));
  }
}

/** Writes documents in bulk, those that are new and those that are there. */
async function upsert(collection, documents) {
  for (let from = 0; from < documents.length; from += BATCH) {
    const operations = documents.slice(from, from + BATCH).map(([filter, fields]) => (
      { updateOne: { filter, update: { $set: fields }, upsert: true } }));
    await database.collection(collection).bulkWrite(operations, { ordered: false });
  }
}

async function createIndexes() {
  await database.collection('titles').createIndex({ title_key: 1 }, { unique: true });
  await database.collection('titles').createIndex({ 'media.sources.provider_id': 1 });
  await database.collection('provider_titles').createIndex({ provider_id: 1, title_key: 1 }, { unique: true });
  await database.collection('provider_titles').createIndex({ provider_id: 1, type: 1, ignored: 1 });
  await database.collection('channels').createIndex({ provider_id: 1, channel_id: 1 }, { unique: true });
  await database.collection('iptv_providers').createIndex({ id: 1 }, { unique: true });
  await database.collection('users').createIndex({ username: 1 }, { unique: true });
}

const providers = ['agtv', 'xtream', 'nordic', 'old'];
const metrics = new MetricsManager();
const client = new MetricsClient({
  url: service, token, reporter: 'stand-in', flushInterval: 200, onError: (error) => problems.push(error.message),
});
client.attach(metrics);
const settings = new SettingsManager();

/** A job of Playarr. All calls for one event are made in one turn of the event loop. */
async function job(job_type, work) {
  const began = performance.now();
  await work();
  metrics.incrementCounter('job_executions', { job_type, status: 'success' });
  metrics.observeHistogram('job_duration', { job_type }, (performance.now() - began) / 1000);
}

async function syncTitles(provider_id) {
  metrics.incrementCounter('provider_api_requests', { provider_id, endpoint: 'get_vod_streams', status_code: 200 });
  metrics.observeHistogram('provider_api_request_duration', { provider_id, endpoint: 'get_vod_streams' }, 0.5);
  const titles = Array.from({ length: TITLES }, (_, number) => {
    const type = number % 3 === 0 ? 'tvshows' : 'movies';
    return [{ provider_id, title_key: `${type}-${number}` }, { type, ignored: number % 50 === 0 }];
  });
  await upsert('provider_titles', titles);
  for (const media_type of ['movies', 'tvshows']) {
    const count = titles.filter(([, { type }]) => type === media_type).length;
    metrics.incrementCounter('provider_titles_processed', { provider_id, media_type }, count);
  }
}

async function syncMainTitles() {
  const sources = providers.map((provider_id) => ({ provider_id }));
  const shows = Array.from({ length: SHOWS }, (_, number) => [{ title_key: `tvshows-${number * 3}` }, {
    type: 'tvshows', title: `Show ${number}`,
    media: Array.from({ length: 12 }, (_, episode) => ({ season: 1 + (episode >> 3), episode, sources })),
  }]);
  const movies = Array.from({ length: SHOWS }, (_, number) => [{ title_key: `movies-${number * 3 + 1}` }, {
    type: 'movies', title: `Movie ${number}`, media: [{ name: 'main', sources }],
  }]);
  await upsert('titles', [...shows, ...movies]);
}

async function syncChannels(provider_id) {
  await upsert('channels', Array.from({ length: CHANNELS }, (_, number) => (
    [{ provider_id, channel_id: `${number}` }, {
      channel_key: `live-${number}`, group_title: `Group ${number % 12}`,
    }])));
  metrics.incrementCounter('provider_categories_synced', { provider_id, media_type: 'movies' }, 12);
}

/** Rewrites the details of every provider, those of the deleted one too. */
async function syncDetails(run) {
  await upsert('iptv_providers', providers.map((id, number) => [{ id }, {
    provider_details: {
      active_connections: (run + number) % 4, max_connections: 4, active: number !== 2,
      expiration_date: number === 3 ? null : 1900000000 + number, last_checked: new Date(),
    },
  }]));
}

/** Playarr starts none of its own refreshes while a line says that one runs. */
async function lookForRunningLine() {
  const line = await database.collection('job_history').findOne({ job_name: 'UpdateMetricsJob' });
  if (line?.status === 'running') problems.push(`job_history says that ${JSON.stringify(line)}`);
}

await createIndexes();
await upsert('users', [
  [{ username: 'admin' }, {
    role: 'admin', status: 'active', api_key: 'standin1', watchlist: { movies: [], tvshows: [], live: [] },
  }],
  [{ username: 'alice' }, { role: 'user', status: 'active', api_key: 'standin2', watchlist: { movies: ['movies-1'] } }],
]);
await upsert('iptv_providers', providers.map((id) => (
  [{ id }, { name: id.toUpperCase(), type: 'xtream', enabled: true, deleted: false }])));
await settings.set('theme', 'dark');
const old = (await database.collection('settings').findOne({ _id: 'metrics_token' })).value;

let isOver = false;
const details = (async () => {
  for (let run = 0; !isOver; run += 1) {
    await syncDetails(run);
    await lookForRunningLine();
    await sleep(DETAILS_EVERY);
  }
})();

await job('SyncIPTVProviderTitlesJob', () => Promise.all(providers.map(syncTitles)));
await job('ProviderTitlesMonitorJob', syncMainTitles);
await job('SyncLiveTVJob', () => Promise.all(providers.map(syncChannels)));

// An admin replaces the token; then a user changes a setting, and the old token is written back with all the others.
const answer = await fetch(`${service}/api/settings/metrics/regenerate`, {
  method: 'POST', headers: { 'X-API-Key': 'standin1' },
});
const { value: present } = await answer.json();
await settings.set('theme', 'light');

// One provider is disabled, and its titles and channels go; another one is deleted, and its details stay.
await database.collection('iptv_providers').updateOne({ id: 'nordic' }, { $set: { enabled: false } });
await database.collection('provider_titles').deleteMany({ provider_id: 'nordic' });
await database.collection('channels').deleteMany({ provider_id: 'nordic' });
await database.collection('titles').updateMany({}, { $pull: { 'media.$[].sources': { provider_id: 'nordic' } } });
await database.collection('iptv_providers').updateOne({ id: 'old' }, { $set: { deleted: true } });
metrics.incrementCounter('provider_operations', { operation: 'update', username: 'admin' });
metrics.incrementCounter('provider_operations', { operation: 'delete', username: 'admin' });

for (let stream = 0; stream < 40; stream += 1) {
  metrics.incrementCounter('stream_requests', { user: 'alice' });
  metrics.observeHistogram('stream_request_duration', { media_type: 'movies' }, 0.25);
  metrics.incrementCounter('cache_operations', { operation: stream % 4 === 0 ? 'miss' : 'hit' });
  await sleep(10);
}
await database.collection('users').updateOne({ username: 'alice' }, { $push: { 'watchlist.live': 'live-1' } });
metrics.incrementCounter('watchlist_operations', { operation: 'add', media_type: 'live', username: 'alice' });

await job('SyncIPTVProviderTitlesJob', () => syncTitles('agtv'));
await settings.set('theme', 'dark');
isOver = true;
await details;
await lookForRunningLine();
if (!await client.close()) problems.push('events were not sent');
await mongo.close();
console.log(JSON.stringify({ expected: metrics.counters, old, present, problems, stats: client.stats }));
