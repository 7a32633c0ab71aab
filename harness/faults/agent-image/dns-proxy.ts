/**
 * The cluster's DNS as one client sees it, misbehaving for chosen names. Queries are read, never answers: what is not
 * concerned passes as it is, over UDP and over TCP.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, type Server, type Socket } from "node:net";
import { isDuration, type Role } from "./control.ts";
import { isAmong, questionOf, RCODES, type Rcode, refusalOf } from "./dns-message.ts";
import { Held } from "./held.ts";
import { Leased } from "./leased.ts";

export type DnsMode = "pass" | "late" | "drop" | Rcode;

export interface DnsSettings {
  readonly mode: DnsMode;
  /** Of the mode `late`. */
  readonly latencyMs: number;
  /** Lower case, without a final dot: see `isAmong`. */
  readonly names: readonly string[];
}

/** Longer than any resolver waits for one try. */
const UPSTREAM_MS = 10_000;
/** Beyond it queries are dropped, as a resolver that is overrun does. */
const MAX_IN_FLIGHT = 4_096;
const MODES: readonly string[] = ["pass", "late", "drop", ...Object.keys(RCODES)];

export interface DnsProxy extends Role {
  readonly udp: UdpSocket;
  readonly tcp: Server;
}

type Send = (message: Buffer) => void;
type Forward = (query: Buffer, onAnswer: Send) => void;

export function dnsProxy(upstream: { readonly host: string; readonly port: number }): DnsProxy {
  const leased = new Leased<DnsSettings>({ mode: "pass", latencyMs: 0, names: [] });
  const counts = { queries: 0, hit: 0 };
  const held = new Held();
  leased.onChange(() => {
    if (leased.value.mode !== "late") held.releaseAll();
  });

  const take = (query: Buffer, send: Send, forward: Forward) => {
    counts.queries += 1;
    const { mode, latencyMs, names } = leased.value;
    const question = questionOf(query);
    if (mode === "pass" || question === null || !isAmong(question.name, names)) {
      forward(query, send);
      return;
    }
    counts.hit += 1;
    if (mode === "drop") return;
    const dueMs = performance.now() + latencyMs;
    if (mode === "late") forward(query, (answer) => void held.hold(dueMs, () => send(answer)));
    else send(refusalOf(query, question, mode));
  };

  const udp = createSocket("udp4");
  const overUdp = udpForwarder(upstream);
  udp.on("message", (query, from) => take(query, (answer) => udp.send(answer, from.port, from.address), overUdp));
  const tcp = createServer((socket) => serveTcp(socket, (query, send) => take(query, send, tcpForwarder(upstream))));
  return {
    udp,
    tcp,
    set: (settings, leaseMs) => leased.set(settingsOf(settings), leaseMs),
    status: () => ({ mode: leased.value.mode, ...counts }),
    reset: () => leased.set({ mode: "pass", latencyMs: 0, names: [] }, 0),
  };
}

function settingsOf(settings: unknown): DnsSettings {
  const { mode, latencyMs, names } = settings as DnsSettings;
  const strings = Array.isArray(names) && names.every((name) => typeof name === "string");
  if (!MODES.includes(mode) || !isDuration(latencyMs) || !strings) throw new RangeError("a mode, latencyMs and names");
  return { mode, latencyMs, names };
}

/** A socket for each query: its port tells its answer, as with the resolver that asks. */
function udpForwarder(upstream: { readonly host: string; readonly port: number }): Forward {
  let inFlight = 0;
  return (query, onAnswer) => {
    if (inFlight >= MAX_IN_FLIGHT) return;
    inFlight += 1;
    const socket = createSocket("udp4");
    const timer = setTimeout(() => socket.close(), UPSTREAM_MS);
    socket.on("close", () => {
      clearTimeout(timer);
      inFlight -= 1;
    });
    socket.on("message", (answer) => {
      socket.close();
      onAnswer(answer);
    });
    socket.on("error", () => socket.close());
    socket.send(query, upstream.port, upstream.host);
  };
}

/** A connection for each query. */
function tcpForwarder(upstream: { readonly host: string; readonly port: number }): Forward {
  return (query, onAnswer) => {
    const socket = connect(upstream);
    socket.setTimeout(UPSTREAM_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("connect", () => socket.write(framed(query)));
    eachMessage(socket, (answer) => {
      socket.destroy();
      onAnswer(answer);
    });
  };
}

function serveTcp(socket: Socket, onQuery: (query: Buffer, send: Send) => void): void {
  socket.on("error", () => socket.destroy());
  socket.setTimeout(60_000, () => socket.destroy());
  const send: Send = (answer) => {
    if (!socket.destroyed) socket.write(framed(answer));
  };
  eachMessage(socket, (query) => onQuery(query, send));
}

/** Over TCP a message has its length before it, in two bytes. */
function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

function eachMessage(socket: Socket, onMessage: (message: Buffer) => void): void {
  let waiting = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      const message = waiting.subarray(2, end);
      waiting = waiting.subarray(end);
      onMessage(message);
    }
  });
}
