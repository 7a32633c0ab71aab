/** `k6/http` for one virtual user. */
import { monotonicMs } from "../clock.ts";
import { Exchange } from "../http/exchange.ts";
import type { Tags } from "./metrics.ts";
import {
  type Body,
  DEFAULT_EXPECTED,
  ExpectedStatuses,
  type Params,
  type PreparedRequest,
  prepareRequest,
} from "./request.ts";
import { errorCode, Response, setCookies, timings } from "./response.ts";
import type { Runtime } from "./runtime.ts";
import { addressOf, HttpUrl } from "./url.ts";
import type { Vu } from "./vu.ts";

type Url = string | HttpUrl;
type BatchItem =
  | Url
  | readonly [string, Url, Body?, Params?]
  | { method: string; url: Url; body?: Body; params?: Params };

export function httpModule(vu: Vu, runtime: Runtime): Record<string, unknown> {
  const now = (method: string, url: Url, body: Body, params?: Params | null) =>
    vu.inTurn(() => request(vu, runtime, method, url, body, params));
  const withBody = (method: string) => (url: Url, body?: Body, params?: Params | null) =>
    now(method, url, body, params);
  return {
    get: (url: Url, params?: Params | null) => now("GET", url, null, params),
    head: (url: Url, params?: Params | null) => now("HEAD", url, null, params),
    post: withBody("POST"),
    put: withBody("PUT"),
    patch: withBody("PATCH"),
    del: withBody("DELETE"),
    options: withBody("OPTIONS"),
    request: (method: string, url: Url, body?: Body, params?: Params | null) =>
      now(method.toUpperCase(), url, body, params),
    asyncRequest: async (method: string, url: Url, body?: Body, params?: Params | null) =>
      request(vu, runtime, method.toUpperCase(), url, body, params),
    batch: (requests: readonly BatchItem[] | Readonly<Record<string, BatchItem>>) =>
      vu.inTurn(() => batch(vu, runtime, requests)),
    url: (strings: TemplateStringsArray, ...values: unknown[]) =>
      new HttpUrl(String.raw({ raw: strings }, ...values), strings.join("${}")),
    expectedStatuses: (...ranges: ConstructorParameters<typeof ExpectedStatuses>[0]) => new ExpectedStatuses(ranges),
    setResponseCallback: (expected: ExpectedStatuses | null) => {
      vu.expectedStatuses = expected;
    },
  };
}

/** One request with its redirects; every hop is a sample of its own. */
async function request(
  vu: Vu,
  runtime: Runtime,
  method: string,
  url: Url,
  body: Body,
  params: Params | null | undefined,
): Promise<Response> {
  const { options } = runtime;
  let prepared = prepareRequest(vu, options, method, url, addressOf(String(url)), body, params);
  for (let left = prepared.redirects; ; left--) {
    const exchange = await send(vu, runtime, prepared);
    const next = left > 0 ? redirected(exchange, prepared) : null;
    if (next === null) return finished(runtime, exchange, prepared);
    const keeps = exchange.status === 307 || exchange.status === 308 || method === "HEAD";
    const address = addressOf(next, prepared.address.href);
    prepared = keeps
      ? prepareRequest(vu, options, method, url, address, body, params)
      : prepareRequest(vu, options, "GET", url, address, null, params);
  }
}

function redirected(exchange: Exchange, prepared: PreparedRequest): string | null {
  if (![301, 302, 303, 307, 308].includes(exchange.status)) return null;
  return new Response(exchange, prepared.address, "none", "").headers.Location ?? null;
}

function finished(runtime: Runtime, exchange: Exchange, prepared: PreparedRequest): Response {
  if (exchange.error !== "" && runtime.options.throw) throw new Error(exchange.errorMessage);
  return new Response(exchange, prepared.address, prepared.responseType, prepared.bodyText);
}

/** Sends one request and records it. Never settles for a virtual user that was stopped. */
function send(vu: Vu, runtime: Runtime, prepared: PreparedRequest): Promise<Exchange> {
  return new Promise((resolve) => {
    if (vu.interrupted) return;
    const start = monotonicMs();
    const intended = vu.dueMs ?? start;
    vu.dueMs = null;
    const group = vu.group;
    runtime.client.send(new Exchange(prepared.spec, start), vu.connections, (exchange) => {
      record(vu, runtime, prepared, exchange, intended, group);
      if (!vu.interrupted) resolve(exchange);
    });
  });
}

function record(
  vu: Vu,
  runtime: Runtime,
  prepared: PreparedRequest,
  exchange: Exchange,
  intendedMs: number,
  group: string,
): void {
  const { name, params, address } = prepared;
  if (exchange.headerBlock !== "") vu.cookies.store(setCookies(exchange), address);
  runtime.recordRequest(vu, name, exchange, intendedMs);
  // A request that was cut off at the end says nothing about the system: it is a sample, but no value of a metric.
  if (exchange.error === "interrupted") return;
  const callback = params.responseCallback === undefined ? vu.expectedStatuses : params.responseCallback;
  const expected = callback ?? DEFAULT_EXPECTED;
  const failed = exchange.error !== "" || !expected.has(exchange.status);
  const tags = (): Tags => ({
    ...vu.baseTags,
    ...vu.tags,
    ...params.tags,
    name,
    group,
    url: address.href,
    method: exchange.spec.method,
    status: String(exchange.status),
    error: exchange.errorMessage,
    error_code: String(errorCode(exchange)),
    expected_response: String(!failed),
    scenario: vu.scenario,
    proto: exchange.protocol,
  });
  const { metrics } = runtime;
  metrics.add("http_reqs", 1, tags);
  metrics.add("http_req_failed", failed ? 1 : 0, tags);
  metrics.add("http_req_duration", exchange.endMs - intendedMs, tags);
  metrics.add("data_sent", exchange.bytesSent, tags);
  metrics.add("data_received", exchange.bytesReceived, tags);
  if (!runtime.wantsTimings) return;
  const parts = timings(exchange);
  for (const part of ["blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving"]) {
    metrics.add(`http_req_${part}`, parts[part] ?? 0, tags);
  }
}

async function batch(
  vu: Vu,
  runtime: Runtime,
  requests: readonly BatchItem[] | Readonly<Record<string, BatchItem>>,
): Promise<unknown> {
  const entries = Object.entries(requests);
  const results: Record<string, Response> = {};
  const perHost = new Map<string, number>();
  const waiting = [...entries];
  const { batch: most, batchPerHost } = runtime.options;
  const worker = async (): Promise<void> => {
    while (true) {
      const index = waiting.findIndex(
        ([, item]) => batchPerHost === 0 || (perHost.get(hostOf(item)) ?? 0) < batchPerHost,
      );
      const [entry] = index < 0 ? [] : waiting.splice(index, 1);
      if (entry === undefined) return;
      const [key, item] = entry;
      const host = hostOf(item);
      perHost.set(host, (perHost.get(host) ?? 0) + 1);
      const [method, url, body, params] = batchParts(item);
      results[key] = await request(vu, runtime, method.toUpperCase(), url, body, params);
      perHost.set(host, (perHost.get(host) ?? 1) - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(entries.length, most || entries.length) }, worker));
  return Array.isArray(requests) ? entries.map(([key]) => results[key]) : results;
}

function batchParts(item: BatchItem): [string, Url, Body, Params | undefined] {
  if (typeof item === "string" || item instanceof HttpUrl) return ["GET", item, null, undefined];
  if (Array.isArray(item)) return [item[0], item[1], item[2], item[3]];
  const { method, url, body, params } = item as { method: string; url: Url; body?: Body; params?: Params };
  return [method, url, body, params];
}

function hostOf(item: BatchItem): string {
  return addressOf(String(batchParts(item)[1])).host;
}
