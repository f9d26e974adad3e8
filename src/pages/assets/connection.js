// News from the service: pushed over a WebSocket, asked for again and again while there is none.

import { request } from "./api.js";

const POLL_EVERY = 5_000;
const CHECK_EVERY = 60_000;
const LONGEST_PAUSE = 30_000;
const PATIENCE = 3_000;

/** Keeps a connection. `onEvent` gets each event; `onState` gets "live", "polling" or "offline". */
export class Connection {
  #onEvent;
  #onState;
  #socket = null;
  #attempts = 0;
  #retry = null;
  #poll = null;

  constructor({ onEvent, onState }) {
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#connect();
    // Totals of scrapes are not pushed one by one; and a connection that died without a word shows here.
    setInterval(() => this.#check(), CHECK_EVERY);
    addEventListener("online", () => this.#connectNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#connectNow();
    });
  }

  get isLive() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Asks for the state now. */
  async ask() {
    const status = await request("GET", "/api/metrics/status");
    this.#onEvent({ ...status, event: "status" });
    return status;
  }

  #connect() {
    clearTimeout(this.#retry);
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/ws`);
    this.#socket = socket;
    // A proxy that knows no WebSockets may leave the handshake without an answer.
    setTimeout(() => socket.readyState === WebSocket.CONNECTING && this.#pollNow(), PATIENCE);
    socket.addEventListener("open", () => {
      this.#attempts = 0;
      clearTimeout(this.#poll);
      this.#onState("live");
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.#socket) this.#onEvent(JSON.parse(data));
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

  #connectNow() {
    if (this.#socket) return;
    this.#attempts = 0;
    this.#connect();
  }

  async #pollNow() {
    clearTimeout(this.#poll);
    if (!document.hidden) {
      try {
        await this.ask();
        if (!this.isLive) this.#onState("polling");
      } catch {
        if (!this.isLive) this.#onState("offline");
      }
    }
    clearTimeout(this.#poll);
    if (!this.isLive) this.#poll = setTimeout(() => this.#pollNow(), POLL_EVERY);
  }

  async #check() {
    if (document.hidden || !this.isLive) return;
    try {
      await this.ask();
    } catch (error) {
      if (error.status === 0) this.#socket?.close();
    }
  }
}
