// Events from the service: pushed over a WebSocket, or polled while there is none.

import { request } from "./api.js";

const POLL_EVERY = 5_000;
const CHECK_EVERY = 60_000;
const LONGEST_PAUSE = 30_000;
const PATIENCE = 3_000;
/** A working connection has sent what the service knows within this time: it sends scrapes twice a second. */
const NEWS_WITHIN = 3_000;
/** One scrape may have two times, taken from two clocks, that differ by up to this. */
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
  /** The latest that arrived over the connection, and the number of messages. */
  #heard = { generation: 0, scrape: 0, messages: 0 };

  constructor({ onEvent, onState }) {
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#connect();
    // Finds connections that died silently.
    setInterval(() => this.#check(), CHECK_EVERY);
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#wake();
    });
  }

  get isLive() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Requests the status now. */
  async ask() {
    const [socket, { messages }] = [this.#socket, this.#heard];
    const status = await request("GET", "api/metrics/status");
    this.#onEvent({ ...status, event: "status" });
    if (this.isLive && socket === this.#socket && this.#isNews(status)) {
      setTimeout(() => this.#heard.messages === messages && this.#drop(socket), NEWS_WITHIN);
    }
    return status;
  }

  /** Whether a status has something that should have arrived over the connection. */
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

  /** Drops a connection that died silently, without waiting for the closing handshake, which could take minutes. */
  #drop(socket) {
    if (socket === null || socket !== this.#socket) return;
    this.#lost();
    socket.close();
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(address());
    this.#socket = socket;
    this.#heard = { generation: 0, scrape: 0, messages: 0 };
    // A proxy without support for WebSockets may never answer the handshake.
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
    // With jitter, so that not all pages connect at once when the service restarts.
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

/** Where the service listens for WebSockets. */
function address() {
  const url = new URL("api/ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** The time of the newest of these scrapes (the first), in milliseconds since the epoch. */
const newest = ([first]) => (first ? Date.parse(first.at) : 0);
