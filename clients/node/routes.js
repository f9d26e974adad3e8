/**
 * From request paths to route templates.
 *
 * Playarr's paths hold API keys, user names and passwords, and Playarr counts failed authentications under the path as
 * it came, seen from inside the router. So no path leaves this process: only the templates below do, or `unmatched`.
 */

/** What is reported for a path that matches no route. */
export const UNMATCHED = 'unmatched';

/** Playarr's routers: where each is mounted, and its routes as Express names them. */
const ROUTERS = [
  [['/api/auth'], ['/login', '/logout', '/verify']],
  [['/api/users'], ['/', '/:username', '/:username/reset-password']],
  [['/api/profile'], ['/', '/regenerate-api-key', '/change-password']],
  [['/api/settings'], ['/log_stream_level', '/metrics', '/metrics/regenerate', '/:key']],
  [['/api/stats'], ['/']],
  [['/api/titles'], ['/', '/watchlist/bulk', '/:title_key', '/:title_key/watchlist']],
  [['/api/iptv/providers'], [
    '/', '/priorities', '/validate', '/:provider_id', '/:provider_id/ignored', '/:provider_id/counts',
    '/:provider_id/enabled', '/:provider_id/sync-media-types', '/:provider_id/categories',
    '/:provider_id/categories/batch',
  ]],
  [['/api/stream'], ['/movies/:title_id', '/tvshows/:title_id/:season/:episode']],
  [['/api/playlist'], ['/:title_type', '/:title_type/data']],
  [['/api/tmdb'], ['/api-key', '/verify']],
  [['/api/healthcheck'], ['/']],
  [['/api/jobs'], ['/', '/:jobName/trigger', '/:jobName/abort']],
  [['/api/livetv'], [
    '/categories', '/channels', '/providers/:providerId/channels', '/watchlist', '/watchlist/:channelKey',
    '/channels/:channelKey/programs', '/m3u', '/epg', '/stream/:channelKey',
  ]],
  [['/api/provider-titles'], ['/ignored', '/ignored/:id', '/ignored/:id/validate-tmdb']],
  [['/metrics'], ['/', '/json']],
  [['/player_api.php', '/get.php', '/xmltv.php', '/movie', '/series', '/live'], [
    '/', '/:username/:password/:streamId',
  ]],
  [['/stremio'], [
    '/:api_key/manifest.json', '/:api_key/catalog/:type/:id.json', '/:api_key/meta/:type/*',
    '/:api_key/stream/:type/*',
  ]],
];

/** Preflight requests of browsers, which need no authentication: no router ever reports a path of these. */
const PREFLIGHT = ['/stremio/*'];

export class Routes {
  /** Routes under their full path, and as their own router sees them. Those that say most come first. */
  #full;
  #own;
  #templates;

  /** @param {string[]} more templates of routes that Playarr does not have, such as `/api/extra/:id` */
  constructor(more = []) {
    const routes = ROUTERS.flatMap(([mounts, own]) =>
      mounts.flatMap((mount) => own.map((path) => ({ path, template: mount + path }))));
    routes.push(...[...PREFLIGHT, ...more].map((template) => ({ path: undefined, template })));
    this.#templates = new Set(routes.map(({ template }) => template));
    this.#full = sorted(routes.map(({ template }) => ({ template, parts: partsOf(template) })));
    const own = routes.filter(({ path }) => path !== undefined);
    this.#own = sorted(own.map(({ path, template }) => ({ path, template, parts: partsOf(path) })));
  }

  /** The template of a full path or of a template; `unmatched` if there is none. */
  template(path) {
    if (typeof path !== 'string') return UNMATCHED;
    if (this.#templates.has(path)) return path;
    // Express puts the mount and the route `*` together without a slash.
    const parts = partsOf(path.replace(/(?<=[^/])\*$/, '/*'));
    return this.#full.find((route) => matches(route.parts, parts))?.template ?? UNMATCHED;
  }

  /**
   * The template of a path that may lack what its router is mounted at. If that fits routes of several routers, the
   * answer is what they have in common: `/verify`, or `/:id` for paths with a single parameter.
   */
  templateWithin(path) {
    const full = this.template(path);
    if (full !== UNMATCHED || typeof path !== 'string') return full;
    const parts = partsOf(path);
    const fitting = this.#own.filter((route) => matches(route.parts, parts));
    if (fitting.length === 0) return UNMATCHED;
    const best = fitting.filter(({ parts }) => rank(parts) === rank(fitting[0].parts));
    return best.length === 1 ? best[0].template : common(best.map((route) => route.path));
  }
}

/** The segments of a path without its query. A slash at the end makes no difference, as in Express. */
function partsOf(path) {
  const [plain] = path.split(/[?#]/, 1);
  // A path begins with a slash. Anything else becomes an empty segment, which no route has.
  if (!plain.startsWith('/')) return [''];
  const parts = plain.slice(1).split('/');
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

function matches(template, parts) {
  const open = template.at(-1) === '*';
  const fixed = open ? template.length - 1 : template.length;
  if (open ? parts.length < fixed : parts.length !== fixed) return false;
  return template.slice(0, fixed).every((segment, index) => {
    const part = parts[index].toLowerCase();
    if (!segment.startsWith(':')) return part === segment.toLowerCase();
    const [, ending = ''] = /^:\w+(.*)$/.exec(segment);
    return part.length > ending.length && part.endsWith(ending);
  });
}

/** A text that sorts templates of fixed segments before those of parameters, segment by segment. */
function rank(parts) {
  return parts.map((part) => (part === '*' ? 3 : !part.startsWith(':') ? 0 : part.includes('.') ? 1 : 2)).join('');
}

function sorted(routes) {
  return routes.sort((a, b) => (rank(a.parts) < rank(b.parts) ? -1 : rank(a.parts) > rank(b.parts) ? 1 : 0));
}

/** What templates of the same rank share; segments in which they differ become `:id`. */
function common([first, ...others]) {
  const segments = first.split('/');
  return segments
    .map((segment, index) => (others.every((other) => other.split('/')[index] === segment) ? segment : ':id'))
    .join('/');
}
