/** URLs of a script, parsed once each. */
import type { Target } from "../http/exchange.ts";

/** What http.url`…` makes: an address, and the name under which its requests are counted together. */
export class HttpUrl {
  readonly url: string;
  readonly name: string;

  constructor(url: string, name: string) {
    this.url = url;
    this.name = name;
  }

  toString(): string {
    return this.url;
  }
}

export interface Address {
  readonly href: string;
  readonly target: Target;
  /** Path and query, as they stand in the request line. */
  readonly path: string;
  /** Value of the Host header. */
  readonly host: string;
  readonly hostname: string;
  /** Value of the Authorization header that `user:password@` asks for, "" without. */
  readonly authorization: string;
}

/** More than this and the memory is emptied: a script that asks for a new URL each time gains nothing by it. */
const MAX_KNOWN = 10_000;
const known = new Map<string, Address>();

/** @throws Error when the text is no http or https URL, as k6 does when the request is made. */
export function addressOf(text: string, base?: string): Address {
  const found = base === undefined ? known.get(text) : undefined;
  if (found !== undefined) return found;
  const url = URL.parse(text, base);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new Error(`"${text}" is no http or https URL`);
  }
  const secure = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const address: Address = {
    href: url.href,
    target: {
      origin: url.origin,
      secure,
      host: hostname,
      port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
      serverName: hostname,
    },
    path: url.pathname + url.search,
    host: url.host,
    hostname,
    authorization: credentials === ":" ? "" : `Basic ${Buffer.from(credentials).toString("base64")}`,
  };
  if (known.size >= MAX_KNOWN) known.clear();
  if (base === undefined) known.set(text, address);
  return address;
}
