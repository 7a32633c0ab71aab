/**
 * The API server as one client sees it, misbehaving.
 *
 * `endpoints-late`: a list, a watch, or a watch that begins with a list of endpoints: the state as of t arrives at
 * t + lag. After a watch that the API server ended, what happened before the client's next watch arrives up to 2 × lag
 * late. `late`: the same for every answer. `unavailable`: every request is answered with 503. `watches-stalled`: watches
 * stay open and deliver nothing, bookmarks and their end included. Bytes are held back as they are, so JSON, protobuf,
 * CBOR and gzip work alike, and what is not concerned passes at once. The client's own credentials (a bearer token) go
 * through; the proxy has none.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request, type Server } from "node:https";
import type { Socket } from "node:net";
import { type ApiSettings, concernsEndpoints, isHit, isWatch, settingsOf } from "./api-settings.ts";
import type { Role } from "./control.ts";
import { DelayLine, type Lag } from "./delay-line.ts";
import { endToEnd } from "./http-headers.ts";
import { Leased } from "./leased.ts";

export interface ProxyOptions {
  readonly key: string;
  readonly cert: string;
  readonly upstream: { readonly host: string; readonly port: number; readonly ca: string };
}

export interface ApiStatus extends ApiSettings {
  readonly requests: number;
  /** Those that the mode concerned. */
  readonly hitRequests: number;
  readonly upstreamErrors: number;
  /** Open watches of any kind. */
  readonly watches: number;
  /** Open endpoint watches whose first answer was delivered and behind which nothing waits. */
  readonly watchesInSync: number;
  readonly openWatches: number;
}

export interface ApiProxy extends Role {
  readonly server: Server;
  status(): ApiStatus;
  /** Takes no more connections and ends those there are with a reset, so that clients connect again at once. */
  reset(): void;
}

const HIGH_WATER_BYTES = 64 * 1024 * 1024;

export function apiProxy(options: ProxyOptions): ApiProxy {
  const agent = new Agent({ keepAlive: true, ca: options.upstream.ca });
  const leased = new Leased<ApiSettings>({ mode: "pass", lagMs: 0 });
  const sockets = new Set<Socket>();
  const watches = new Set<Exchange>();
  const counts = { requests: 0, hitRequests: 0, upstreamErrors: 0 };

  // HTTP/1.1 alone: a client that would rather speak HTTP/2 falls back, and each watch then has a connection of its own.
  const server = createServer(
    { key: options.key, cert: options.cert, ALPNProtocols: ["http/1.1"] },
    (incoming, out) => {
      const url = incoming.url ?? "";
      counts.requests += 1;
      if (isHit(leased.value, url)) counts.hitRequests += 1;
      if (leased.value.mode === "unavailable") {
        refuse(incoming, out);
        return;
      }
      const exchange = new Exchange(incoming, out, leased, () => {
        counts.upstreamErrors += 1;
      });
      if (isWatch(url)) {
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
  const endAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    server,
    set: (settings, leaseMs) => {
      const was = leased.value.mode;
      leased.set(settingsOf(settings), leaseMs);
      // What was asked before would still be answered.
      if (leased.value.mode === "unavailable" && was !== "unavailable") endAll();
    },
    status: () => {
      const ofEndpoints = [...watches].filter(({ url }) => concernsEndpoints(url));
      return {
        ...leased.value,
        ...counts,
        watches: watches.size,
        openWatches: ofEndpoints.length,
        watchesInSync: ofEndpoints.filter((watch) => watch.inSync).length,
      };
    },
    reset: () => {
      server.close();
      endAll();
      agent.destroy();
    },
  };
}

/** As the API server says it when it cannot; without Retry-After, which clients would take for a promise. */
function refuse(incoming: IncomingMessage, out: ServerResponse): void {
  incoming.resume();
  const message = "faultline: the API server is made unavailable for this client";
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 503 };
  out.writeHead(503, { "content-type": "application/json" });
  out.end(JSON.stringify({ ...status, reason: "ServiceUnavailable" }));
}

/** One request and its answer. */
class Exchange {
  readonly url: string;
  readonly #incoming: IncomingMessage;
  readonly #out: ServerResponse;
  readonly #line: DelayLine;
  readonly #onUpstreamError: () => void;
  #answer: IncomingMessage | null = null;
  #headDelivered = false;

  constructor(
    incoming: IncomingMessage,
    out: ServerResponse,
    leased: Leased<ApiSettings>,
    onUpstreamError: () => void,
  ) {
    this.url = incoming.url ?? "";
    this.#incoming = incoming;
    this.#out = out;
    this.#onUpstreamError = onUpstreamError;
    this.#line = new DelayLine({
      lag: this.#lag(leased),
      highWaterBytes: HIGH_WATER_BYTES,
      onFull: () => this.#answer?.pause(),
      onRoom: () => this.#answer?.resume(),
    });
  }

  get inSync(): boolean {
    return this.#headDelivered && this.#line.waiting === 0;
  }

  #lag(leased: Leased<ApiSettings>): Lag {
    const now = () => {
      if (!isHit(leased.value, this.url)) return 0;
      if (leased.value.mode !== "watches-stalled") return leased.value.lagMs;
      // Clients wait for the head of an answer; one that never came would be a hanging connection, not a silent watch.
      return this.#headDelivered ? Number.POSITIVE_INFINITY : 0;
    };
    return {
      get ms() {
        return now();
      },
      onChange: (listener) => leased.onChange(listener),
    };
  }

  start(upstream: ProxyOptions["upstream"], agent: Agent): void {
    const { method, url, rawHeaders } = this.#incoming;
    const options = { host: upstream.host, port: upstream.port, agent, method, path: url };
    const call = request({ ...options, headers: endToEnd(rawHeaders) as never });
    call.on("response", (answer) => this.#receive(answer));
    call.on("error", (error) => this.#fail(error));
    this.#incoming.pipe(call);
    this.#out.on("close", () => {
      this.#line.close();
      call.destroy();
    });
  }

  #receive(answer: IncomingMessage): void {
    this.#answer = answer;
    this.#line.push(0, () => {
      this.#out.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
      // A watch may have nothing to tell for minutes; the client waits for the head.
      this.#out.flushHeaders();
      this.#headDelivered = true;
    });
    answer.on("data", (chunk: Buffer) => this.#line.push(chunk.length, () => this.#write(chunk)));
    answer.on("end", () => this.#line.push(0, () => void this.#out.end()));
    answer.on("error", (error) => this.#fail(error));
  }

  #write(chunk: Buffer): Promise<void> | void {
    if (this.#out.destroyed || this.#out.write(chunk)) return;
    return new Promise((resolve) => {
      const proceed = () => {
        this.#out.off("drain", proceed).off("close", proceed);
        resolve();
      };
      this.#out.on("drain", proceed).on("close", proceed);
    });
  }

  /** The API server broke off: the client sees as much, as late as everything else. */
  #fail(error: Error): void {
    if (this.#out.destroyed) return;
    this.#onUpstreamError();
    this.#line.push(0, () => {
      if (this.#out.headersSent) this.#out.destroy();
      else this.#out.writeHead(502).end(`${error.message}\n`);
    });
  }
}
