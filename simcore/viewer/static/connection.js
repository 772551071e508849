/** The socket to the server: decodes views, and connects again, ever more slowly, when it is lost. */

import { decode } from "./protocol.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
/** Milliseconds without any view, of which the server sends one every ten seconds, after which it counts as gone. */
const SILENCE = 25_000;

export class Connection {
  /**
   * @param {URL} address of the socket.
   * @param {(kind: string, view: any) => void} onView takes each view.
   * @param {(reason: string, wait: number) => void} onLost is told why the socket closed, and in how many
   *   milliseconds the next try comes.
   */
  constructor(address, onView, onLost) {
    this.address = address;
    this.onView = onView;
    this.onLost = onLost;
    this.wait = FIRST_WAIT;
    this.hasFailed = false;
    this.open();
    setInterval(() => this.checkSilence(), 5_000);
  }

  open() {
    this.heard = performance.now();
    this.socket = new WebSocket(this.address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.take(event.data);
    this.socket.onclose = (event) => this.lose(event);
  }

  /** Give up a server that answers nothing any more: a tunnel that hangs, or a machine that sleeps, closes no socket. */
  checkSilence() {
    if (this.socket.readyState !== WebSocket.OPEN || performance.now() - this.heard < SILENCE) return;
    const { socket } = this;
    socket.onclose = null;
    this.socket = { readyState: WebSocket.CLOSED };
    socket.close();
    this.lose({ reason: "the server has been silent for long" });
  }

  /** Send a command; it is lost where there is no connection, as the view then says. */
  send(command, value = null) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ do: command, value }));
  }

  take(data) {
    this.heard = performance.now();
    const { kind, view } = decode(data);
    this.wait = FIRST_WAIT;
    if (kind === "beat") return;
    this.hasFailed = kind === "failed"; // then the server ends, and there is nothing to come back to
    this.onView(kind, view);
  }

  lose(event) {
    if (this.hasFailed) return;
    this.onLost(event.reason, this.wait);
    setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }
}
