/**
 * Whether a request is signed with living credentials of the metadata mock: AWS Signature Version 4 as
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html describes it.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export interface SignedRequest {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}
/** `ok`, or the code with which the service refuses. */
export type Answer =
  | "ok"
  | "MissingAuthenticationToken"
  | "UnrecognizedClientException"
  | "ExpiredTokenException"
  | "InvalidSignatureException";

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]{20})\/((\d{8})\/([\w-]+)\/([\w-]+)\/aws4_request), ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})$/;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export function check({ method, path, headers }: SignedRequest, nowMs: number): Answer {
  const parts = AUTHORIZATION.exec(headers.authorization ?? "");
  if (parts === null) return "MissingAuthenticationToken";
  const [, key = "", scope = "", date = "", region = "", service = "", names = "", signature = ""] = parts;
  const secret = secretOf(key, headers["x-amz-security-token"]);
  if (secret === null) return "UnrecognizedClientException";
  if (expiryMs(key) <= nowMs) return "ExpiredTokenException";
  const canonical = [
    method,
    path,
    "",
    ...names.split(";").map((name) => `${name}:${String(headers[name] ?? "").trim()}`),
    "",
    names,
    headers["x-amz-content-sha256"] ?? sha256(""),
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const signingKey = [date, region, service, "aws4_request"].reduce<Buffer>(
    (from, part) => createHmac("sha256", from).update(part).digest(),
    Buffer.from(`AWS4${secret}`),
  );
  const wanted = createHmac("sha256", signingKey).update(text).digest();
  return timingSafeEqual(wanted, Buffer.from(signature, "hex")) ? "ok" : "InvalidSignatureException";
}

/** The mock's keys tell their own end: eight base32 digits after `ASIA` are its second. */
function expiryMs(key: string): number {
  return [...key.slice(4, 12)].reduce((sum, digit) => sum * 32 + BASE32.indexOf(digit), 0) * 1_000;
}

/** The mock's secret of a key follows from the role, which its session token names; null: not one of the mock's. */
function secretOf(key: string, token: unknown): string | null {
  const text = Buffer.from(String(token ?? ""), "base64").toString();
  const role = /^faultline mock session (\S+) (\S+)$/.exec(text);
  if (role === null || role[2] !== key) return null;
  return createHash("sha256").update(`${role[1]}\n${key}`).digest("base64").slice(0, 40);
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
