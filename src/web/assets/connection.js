// News from the service: pushed over a WebSocket, asked for again and again while there is none.

import { request } from "./api.js";

const POLL_EVERY = 5_000;
const CHECK_EVERY = 60_000;
const LONGEST_PAUSE = 30_000;
const PATIENCE = 3_000;
/** Within this time a connection that lives has told what the service knows: it looks for scrapes twice a second. */
const NEWS_WITHIN = 3_000;
/** Times of scrapes are told from two clocks; so far apart they may be for the same one. */
const SAME_TIME = 1_000;

/**
 * Keeps a connection. `onEvent` gets each event; `onState` gets "live", "polling", "offline" or, with a message,
 * "failing".
 */
export class Connection {
  #onEvent;
  #onState;
  #socket = null;
  #attempts = 0;
  #retry = null;
  #poll = null;
  /** What the connection has told last, and how many messages that took. */
  #heard = { generation: 0, scrape: 0, messages: 0 };

  constructor({ onEvent, onState }) {
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#connect();
    // Totals of scrapes are not pushed one by one; and a connection that died without a word shows here.
    setInterval(() => this.#check(), CHECK_EVERY);
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#wake();
    });
  }

  get isLive() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Asks for the state now. */
  async ask() {
    const [socket, { messages }] = [this.#socket, this.#heard];
    const status = await request("GET", "/api/metrics/status");
    this.#onEvent({ ...status, event: "status" });
    if (this.isLive && socket === this.#socket && this.#isNews(status)) {
      setTimeout(() => this.#heard.messages === messages && this.#drop(socket), NEWS_WITHIN);
    }
    return status;
  }

  /** Whether a status tells what the connection should have told. */
  #isNews({ snapshot, scrapes }) {
    return snapshot.generation > this.#heard.generation || newest(scrapes.recent) > this.#heard.scrape + SAME_TIME;
  }

  #hear(event) {
    this.#heard.messages += 1;
    const generation = event.snapshot?.generation ?? (event.event === "refresh_finished" ? event.generation : 0);
    this.#heard.generation = Math.max(this.#heard.generation, generation);
    const scrapes = event.event === "scrape" ? [event] : (event.scrapes?.recent ?? []);
    this.#heard.scrape = Math.max(this.#heard.scrape, newest(scrapes));
    this.#onEvent(event);
  }

  /** Gives a connection up that died without a word; closing it in order could take minutes. */
  #drop(socket) {
    if (socket === null || socket !== this.#socket) return;
    this.#lost();
    socket.close();
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/ws`);
    this.#socket = socket;
    this.#heard = { generation: 0, scrape: 0, messages: 0 };
    // A proxy that knows no WebSockets may leave the handshake without an answer.
    setTimeout(() => socket.readyState === WebSocket.CONNECTING && this.#pollNow(), PATIENCE);
    socket.addEventListener("open", () => {
      this.#attempts = 0;
      clearTimeout(this.#poll);
      this.#onState("live");
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#hear(JSON.parse(data));
    });
    socket.addEventListener("close", () => {
      if (socket === this.#socket) this.#lost();
    });
  }

  #lost() {
    this.#socket = null;
    const pause = Math.min(1000 * 2 ** this.#attempts, LONGEST_PAUSE);
    this.#attempts += 1;
    // Spread out, so that a service that starts again is not asked by all pages at once.
    this.#retry = setTimeout(() => this.#connect(), pause * (0.5 + Math.random() / 2));
    this.#pollNow();
  }

  #wake() {
    if (this.#socket) {
      this.#check();
      return;
    }
    this.#attempts = 0;
    this.#connect();
  }

  async #pollNow() {
    clearTimeout(this.#poll);
    if (!document.hidden) {
      try {
        await this.ask();
        if (!this.isLive) this.#onState("polling");
      } catch (error) {
        if (!this.isLive) this.#failed(error);
      }
    }
    clearTimeout(this.#poll);
    if (!this.isLive) this.#poll = setTimeout(() => this.#pollNow(), POLL_EVERY);
  }

  #failed({ status, message, database }) {
    if (status === 0) {
      this.#onState("offline");
    } else if (database) {
      this.#onEvent({ ...database, event: "database", state: "away" });
      this.#onState("polling");
    } else {
      this.#onState("failing", message);
    }
  }

  async #check() {
    if (document.hidden || !this.isLive) return;
    try {
      await this.ask();
    } catch (error) {
      if (error.status === 0) this.#drop(this.#socket);
    }
  }
}

/** When the newest of these scrapes was, in milliseconds; newest first. */
const newest = ([first]) => (first ? Date.parse(first.at) : 0);
