/** One attempt to send a batch. The only place that knows the token. */

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';

/** The longest answer that is read: room for a reason for each event of the largest batch. */
const ANSWER_BYTES = 4 << 20;

/** What a token may consist of: nothing else is allowed in a header. */
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * The result of an attempt: the answer's `status` and `body`, and `retryAfter`, the milliseconds that it asks to wait;
 * or why it `failed`. `uncertain` means that the service may have counted the batch.
 * @typedef {{status?: number, body?: string, retryAfter?: number, failed?: string, uncertain: boolean}} Outcome
 */

export class Sender {
  // Private fields appear in no inspection and no JSON.
  #target;
  #transport;
  #agent;
  #token;
  #tokenFile;
  #timeout;
  #request;

  /** @throws {TypeError} for an unusable URL or token; the message holds neither */
  constructor({ url, token, tokenFile, timeout }) {
    this.#target = target(url);
    this.#transport = this.#target.protocol === 'https:' ? https : http;
    // One connection, kept: batches go one after the other.
    this.#agent = new this.#transport.Agent({ keepAlive: true, maxSockets: 1 });
    this.#timeout = timeout;
    if ((token === undefined) === (tokenFile === undefined)) {
      throw new TypeError('give either token or tokenFile');
    }
    if (tokenFile === undefined) {
      this.#token = usable(token);
      if (this.#token === undefined) throw new TypeError('token must be a string without spaces');
    } else {
      this.#tokenFile = tokenFile;
    }
  }

  /**
   * Sends a body. Never rejects.
   * @returns {Promise<Outcome>}
   */
  async post(body) {
    try {
      if (this.#token === undefined) {
        this.#token = usable(await readFile(this.#tokenFile, 'utf8'));
        if (this.#token === undefined) return { failed: 'the token file holds no token', uncertain: false };
      }
    } catch (error) {
      return { failed: `cannot read the token file: ${error.code ?? error.name}`, uncertain: false };
    }
    const outcome = await this.#exchange(body).catch((error) => ({ failed: error.name, uncertain: true }));
    // The token may have been replaced. The next attempt reads it again.
    if ((outcome.status === 401 || outcome.status === 403) && this.#tokenFile !== undefined) this.#token = undefined;
    return outcome;
  }

  /** Ends the current attempt and the connection. */
  stop() {
    this.#request?.destroy();
    this.#agent.destroy();
  }

  #exchange(body) {
    const token = this.#token;
    return new Promise((resolve) => {
      const request = this.#transport.request(this.#target, {
        method: 'POST',
        agent: this.#agent,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      });
      this.#request = request;
      let connected = false;
      let answer;
      let text = '';
      const timer = setTimeout(() => request.destroy(new Error('timed out')), this.#timeout);
      timer.unref();

      const done = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      /** The exchange broke off. Before there was a connection, nothing can have arrived. */
      const broken = (why) => {
        if (answer === undefined) done({ failed: why, uncertain: connected });
        else if (isSuccess(answer.statusCode)) done({ status: answer.statusCode, uncertain: false });
        else done({ failed: why, uncertain: isUncertain(answer.statusCode) });
      };

      request.on('socket', (socket) => {
        // The socket must not keep the process alive. A flush does that with a timer of its own.
        socket.unref();
        if (socket.connecting) socket.once('connect', () => (connected = true));
        else connected = true;
      });
      request.on('error', (error) => broken(error.code ?? error.message));
      request.on('close', () => broken('connection closed'));
      request.on('response', (response) => {
        answer = response;
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          if (text.length < ANSWER_BYTES) text += chunk;
        });
        response.on('error', (error) => broken(error.code ?? error.message));
        response.on('end', () => {
          done({
            status: response.statusCode,
            // A proxy that echoes what it was sent must not bring the token into a message.
            body: text.replaceAll(token, '[token]'),
            retryAfter: milliseconds(response.headers['retry-after']),
            uncertain: isUncertain(response.statusCode),
          });
        });
      });
      request.end(body);
    });
  }
}

export const isSuccess = (status) => status >= 200 && status < 300;

/** Of these answers, the service itself only gives 503. The others may come from a proxy that lost its connection. */
const isUncertain = (status) => status >= 500 && status !== 503;

/** A `Retry-After` header: seconds, or a date. */
function milliseconds(retryAfter) {
  if (retryAfter === undefined) return undefined;
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return wait > 0 ? wait : undefined;
}

function usable(token) {
  const trimmed = typeof token === 'string' ? token.trim() : '';
  return TOKEN.test(trimmed) ? trimmed : undefined;
}

function target(url) {
  let base;
  try {
    base = new URL(url);
  } catch {
    // The original error holds the URL, and a mistyped URL may hold a password.
    throw new TypeError('url must be a URL such as http://localhost:3000');
  }
  if (base.protocol !== 'http:' && base.protocol !== 'https:') throw new TypeError('url must begin with http or https');
  if (base.username || base.password) throw new TypeError('url must hold no user and no password');
  base.pathname = `${base.pathname.replace(/\/+$/, '')}/api/metrics/events`;
  base.search = '';
  base.hash = '';
  return base;
}
