/** One TCP or TLS connection that carries one request at a time. */
import net from "node:net";
import tls from "node:tls";
import { monotonicMs } from "../clock.ts";
import { type ErrorKind, type Exchange, errorKind, type Target } from "./exchange.ts";
import { ProtocolError, ResponseParser, type WantedHeader } from "./parser.ts";

export interface ConnectionSettings {
  /** Response header that names the pod that answered. */
  readonly podHeader: WantedHeader;
  readonly rejectUnauthorized: boolean;
  readonly lookup: net.LookupFunction;
}

/** All connections read into one buffer: the parser copies what it keeps before the next read. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

export class Connection {
  /** Can take no further request. */
  closed = false;
  readonly origin: string;
  readonly #socket: net.Socket;
  readonly #parser: ResponseParser;
  #exchange: Exchange | null = null;
  #onDone: ((exchange: Exchange, connection: Connection) => void) | null = null;

  constructor(target: Target, settings: ConnectionSettings) {
    this.origin = target.origin;
    this.#parser = new ResponseParser(settings.podHeader);
    this.#socket = target.secure ? this.#connectTls(target, settings) : this.#connectTcp(target, settings);
    this.#socket.on("end", () => this.#ended());
    this.#socket.on("error", (error) => this.#fail(errorKind(error), error.message));
    this.#socket.on("close", () => this.#ended());
  }

  /** Sends a request; `onDone` is called once, when it is answered or failed. */
  send(exchange: Exchange, onDone: (exchange: Exchange, connection: Connection) => void): void {
    const { head, body, method, keepBody } = exchange.spec;
    this.#exchange = exchange;
    this.#onDone = onDone;
    this.#parser.begin(method, keepBody);
    const socket = this.#socket;
    if (exchange.connection === "pooled") exchange.connectedMs = exchange.startMs;
    if (body === null) socket.write(head, "latin1");
    else if (typeof body === "string") socket.write(head + body, "utf8");
    else {
      socket.cork();
      socket.write(head, "latin1");
      socket.write(body);
      socket.uncork();
    }
    exchange.sentMs = monotonicMs();
  }

  /** Ends the request in flight, if any, with this error, and the connection. */
  abort(kind: ErrorKind, message: string): void {
    this.#fail(kind, message);
  }

  destroy(): void {
    this.closed = true;
    this.#socket.destroy();
  }

  #connectTcp(target: Target, settings: ConnectionSettings): net.Socket {
    const socket = net.connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      lookup: settings.lookup,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          this.#received(readBuffer.subarray(0, length));
          return true;
        },
      },
    });
    socket.on("connect", () => this.#connected("connectedMs"));
    return socket;
  }

  #connectTls(target: Target, settings: ConnectionSettings): net.Socket {
    const socket = tls.connect({
      host: target.host,
      port: target.port,
      lookup: settings.lookup,
      rejectUnauthorized: settings.rejectUnauthorized,
      ALPNProtocols: ["http/1.1"],
      ...(net.isIP(target.serverName) === 0 ? { servername: target.serverName } : {}),
    });
    socket.setNoDelay(true);
    socket.on("connect", () => this.#connected("connectedMs"));
    socket.on("secureConnect", () => this.#connected("securedMs"));
    socket.on("data", (bytes) => this.#received(bytes));
    return socket;
  }

  #connected(field: "connectedMs" | "securedMs"): void {
    if (this.#exchange !== null) this.#exchange[field] = monotonicMs();
  }

  #received(bytes: Buffer): void {
    const exchange = this.#exchange;
    // Bytes that nobody asked for: whatever they are, the next response could not be told from them.
    if (exchange === null) {
      this.destroy();
      return;
    }
    if (Number.isNaN(exchange.firstByteMs)) exchange.firstByteMs = monotonicMs();
    exchange.bytesReceived += bytes.length;
    try {
      if (this.#parser.push(bytes)) this.#complete(exchange);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail("other", error.message);
    }
  }

  #ended(): void {
    this.closed = true;
    const exchange = this.#exchange;
    if (exchange === null) return;
    if (this.#parser.end()) this.#complete(exchange);
    else this.#fail("eof", "the server closed the connection before its response was complete");
  }

  #complete(exchange: Exchange): void {
    const parser = this.#parser;
    const end = monotonicMs();
    exchange.endMs = end;
    exchange.status = parser.status;
    exchange.statusText = parser.statusText;
    exchange.protocol = parser.protocol;
    exchange.headerBlock = parser.headerBlock;
    exchange.pod = parser.wanted;
    exchange.body = parser.body;
    if (!parser.reusable || !exchange.spec.reuse) this.destroy();
    this.#finish(exchange);
  }

  #fail(kind: ErrorKind, message: string): void {
    const exchange = this.#exchange;
    this.destroy();
    if (exchange === null) return;
    exchange.endMs = monotonicMs();
    exchange.error = kind;
    exchange.errorMessage = message;
    this.#finish(exchange);
  }

  #finish(exchange: Exchange): void {
    const onDone = this.#onDone;
    exchange.bytesSent = exchange.spec.head.length + (exchange.spec.body?.length ?? 0);
    exchange.remoteAddress = this.#socket.remoteAddress ?? "";
    exchange.remotePort = this.#socket.remotePort ?? 0;
    this.#exchange = null;
    this.#onDone = null;
    onDone?.(exchange, this);
  }
}
