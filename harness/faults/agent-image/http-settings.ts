/** Which requests of a service are hit, and how. Pure. */
import { createHash } from "node:crypto";
import { METHODS } from "node:http";
import { isDuration } from "./control.ts";

const MODES = ["pass", "error", "reset", "late"] as const;

export type HttpSettings = {
  readonly mode: (typeof MODES)[number];
  /** Of the mode `error`. */
  readonly status: number;
  /** Of the mode `late`, and by how much more or less at most. */
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Of the requests concerned, 0 to 1. */
  readonly share: number;
  /** Concerned is this path, and what is below it. */
  readonly path: string;
  /** Empty: all. */
  readonly methods: readonly string[];
};

export const PASS: HttpSettings = {
  mode: "pass",
  status: 0,
  latencyMs: 0,
  jitterMs: 0,
  share: 0,
  path: "/",
  methods: [],
};

/** @throws RangeError when these are none. */
export function settingsOf(settings: unknown): HttpSettings {
  const { mode, status, latencyMs, jitterMs, share, path, methods } = settings as HttpSettings;
  const isRight =
    MODES.includes(mode) &&
    Number.isInteger(status) &&
    isDuration(latencyMs) &&
    isDuration(jitterMs) &&
    share >= 0 &&
    share <= 1 &&
    typeof path === "string" &&
    Array.isArray(methods);
  if (!isRight) throw new RangeError("a mode, status, latencyMs, jitterMs, share, path and methods");
  return { mode, status, latencyMs, jitterMs, share, path, methods };
}

interface Asked {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
}

export function isConcerned({ mode, path, methods }: HttpSettings, { method = "", url = "" }: Asked): boolean {
  if (mode === "pass" || (methods.length > 0 && !methods.includes(method))) return false;
  return isBelow(url.replace(/^https?:\/\/[^/]+/, ""), path);
}

/** By whole segments: "/api" has "/api/x" below it, and "/api?x", not "/apis". */
export function isBelow(url: string, path: string): boolean {
  const prefix = path.replace(/\/$/, "");
  return url.startsWith(prefix) && ["", "/", "?"].includes(url.charAt(prefix.length));
}

/** Numbers from 0 to below 1, the same ones for the same seed. */
export function drawing(seed: number): () => number {
  let drawn = 0;
  return () => {
    drawn += 1;
    return createHash("sha256").update(`${seed}:${drawn}`).digest().readUInt32BE() / 2 ** 32;
  };
}

const LONGEST = Math.max(...METHODS.map((method) => method.length));

/** Told by the first bytes of a connection; `more`: they are too few. TLS and HTTP/2 are `other`. */
export function protocolOf(bytes: Buffer): "http" | "other" | "more" {
  const [word = "", ...rest] = bytes.toString("latin1", 0, LONGEST + 1).split(" ");
  if (rest.length > 0) return METHODS.includes(word) ? "http" : "other";
  return METHODS.some((method) => method.startsWith(word)) ? "more" : "other";
}
