/** What a proxy does with a request or a connection that it lets through to the pod. */
import { Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { endToEnd } from "./http-headers.ts";

/** The pod has its own limit, which is the one that should count. */
export const MAX_HEADER_BYTES = 256 * 1024;

/** One connection of a client, and the one to the pod that goes with it. */
export class Client {
  readonly socket: Socket;
  readonly port: number;
  readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #known = new WeakSet<Socket>();
  #open = 0;

  constructor(socket: Socket, port: number) {
    this.socket = socket;
    this.port = port;
    socket.on("close", () => this.agent.destroy());
  }

  /** It is not idle before this has closed. */
  begin(exchange: ServerResponse | Socket): void {
    this.#open += 1;
    exchange.on("close", () => {
      this.#open -= 1;
    });
  }

  /** A pod that ends an idle connection ends it with its client. */
  follow(upstream: Socket): void {
    if (this.#known.has(upstream)) return;
    this.#known.add(upstream);
    upstream.once("close", () => this.endIfIdle());
  }

  endIfIdle(): void {
    if (this.#open === 0) this.socket.end();
  }
}

/** A dual-stack socket writes IPv4 addresses as IPv6. */
const hostOf = (socket: Socket): string => (socket.remoteAddress ?? "").replace(/^::ffff:/, "");

interface Passing {
  /** Whether the client's connection ends with the answer. */
  readonly isLast: () => boolean;
  readonly onBroken: () => void;
}

export function passOn(
  client: Client,
  incoming: IncomingMessage,
  out: ServerResponse,
  { isLast, onBroken }: Passing,
): void {
  const { method, url, rawHeaders } = incoming;
  const call = request({
    host: hostOf(client.socket),
    port: client.port,
    agent: client.agent,
    method,
    path: url,
    maxHeaderSize: MAX_HEADER_BYTES,
    headers: [...endToEnd(rawHeaders), ...hostIfNone(incoming), ...framing(incoming)] as never,
  });
  // The pod may answer, or refuse, before the body comes.
  call.flushHeaders();
  call.on("socket", (upstream) => client.follow(upstream));
  call.on("response", (answer) => {
    out.sendDate = false;
    if (isLast() || answer.headers.connection?.toLowerCase() === "close") out.shouldKeepAlive = false;
    out.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
    // A stream of events may have nothing to tell for minutes; the client waits for the head.
    out.flushHeaders();
    pipeline(answer, out, (error) => {
      if (error) onBroken();
    });
  });
  // As if the pod itself had broken the connection off, or refused it.
  call.on("error", () => {
    if (out.destroyed || out.writableFinished) return;
    onBroken();
    client.socket.resetAndDestroy();
  });
  out.on("close", () => {
    if (!out.writableFinished) call.destroy();
  });
  incoming.pipe(call);
}

/** A request of HTTP/1.0 may name none, and is passed on as one of HTTP/1.1. */
const hostIfNone = ({ headers, socket }: IncomingMessage): readonly string[] =>
  headers.host === undefined ? ["Host", hostOf(socket)] : [];

const USUALLY_WITH_BODY = ["POST", "PUT", "PATCH"];

/** How the body is delimited; said outright, or the HTTP library would announce one where there is none. */
function framing({ method = "", headers }: IncomingMessage): readonly string[] {
  if (headers["transfer-encoding"] !== undefined) return ["Transfer-Encoding", "chunked"];
  const saysNothing = headers["content-length"] === undefined && USUALLY_WITH_BODY.includes(method);
  return saysNothing ? ["Content-Length", "0"] : [];
}

/** Byte for byte, both ways. @param first what was read already. */
export function tunnel(socket: Socket, port: number, first: readonly Buffer[]): void {
  const upstream = connect({ host: hostOf(socket), port, allowHalfOpen: true, noDelay: true });
  for (const bytes of first) upstream.write(bytes);
  socket.pipe(upstream).pipe(socket);
  upstream.on("error", () => socket.resetAndDestroy());
  socket.on("close", () => upstream.destroy());
}

/** A request's head as it was. */
export function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
  return Buffer.from(`${[`${method} ${url} HTTP/${httpVersion}`, ...lines].join("\r\n")}\r\n\r\n`, "latin1");
}
