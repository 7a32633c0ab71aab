/**
 * HTTP to an API server. Two agents for each connection and no more: one with kept-alive sockets for calls, one
 * without for streams that stay open (watches, logs), so that neither starves the other and none leaks.
 */
import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { FaultlineError, messageOf } from "../../errors.ts";

export interface Endpoint {
  /** `https://127.0.0.1:6443`, without a slash at the end; a path before the API's own is allowed. */
  readonly server: string;
  /** TLS options and credentials, as `node:https` takes them. */
  readonly tls: https.AgentOptions;
  /** Fresh for every request: tokens run out. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
}

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 30 s: longer than the API server's own limit for what is not a stream would only hide a hang. */
  readonly timeoutMs?: number;
}
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Transport {
  /** Any status is an answer. @throws FaultlineError `cluster` when none came. */
  call(call: Call): Promise<Answer>;
  /** Opens a stream and resolves with its headers; `signal` ends it. The caller reads the message to its end or destroys it. */
  stream(path: string, signal: AbortSignal): Promise<http.IncomingMessage>;
  close(): void;
}

const CALL_TIMEOUT_MS = 30_000;
const STREAM_HEADERS_TIMEOUT_MS = 15_000;
/** Calls that may be repeated when the connection broke, because doing them twice is doing them once. */
const REPEATABLE = new Set(["GET", "PUT", "PATCH", "DELETE"]);
const ATTEMPTS = 4;

export function createTransport(endpoint: Endpoint): Transport {
  const url = new URL(endpoint.server);
  const client = url.protocol === "http:" ? http : https;
  const prefix = url.pathname.replace(/\/$/, "");
  const pooled = new client.Agent({ ...endpoint.tls, keepAlive: true, maxSockets: 32, timeout: 60_000 });
  const streams = new client.Agent({ ...endpoint.tls, keepAlive: false });

  async function open(call: Call, agent: http.Agent | https.Agent, timeoutMs: number, signal?: AbortSignal) {
    const headers: Record<string, string> = {
      accept: "application/json",
      ...(await endpoint.headers()),
      ...call.headers,
      ...(call.body === undefined ? {} : { "content-length": String(Buffer.byteLength(call.body)) }),
    };
    return await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = client.request(
        {
          protocol: url.protocol,
          hostname: url.hostname.replace(/^\[|\]$/g, ""),
          port: url.port,
          path: prefix + call.path,
          method: call.method,
          headers,
          agent,
          ...(signal === undefined ? {} : { signal }),
        },
        (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      );
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      request.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      request.end(call.body);
    });
  }

  async function once(call: Call): Promise<Answer> {
    const timeoutMs = call.timeoutMs ?? CALL_TIMEOUT_MS;
    const started = performance.now();
    const message = await open(call, pooled, timeoutMs);
    const left = Math.max(1, timeoutMs - (performance.now() - started));
    const timer = setTimeout(() => message.destroy(new Error(`answer not complete within ${timeoutMs} ms`)), left);
    try {
      return { status: message.statusCode ?? 0, headers: message.headers, body: await readAll(message) };
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async call(call) {
      for (let attempt = 1; ; attempt++) {
        const last = attempt === ATTEMPTS;
        try {
          const answer = await once(call);
          if (answer.status !== 429 || last) return answer;
          await sleep(retryAfterMs(answer.headers));
        } catch (error) {
          if (last || !mayRepeat(call.method, error)) throw unreachable(endpoint.server, call, error);
          await sleep(50 * 2 ** attempt);
        }
      }
    },
    async stream(path, signal) {
      const call: Call = { method: "GET", path };
      try {
        return await open(call, streams, STREAM_HEADERS_TIMEOUT_MS, signal);
      } catch (error) {
        throw unreachable(endpoint.server, call, error);
      }
    },
    close() {
      pooled.destroy();
      streams.destroy();
    },
  };
}

/** A refused connection carried nothing; any other broken one may have, which only matters for POST. */
function mayRepeat(method: string, error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ECONNREFUSED") return true;
  return REPEATABLE.has(method) && (code === "ECONNRESET" || code === "EPIPE");
}

function retryAfterMs(headers: http.IncomingHttpHeaders): number {
  const seconds = Number(headers["retry-after"] ?? 1);
  return Math.min(5, Math.max(0.1, Number.isFinite(seconds) ? seconds : 1)) * 1000;
}

function unreachable(server: string, call: Call, error: unknown): FaultlineError {
  return new FaultlineError("cluster", `${call.method} ${call.path}: no answer from ${server}: ${messageOf(error)}`, {
    fix: "See whether the cluster runs: faultline cluster list.",
    cause: error,
    context: { method: call.method, path: call.path, server },
  });
}

/** The whole text of a message. */
export async function readAll(message: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
