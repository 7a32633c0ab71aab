/**
 * The API server as one client sees it, with every answer about endpoints delivered late.
 *
 * A list, a watch, or a watch that begins with a list: the state as of t arrives at t + lag. Bytes are held back as they
 * are, so JSON, protobuf, CBOR and gzip work alike. Everything else passes at once. The client's own credentials (a
 * bearer token) go through; the proxy has none. After a watch that the API server ended, what happened before the
 * client's next watch arrives up to 2 × lag late.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request, type Server } from "node:https";
import type { Socket } from "node:net";
import { DelayLine } from "./delay-line.ts";
import type { Lag } from "./lag.ts";

export interface ProxyOptions {
  readonly key: string;
  readonly cert: string;
  readonly upstream: { readonly host: string; readonly port: number; readonly ca: string };
  readonly lag: Lag;
}

export interface ProxyStatus {
  readonly requests: number;
  readonly delayedRequests: number;
  readonly upstreamErrors: number;
  /** Open endpoint watches whose first answer was delivered and behind which nothing waits. */
  readonly watchesInSync: number;
  readonly openWatches: number;
}

export interface LagProxy {
  readonly server: Server;
  status(): ProxyStatus;
  /** Takes no more connections and ends those there are with a reset, so that clients connect again at once. */
  reset(): void;
}

const HIGH_WATER_BYTES = 64 * 1024 * 1024;
const ENDPOINTS =
  /^\/(apis\/discovery\.k8s\.io\/[^/]+\/(watch\/)?(namespaces\/[^/]+\/)?endpointslices|api\/v1\/(watch\/)?(namespaces\/[^/]+\/)?endpoints)(\/|\?|$)/;
/** Headers that belong to one connection, not to the message. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]);

/** Is this the path of a request for endpoints, one or many? */
export function concernsEndpoints(url: string): boolean {
  return ENDPOINTS.test(url);
}

export function lagProxy(options: ProxyOptions): LagProxy {
  const agent = new Agent({ keepAlive: true, ca: options.upstream.ca });
  const sockets = new Set<Socket>();
  const watches = new Set<Exchange>();
  const counts = { requests: 0, delayedRequests: 0, upstreamErrors: 0 };

  // HTTP/1.1 alone: a client that would rather speak HTTP/2 falls back, and each watch then has a connection of its own.
  const server = createServer(
    { key: options.key, cert: options.cert, ALPNProtocols: ["http/1.1"] },
    (incoming, out) => {
      counts.requests += 1;
      const delayed = concernsEndpoints(incoming.url ?? "");
      if (delayed) counts.delayedRequests += 1;
      const exchange = new Exchange(incoming, out, delayed ? options.lag : null, () => {
        counts.upstreamErrors += 1;
      });
      if (exchange.isWatch && delayed) {
        watches.add(exchange);
        out.on("close", () => watches.delete(exchange));
      }
      exchange.start(options.upstream, agent);
    },
  );
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return {
    server,
    status: () => ({
      ...counts,
      openWatches: watches.size,
      watchesInSync: [...watches].filter((watch) => watch.inSync).length,
    }),
    reset: () => {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
      agent.destroy();
    },
  };
}

/** One request and its answer. */
class Exchange {
  readonly #incoming: IncomingMessage;
  readonly #out: ServerResponse;
  readonly #line: DelayLine | null;
  readonly #onUpstreamError: () => void;
  #answer: IncomingMessage | null = null;
  #headDelivered = false;

  constructor(incoming: IncomingMessage, out: ServerResponse, lag: Lag | null, onUpstreamError: () => void) {
    this.#incoming = incoming;
    this.#out = out;
    this.#onUpstreamError = onUpstreamError;
    const onFull = () => this.#answer?.pause();
    const onRoom = () => this.#answer?.resume();
    this.#line = lag === null ? null : new DelayLine({ lag, highWaterBytes: HIGH_WATER_BYTES, onFull, onRoom });
  }

  get isWatch(): boolean {
    return /[?&]watch=(1|true)(&|$)|\/watch\//.test(this.#incoming.url ?? "");
  }

  get inSync(): boolean {
    return this.#headDelivered && this.#line?.waiting === 0;
  }

  start(upstream: ProxyOptions["upstream"], agent: Agent): void {
    const { method, url, rawHeaders } = this.#incoming;
    const options = { host: upstream.host, port: upstream.port, agent, method, path: url };
    const call = request({ ...options, headers: endToEnd(rawHeaders) as never });
    call.on("response", (answer) => this.#receive(answer));
    call.on("error", (error) => this.#fail(error));
    this.#incoming.pipe(call);
    this.#out.on("close", () => {
      this.#line?.close();
      call.destroy();
    });
  }

  #receive(answer: IncomingMessage): void {
    this.#answer = answer;
    this.#deliver(0, () => {
      this.#out.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      // A watch may have nothing to tell for minutes; the client waits for the head.
      this.#out.flushHeaders();
      this.#headDelivered = true;
    });
    answer.on("data", (chunk: Buffer) => this.#deliver(chunk.length, () => this.#write(chunk)));
    answer.on("end", () => this.#deliver(0, () => void this.#out.end()));
    answer.on("error", (error) => this.#fail(error));
  }

  #deliver(bytes: number, run: () => Promise<void> | void): void {
    if (this.#line === null) void run();
    else this.#line.push(bytes, run);
  }

  #write(chunk: Buffer): Promise<void> | void {
    if (this.#out.destroyed || this.#out.write(chunk)) return;
    if (this.#line === null) this.#answer?.pause();
    return new Promise((resolve) => {
      const proceed = () => {
        this.#out.off("drain", proceed).off("close", proceed);
        if (this.#line === null) this.#answer?.resume();
        resolve();
      };
      this.#out.on("drain", proceed).on("close", proceed);
    });
  }

  /** The API server broke off: the client sees as much, as late as everything else. */
  #fail(error: Error): void {
    if (this.#out.destroyed) return;
    this.#onUpstreamError();
    this.#deliver(0, () => {
      if (this.#out.headersSent) this.#out.destroy();
      else this.#out.writeHead(502).end(`${error.message}\n`);
    });
  }
}

/** Raw headers without those of the connection. */
function endToEnd(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i] as string, raw[i + 1] as string];
    if (!HOP_BY_HOP.has(name.toLowerCase())) kept.push(name, value);
  }
  return kept;
}
