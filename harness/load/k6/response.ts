/** A response as a script sees it. Everything that costs is worked out when it is asked for. */
import type { Exchange } from "../http/exchange.ts";
import { parseCookie } from "./cookies.ts";
import type { Address } from "./url.ts";

export type ResponseType = "text" | "binary" | "none";

/** Codes of k6 for requests without an answer: https://grafana.com/docs/k6/latest/javascript-api/error-codes/ */
const ERROR_CODES: Readonly<Record<string, number>> = {
  timeout: 1050,
  dns: 1101,
  refused: 1212,
  reset: 1220,
  eof: 1000,
  tls: 1300,
};

export class Response {
  readonly #exchange: Exchange;
  readonly #address: Address;
  readonly #type: ResponseType;
  readonly #requestBody: string;
  #headers: Record<string, string> | undefined;
  #body: string | ArrayBuffer | null | undefined;

  constructor(exchange: Exchange, address: Address, type: ResponseType, requestBody: string) {
    this.#exchange = exchange;
    this.#address = address;
    this.#type = type;
    this.#requestBody = requestBody;
  }

  get status(): number {
    return this.#exchange.status;
  }
  get status_text(): string {
    const { status, statusText } = this.#exchange;
    return status === 0 ? "" : `${status} ${statusText}`;
  }
  get url(): string {
    return this.#address.href;
  }
  get proto(): string {
    return this.#exchange.protocol;
  }
  get remote_ip(): string {
    return this.#exchange.remoteAddress;
  }
  get remote_port(): number {
    return this.#exchange.remotePort;
  }
  get error(): string {
    return this.#exchange.errorMessage;
  }
  get error_code(): number {
    return errorCode(this.#exchange);
  }

  /** Names as Go writes them: `Content-Type`. Several values of one name are joined by a comma. */
  get headers(): Record<string, string> {
    if (this.#headers !== undefined) return this.#headers;
    const headers: Record<string, string> = {};
    for (const [name, value] of headerLines(this.#exchange.headerBlock)) {
      const key = canonical(name);
      headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
    }
    this.#headers = headers;
    return headers;
  }

  get body(): string | ArrayBuffer | null {
    if (this.#body === undefined) this.#body = this.#readBody();
    return this.#body;
  }

  get cookies(): Record<string, object[]> {
    const cookies: Record<string, object[]> = {};
    for (const text of setCookies(this.#exchange)) {
      const cookie = parseCookie(text, this.#address);
      if (cookie === null) continue;
      const { name, value, domain, path, httpOnly, secure, maxAge, expires } = cookie;
      const list = cookies[name] ?? [];
      list.push({ name, value, domain, path, http_only: httpOnly, secure, max_age: maxAge, expires });
      cookies[name] = list;
    }
    return cookies;
  }

  get timings(): Record<string, number> {
    return timings(this.#exchange);
  }

  get request(): { method: string; url: string; body: string; headers: Record<string, string[]> } {
    const { method, head } = this.#exchange.spec;
    const headers: Record<string, string[]> = {};
    for (const [name, value] of headerLines(head.slice(head.indexOf("\r\n") + 2))) headers[canonical(name)] = [value];
    return { method, url: this.#address.href, body: this.#requestBody, headers };
  }

  /**
   * The body as JSON, or a part of it: `a.b`, `list.0.name`, `list.#` for its length.
   * @throws Error when the body is no JSON, as k6 does.
   */
  json(selector?: string): unknown {
    const { body } = this;
    const text = body instanceof ArrayBuffer ? Buffer.from(body).toString() : body;
    if (text === null) throw new Error("the response has no body to read JSON from");
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new Error(`the response of ${this.url} is no JSON: ${text.slice(0, 60)}`);
    }
    for (const part of selector === undefined ? [] : selector.split(".")) {
      if (part === "#" && Array.isArray(value)) return value.length;
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
      value = (value as Record<string, unknown>)[part];
    }
    return value;
  }

  #readBody(): string | ArrayBuffer | null {
    const { body, status } = this.#exchange;
    if (this.#type === "none" || status === 0) return null;
    if (this.#type === "text") return body.toString();
    return new Uint8Array(body).buffer;
  }
}

export function errorCode(exchange: Exchange): number {
  if (exchange.error !== "") return ERROR_CODES[exchange.error] ?? 1000;
  return exchange.status >= 400 ? 1000 + exchange.status : 0;
}

/** Milliseconds, as k6 divides a request: blocked, connecting and TLS are not part of the duration. */
export function timings(exchange: Exchange): Record<string, number> {
  const { startMs, connectedMs, securedMs, sentMs, firstByteMs, endMs } = exchange;
  const connecting = span(startMs, connectedMs);
  const handshaking = span(connectedMs, securedMs);
  const ready = exchange.connection === "new" ? startMs + connecting + handshaking : startMs;
  const sent = Math.max(ready, Number.isNaN(sentMs) ? ready : sentMs);
  return {
    blocked: 0,
    connecting,
    tls_handshaking: handshaking,
    sending: sent - ready,
    waiting: Number.isNaN(firstByteMs) ? endMs - sent : firstByteMs - sent,
    receiving: span(firstByteMs, endMs),
    duration: endMs - ready,
  };
}

function span(from: number, to: number): number {
  return Number.isNaN(from) || Number.isNaN(to) ? 0 : to - from;
}

export function setCookies(exchange: Exchange): string[] {
  if (!/(^|\n)set-cookie:/i.test(exchange.headerBlock)) return [];
  return headerLines(exchange.headerBlock).flatMap(([name, value]) => (/^set-cookie$/i.test(name) ? [value] : []));
}

export function headerLines(block: string): [name: string, value: string][] {
  return block.split("\r\n").flatMap((line): [string, string][] => {
    const colon = line.indexOf(":");
    return colon <= 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()]];
  });
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
