/**
 * Puts clients behind the methods of a metrics manager: the manager goes on as before, and the clients hear each call.
 */

/** The methods through which Playarr's code reports everything that is counted, timed or set. */
const METHODS = ['incrementCounter', 'observeHistogram', 'setGauge'];

/** What was done to a manager: its wrapped methods by name, and the clients that listen. */
const attached = new WeakMap();

/**
 * Lets a client hear the calls of a manager. A second time makes no difference.
 * @param {object} manager has the three methods, of its own or inherited
 * @param {object} client has the same methods, which must not throw
 * @returns {string[]} the methods that could not be wrapped
 */
export function attach(manager, client) {
  const entry = attached.get(manager) ?? { clients: new Set(), wrappers: new Map() };
  const failed = METHODS.filter((name) => !entry.wrappers.has(name) && !wrap(manager, name, entry));
  if (entry.wrappers.size > 0) {
    entry.clients.add(client);
    attached.set(manager, entry);
  }
  return failed;
}

/** Ends that. When no client is left, the manager's methods are exactly what they were. */
export function detach(manager, client) {
  const entry = attached.get(manager);
  if (!entry?.clients.delete(client) || entry.clients.size > 0) return;
  attached.delete(manager);
  for (const [name, { before, wrapper }] of entry.wrappers) {
    // Somebody else may have wrapped the method since. Then theirs stays, and ours within only calls the original.
    if (Object.getOwnPropertyDescriptor(manager, name)?.value !== wrapper) continue;
    if (before === undefined) delete manager[name];
    else Object.defineProperty(manager, name, before);
  }
}

function wrap(manager, name, { clients, wrappers }) {
  try {
    if (typeof manager[name] !== 'function') return false;
    const before = Object.getOwnPropertyDescriptor(manager, name);
    /** Looked up at each call, as without the wrapper: the original may be inherited, or the value of a getter. */
    const original = (self) => {
      if (before === undefined) return Reflect.get(Object.getPrototypeOf(manager), name, self);
      return before.get === undefined ? before.value : before.get.call(self);
    };
    const wrapper = function (...args) {
      for (const client of clients) client[name](...args);
      return Reflect.apply(original(this), this, args);
    };
    Object.defineProperty(wrapper, 'name', { value: name });
    const enumerable = before?.enumerable ?? false;
    Object.defineProperty(manager, name, { value: wrapper, writable: true, configurable: true, enumerable });
    wrappers.set(name, { before, wrapper });
    return true;
  } catch {
    return false;
  }
}
