/** What checkout answers: a fixed amount of work for each request, and the name of the pod that did it. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

export interface Settings {
  readonly pod: string;
  /** SHA-256 rounds for each request; 150 take about 0.3 ms of one core. */
  readonly workRounds: number;
}

/** An instant on both clocks. Containers share CLOCK_MONOTONIC with their host. */
export interface Instant {
  readonly monotonicNs: bigint;
  readonly wallMs: number;
}

export interface Checkout {
  readonly server: Server;
  /** From now on every answer asks the client to close its connection. */
  sayGoodbye(): void;
  /** Ends connections that wait for nothing: idle ones, and those that were opened and never used. */
  closeIdle(): void;
  /** When the newest request came in, and how many there were. */
  lastRequest(): { readonly at: Instant; readonly count: number } | null;
}

/** A request follows its connection at once. */
const UNUSED_MS = 500;

export const instant = (): Instant => ({ monotonicNs: process.hrtime.bigint(), wallMs: Date.now() });

export function checkout(settings: Settings): Checkout {
  let goodbye = false;
  let last: Instant | null = null;
  let count = 0;
  /** Without a request so far, since when. */
  const unused = new Map<Socket, number>();
  const server = createServer((request, response) => {
    unused.delete(request.socket);
    response.setHeader("x-pod", settings.pod);
    if (goodbye) response.setHeader("connection", "close");
    if (request.url === "/ready") {
      response.end("ready\n");
      return;
    }
    last = instant();
    count += 1;
    answer(request, response, settings).catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    unused.set(socket, performance.now());
    socket.once("close", () => unused.delete(socket));
  });
  // Longer than a proxy keeps its idle connections (Traefik: 90 s), so that the proxy is always the one to close them.
  server.keepAliveTimeout = 120_000;
  return {
    server,
    sayGoodbye: () => {
      goodbye = true;
    },
    closeIdle: () => {
      server.closeIdleConnections();
      // Node takes those for busy. A proxy opens one too many where another connection came free first.
      for (const [socket, sinceMs] of unused) if (performance.now() - sinceMs > UNUSED_MS) socket.end();
    },
    lastRequest: () => (last === null ? null : { at: last, count }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, settings: Settings): Promise<void> {
  const path = new URL(request.url ?? "/", "http://checkout").pathname;
  if (request.method === "GET" && path === "/cart") {
    return json(response, 200, { pod: settings.pod, digest: work(settings.workRounds, "cart") });
  }
  if (request.method === "POST" && path === "/order") {
    const order = await bodyOf(request);
    return json(response, 201, { pod: settings.pod, bytes: order.length, digest: work(settings.workRounds, order) });
  }
  request.resume();
  json(response, 404, { pod: settings.pod, error: `nothing at ${request.method} ${path}` });
}

function work(rounds: number, input: string): string {
  let digest = input;
  for (let round = 0; round < rounds; round += 1) digest = createHash("sha256").update(digest).digest("hex");
  return digest;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  request.setEncoding("utf8");
  let body = "";
  for await (const chunk of request) body += chunk;
  return body;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}
