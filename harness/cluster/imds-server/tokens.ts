/** IMDSv2's session tokens: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
import { randomBytes } from "node:crypto";

export const TOKEN_HEADER = "x-aws-ec2-metadata-token";
export const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";
/** Six hours: the longest that the service gives. */
const MAX_TTL_S = 21_600;
/** More living tokens than an instance's processes ever hold; the oldest go first. */
const MAX_TOKENS = 50_000;

export class Tokens {
  /** Instant of the end on the clock of `performance.now()`, by token. */
  readonly #ends = new Map<string, number>();

  /** @returns null for a time to live that the service refuses with 400. */
  issue(ttlText: string | undefined, nowMs: number): { readonly token: string; readonly ttl: number } | null {
    const ttl = Number(ttlText ?? "");
    if (!/^\d+$/.test(ttlText ?? "") || ttl < 1 || ttl > MAX_TTL_S) return null;
    const token = randomBytes(42).toString("base64url");
    this.#ends.set(token, nowMs + ttl * 1_000);
    if (this.#ends.size > MAX_TOKENS) this.#ends.delete(this.#ends.keys().next().value ?? "");
    return { token, ttl };
  }

  /** Whole seconds that the token is still good for; null: it is not. */
  secondsLeft(token: string, nowMs: number): number | null {
    const end = this.#ends.get(token);
    if (end === undefined) return null;
    if (end > nowMs) return Math.ceil((end - nowMs) / 1_000);
    this.#ends.delete(token);
    return null;
  }
}
