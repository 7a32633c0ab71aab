/** One request and what came of it. */
import type { TimeoutEntry, TimeoutList } from "./timeouts.ts";

/** "" for an answer, of whatever status; everything else came without a complete answer. */
export type ErrorKind = "" | "timeout" | "refused" | "reset" | "eof" | "dns" | "tls" | "interrupted" | "other";
export type ConnectionKind = "new" | "pooled" | "none";

export interface Target {
  /** Key of the connection pool: `http://127.0.0.1:8080`. */
  readonly origin: string;
  readonly secure: boolean;
  /** Where to connect to; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Name for the certificate and SNI. */
  readonly serverName: string;
}

export interface RequestSpec {
  readonly target: Target;
  readonly method: string;
  /** Request line and headers with the blank line at their end. */
  readonly head: string;
  readonly body: string | Buffer | null;
  readonly timeoutMs: number;
  /** false: the body is read and thrown away. */
  readonly keepBody: boolean;
  /** false: a connection of its own, closed afterwards. */
  readonly reuse: boolean;
}

/** All times are milliseconds of CLOCK_MONOTONIC; NaN where the request did not get that far. */
export class Exchange implements TimeoutEntry {
  readonly spec: RequestSpec;
  readonly startMs: number;
  connection: ConnectionKind = "none";
  /** TCP connection established; the start on a pooled connection. */
  connectedMs = Number.NaN;
  /** TLS established, on a new TLS connection only. */
  securedMs = Number.NaN;
  sentMs = Number.NaN;
  firstByteMs = Number.NaN;
  endMs = Number.NaN;

  status = 0;
  statusText = "";
  protocol = "HTTP/1.1";
  headerBlock = "";
  /** The pod that answered, by the header that the client was told to look at. */
  pod = "";
  body: Buffer = EMPTY;
  bytesReceived = 0;
  bytesSent = 0;
  remoteAddress = "";
  remotePort = 0;
  error: ErrorKind = "";
  errorMessage = "";

  deadlineMs = 0;
  previous: TimeoutEntry | null = null;
  next: TimeoutEntry | null = null;
  list: TimeoutList | null = null;
  /** What carries the request while it is under way. */
  carrier: Carrier | null = null;

  constructor(spec: RequestSpec, startMs: number) {
    this.spec = spec;
    this.startMs = startMs;
  }

  // A method and not a function made for each request: those kept all that a request refers to from being collected
  // with the young, and 10 pauses of a millisecond every second are what a 99th percentile is made of.
  onTimeout(): void {
    this.carrier?.abort("timeout", `no complete answer within ${this.spec.timeoutMs} ms`);
  }
}
const EMPTY = Buffer.alloc(0);

interface Carrier {
  abort(kind: ErrorKind, message: string): void;
}

/** What kind of failure an error of a socket is, by its code. */
export function errorKind(error: NodeJS.ErrnoException): ErrorKind {
  const code = error.code ?? "";
  if (code === "ECONNREFUSED") return "refused";
  if (code === "ECONNRESET" || code === "EPIPE" || code === "ECONNABORTED") return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  if (code === "ENOTFOUND" || code.startsWith("EAI_")) return "dns";
  if (/^(ERR_SSL|ERR_TLS|CERT_|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH)/.test(code)) return "tls";
  return "other";
}
