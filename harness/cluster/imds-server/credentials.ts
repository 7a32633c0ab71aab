/**
 * Credentials as a metadata proxy hands them out: one set a role, kept until less than the refresh window is left (KIAM:
 * sessions of 15 min, refreshed 5 min before their end).
 */
import { createHash } from "node:crypto";
import type { InForce } from "./in-force.ts";

export interface Credentials {
  readonly issuedMs: number;
  /** Milliseconds of the wall clock: clients compare with theirs. */
  readonly expiresMs: number;
  readonly accessKeyId: string;
}

export class CredentialCache {
  readonly #inForce: InForce;
  readonly #cache = new Map<string, Credentials>();
  /** Roles that had their first, aged credentials. */
  readonly #served = new Set<string>();
  #epoch = 0;
  #serial = 0;

  constructor(inForce: InForce) {
    this.#inForce = inForce;
  }

  get(role: string, nowMs: number): Credentials {
    const { settings, change, credentialsEpoch } = this.#inForce;
    if (credentialsEpoch !== this.#epoch) {
      this.#epoch = credentialsEpoch;
      this.#cache.clear();
      this.#served.clear();
    }
    const lifetimeMs = change.credentials?.lifetimeMs ?? settings.lifetimeMs;
    const refreshBeforeMs = change.credentials?.refreshBeforeMs ?? settings.refreshBeforeMs;
    const expiredMs = change.credentials?.expiredMs;
    const cached = this.#cache.get(role);
    if (cached !== undefined && (expiredMs !== undefined || cached.expiresMs - nowMs >= refreshBeforeMs)) return cached;
    const agedMs = this.#served.has(role) ? null : (change.credentials?.remainingMs ?? settings.remainingMs);
    this.#served.add(role);
    const expiresMs = nowMs + (expiredMs === undefined ? (agedMs ?? lifetimeMs) : -expiredMs);
    this.#serial += 1;
    const issued = {
      issuedMs: Math.min(nowMs, expiresMs - lifetimeMs),
      expiresMs,
      accessKeyId: accessKeyId(role, expiresMs, this.#serial),
    };
    this.#cache.set(role, issued);
    return issued;
  }
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * 20 characters as AWS's temporary keys have: `ASIA`, then eight for the second in which it expires and eight that are
 * the role's and this issue's own, so that a fake upstream can tell an expired key without asking anybody.
 */
function accessKeyId(role: string, expiresMs: number, serial: number): string {
  let seconds = Math.floor(expiresMs / 1_000);
  let expiry = "";
  for (let i = 0; i < 8; i++) {
    expiry = `${BASE32[seconds % 32]}${expiry}`;
    seconds = Math.floor(seconds / 32);
  }
  const own = createHash("sha256").update(`${role}\n${expiresMs}\n${serial}`).digest();
  return `ASIA${expiry}${[...own.subarray(0, 8)].map((byte) => BASE32[byte % 32]).join("")}`;
}

/** The JSON of `…/iam/security-credentials/<role>`, its keys in the service's own order. */
export function credentialsDocument(role: string, credentials: Credentials): string {
  const secret = createHash("sha256").update(`${role}\n${credentials.accessKeyId}`).digest("base64");
  const document = {
    Code: "Success",
    LastUpdated: isoSeconds(credentials.issuedMs),
    Type: "AWS-HMAC",
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: secret.slice(0, 40),
    Token: Buffer.from(`faultline mock session ${role} ${credentials.accessKeyId}`).toString("base64"),
    Expiration: isoSeconds(credentials.expiresMs),
  };
  return JSON.stringify(document, null, 2);
}

/** RFC 3339 to the second, rounded down, as the service writes it. */
export const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
