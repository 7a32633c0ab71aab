/** The cookie jar of one virtual user (RFC 6265, as far as a load script needs it). */
import type { Address } from "./url.ts";

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  /** Only the very host that set it. */
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly maxAge: number;
  /** Milliseconds of the wall clock, Infinity for the session's end. */
  readonly expires: number;
}

export class CookieJar {
  readonly #cookies = new Map<string, Cookie>();

  clear(): void {
    if (this.#cookies.size > 0) this.#cookies.clear();
  }

  /** Value of the Cookie header, "" for none. `extra`: of this request alone; they win over those in the jar. */
  header(address: Address, extra: Readonly<Record<string, string>> | undefined): string {
    if (this.#cookies.size === 0 && extra === undefined) return "";
    const pairs = new Map<string, string>();
    for (const cookie of this.#cookies.values()) if (matches(cookie, address)) pairs.set(cookie.name, cookie.value);
    for (const [name, value] of Object.entries(extra ?? {})) pairs.set(name, value);
    return [...pairs].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** Takes what a response sets. */
  store(setCookies: readonly string[], address: Address): void {
    for (const text of setCookies) {
      const cookie = parseCookie(text, address);
      if (cookie === null) continue;
      const key = `${cookie.domain} ${cookie.path} ${cookie.name}`;
      if (cookie.expires <= Date.now()) this.#cookies.delete(key);
      else this.#cookies.set(key, cookie);
    }
  }
}

export function parseCookie(text: string, address: Address): Cookie | null {
  const [pair = "", ...attributes] = text.split(";");
  const equals = pair.indexOf("=");
  if (equals <= 0) return null;
  const given = new Map(
    attributes.map((attribute) => {
      const at = attribute.indexOf("=");
      const name = (at < 0 ? attribute : attribute.slice(0, at)).trim().toLowerCase();
      return [name, at < 0 ? "" : attribute.slice(at + 1).trim()] as const;
    }),
  );
  const domain = (given.get("domain") ?? "").replace(/^\./, "").toLowerCase();
  if (domain !== "" && !isWithin(address.hostname, domain)) return null;
  const maxAge = given.get("max-age");
  const date = Date.parse(given.get("expires") ?? "");
  const until = Number.isNaN(date) ? Number.POSITIVE_INFINITY : date;
  const path = given.get("path") ?? "";
  return {
    name: pair.slice(0, equals).trim(),
    value: pair.slice(equals + 1).trim(),
    domain: domain === "" ? address.hostname : domain,
    hostOnly: domain === "",
    path: path.startsWith("/") ? path : "/",
    secure: given.has("secure"),
    httpOnly: given.has("httponly"),
    maxAge: Number(maxAge ?? 0),
    expires: maxAge === undefined ? until : Date.now() + Number(maxAge) * 1000,
  };
}

function matches(cookie: Cookie, address: Address): boolean {
  if (cookie.expires <= Date.now() || (cookie.secure && !address.target.secure)) return false;
  const isHost = cookie.hostOnly ? address.hostname === cookie.domain : isWithin(address.hostname, cookie.domain);
  const path = address.path.replace(/\?.*$/s, "");
  const isPath = path === cookie.path || path.startsWith(cookie.path.endsWith("/") ? cookie.path : `${cookie.path}/`);
  return isHost && isPath;
}

function isWithin(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`);
}
