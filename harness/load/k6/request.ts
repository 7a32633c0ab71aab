/** From the arguments of `http.get(…)` and its like to the bytes of a request. */
import type { RequestSpec } from "../http/exchange.ts";
import { durationMs } from "./duration.ts";
import type { RunOptions } from "./options.ts";
import type { ResponseType } from "./response.ts";
import { type Address, HttpUrl } from "./url.ts";
import type { Vu } from "./vu.ts";

/** Which statuses are no failure, for `http_req_failed`. */
export class ExpectedStatuses {
  readonly #ranges: readonly (number | { readonly min: number; readonly max: number })[];

  constructor(ranges: readonly (number | { readonly min: number; readonly max: number })[]) {
    this.#ranges = ranges;
  }

  has(status: number): boolean {
    return this.#ranges.some((range) =>
      typeof range === "number" ? range === status : range.min <= status && status <= range.max,
    );
  }
}
export const DEFAULT_EXPECTED = new ExpectedStatuses([{ min: 200, max: 399 }]);

export interface Params {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly cookies?: Readonly<Record<string, string | { readonly value?: string }>>;
  readonly timeout?: string | number;
  readonly redirects?: number;
  readonly responseType?: ResponseType;
  readonly responseCallback?: ExpectedStatuses | null;
}
export type Body = string | ArrayBuffer | ArrayBufferView | Readonly<Record<string, unknown>> | null | undefined;

export interface PreparedRequest {
  readonly spec: RequestSpec;
  readonly address: Address;
  /** Name under which the request is counted: its tag `name`, its URL's template, or its URL. */
  readonly name: string;
  readonly params: Params;
  readonly responseType: ResponseType;
  readonly bodyText: string;
  readonly redirects: number;
  readonly timeoutMs: number;
}

const KNOWN_PARAMS = ["headers", "tags", "cookies", "timeout", "redirects", "responseType", "responseCallback"];
/** k6's default. */
const TIMEOUT_MS = 60_000;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** @throws Error for arguments that k6 refuses, or that the runner does not have. */
export function prepareRequest(
  vu: Vu,
  options: RunOptions,
  method: string,
  url: string | HttpUrl,
  address: Address,
  body: Body,
  given: Params | null | undefined,
): PreparedRequest {
  const params = given ?? NO_PARAMS;
  for (const key in params) {
    if (!KNOWN_PARAMS.includes(key)) throw new Error(`request parameter "${key}" is not supported`);
  }
  const timeoutMs = params.timeout === undefined ? TIMEOUT_MS : durationMs(params.timeout);
  if (timeoutMs === null) throw new Error(`"${params.timeout}" is no duration for a time-out`);
  const responseType = params.responseType ?? (options.discardResponseBodies ? "none" : "text");
  const content = encodeBody(body);
  const { head, close } = writeHead(vu, options, method, address, params, content);
  return {
    spec: {
      target: address.target,
      method,
      head,
      body: content.bytes,
      timeoutMs,
      keepBody: responseType !== "none",
      reuse: !close,
    },
    address,
    name: params.tags?.name ?? (url instanceof HttpUrl ? url.name : String(url)),
    params,
    responseType,
    bodyText: typeof content.bytes === "string" ? content.bytes : "",
    redirects: params.redirects ?? options.maxRedirects,
    timeoutMs,
  };
}
const NO_PARAMS: Params = {};

interface Content {
  readonly bytes: string | Buffer | null;
  readonly length: number;
  /** "" where the body's kind implies none. */
  readonly type: string;
}
const NO_CONTENT: Content = { bytes: null, length: 0, type: "" };

function encodeBody(body: Body): Content {
  if (body === null || body === undefined || body === "") return NO_CONTENT;
  if (typeof body === "string") return { bytes: body, length: Buffer.byteLength(body), type: "" };
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) {
    const bytes =
      body instanceof ArrayBuffer ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { bytes, length: bytes.length, type: "" };
  }
  const form = new URLSearchParams(
    Object.entries(body).map(([key, value]): [string, string] => [key, String(value)]),
  ).toString();
  return { bytes: form, length: form.length, type: "application/x-www-form-urlencoded" };
}

/**
 * The request line and headers. A request with `Connection: close` gets a connection of its own, so that a script can
 * choose between new and pooled connections for each request.
 */
function writeHead(
  vu: Vu,
  options: RunOptions,
  method: string,
  address: Address,
  params: Params,
  content: Content,
): { head: string; close: boolean } {
  let host = address.host;
  let agent = options.userAgent;
  let type = content.type;
  let close = options.noConnectionReuse;
  let cookie = vu.cookies.header(address, plainCookies(params.cookies));
  let authorization = address.authorization;
  let others = "";
  for (const name in params.headers) {
    const value = String(params.headers[name]);
    if (!TOKEN.test(name) || /[\r\n]/.test(value)) throw new Error(`"${name}: ${value}" is no HTTP header`);
    switch (name.toLowerCase()) {
      case "host":
        host = value;
        break;
      case "user-agent":
        agent = value;
        break;
      case "content-type":
        type = value;
        break;
      case "connection":
        close ||= /\bclose\b/i.test(value);
        break;
      case "cookie":
        cookie = cookie === "" ? value : `${cookie}; ${value}`;
        break;
      case "authorization":
        authorization = value;
        break;
      case "content-length":
        break;
      default:
        others += `${name}: ${value}\r\n`;
    }
  }
  let head = `${method} ${address.path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${agent}\r\n${others}`;
  if (type !== "") head += `Content-Type: ${type}\r\n`;
  if (cookie !== "") head += `Cookie: ${cookie}\r\n`;
  if (authorization !== "") head += `Authorization: ${authorization}\r\n`;
  if (content.length > 0 || method === "POST" || method === "PUT" || method === "PATCH") {
    head += `Content-Length: ${content.length}\r\n`;
  }
  if (close) head += "Connection: close\r\n";
  return { head: `${head}\r\n`, close };
}

function plainCookies(cookies: Params["cookies"]): Record<string, string> | undefined {
  if (cookies === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(cookies).map(([name, cookie]) => [name, typeof cookie === "string" ? cookie : (cookie.value ?? "")]),
  );
}
