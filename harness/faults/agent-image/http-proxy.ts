/**
 * A service as its clients see it, misbehaving: a share of the requests is answered with an error or a reset, or passed
 * on late. Whom a connection is for is told by where it comes from: the redirect in the pod's network namespace makes the
 * pod itself the sender. Each connection of a client has one of its own to the pod, which ends when the other does.
 *
 * WebSockets, and whatever is no HTTP/1, pass as they are. A proxy without a fault passes everything and lets its clients
 * go, each after its answer.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net";
import type { Role } from "./control.ts";
import { Held } from "./held.ts";
import { Client, headOf, MAX_HEADER_BYTES, passOn, tunnel } from "./http-passing.ts";
import { drawing, type HttpSettings, isConcerned, PASS, protocolOf, settingsOf } from "./http-settings.ts";
import { Leased } from "./leased.ts";

export interface HttpProxyOptions {
  /** Where the pods listen. */
  readonly port: number;
  /** Of the choice of requests. */
  readonly seed: number;
}

export interface HttpStatus extends HttpSettings {
  readonly requests: number;
  readonly hitRequests: number;
  /** Connections that are passed as they are. */
  readonly tunnels: number;
  /** Requests whose answer the pod broke off, or did not begin. */
  readonly upstreamErrors: number;
  /** Open ones of clients. */
  readonly connections: number;
}

export interface HttpProxy extends Role {
  readonly tcp: TcpServer;
  status(): HttpStatus;
  /** Lets go of what is held; connections end after their answer, and with a reset when that takes long. */
  reset(): void;
}

/** For what is under way when the proxy lets its clients go. */
const GRACE_MS = 2_000;

export function httpProxy({ port, seed }: HttpProxyOptions): HttpProxy {
  const leased = new Leased<HttpSettings>(PASS);
  const counts = { requests: 0, hitRequests: 0, tunnels: 0, upstreamErrors: 0 };
  const clients = new Map<Socket, Client>();
  const held = new Held();
  const draw = drawing(seed);

  const pass = (client: Client, incoming: IncomingMessage, out: ServerResponse) => {
    passOn(client, incoming, out, {
      isLast: () => leased.value.mode === "pass",
      onBroken: () => {
        counts.upstreamErrors += 1;
      },
    });
  };
  const serve = (incoming: IncomingMessage, out: ServerResponse) => {
    const client = clients.get(incoming.socket);
    if (client === undefined) return;
    counts.requests += 1;
    client.begin(out);
    const { mode, share, status, latencyMs, jitterMs } = leased.value;
    if (!isConcerned(leased.value, incoming) || draw() >= share) {
      pass(client, incoming, out);
      return;
    }
    counts.hitRequests += 1;
    if (mode === "reset") incoming.socket.resetAndDestroy();
    else if (mode === "error") fail(incoming, out, status);
    else {
      const dueMs = performance.now() + latencyMs + (2 * draw() - 1) * jitterMs;
      out.on(
        "close",
        held.hold(dueMs, () => pass(client, incoming, out)),
      );
    }
  };

  const asItIs = (socket: Socket, first: readonly Buffer[] = []) => {
    counts.tunnels += 1;
    clients.get(socket)?.begin(socket);
    tunnel(socket, port, first);
  };
  const http = httpServer(serve, (incoming, socket, head) => asItIs(socket, [headOf(incoming), head]));
  const tcp = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const client = new Client(socket, port);
    clients.set(socket, client);
    socket.on("error", () => undefined);
    socket.on("close", () => clients.delete(socket));
    firstBytes(socket, (isHttp) => {
      if (isHttp) http.emit("connection", socket);
      else asItIs(socket);
    });
  });
  leased.onChange(() => {
    if (leased.value.mode !== "late") held.releaseAll();
    if (leased.value.mode === "pass") for (const client of clients.values()) client.endIfIdle();
  });

  return {
    tcp,
    set: (settings, leaseMs) => leased.set(settingsOf(settings), leaseMs),
    status: () => ({ ...leased.value, ...counts, connections: clients.size }),
    reset: () => {
      leased.set(PASS, 0);
      tcp.close();
      setTimeout(() => {
        for (const socket of clients.keys()) socket.resetAndDestroy();
      }, GRACE_MS).unref();
    },
  };
}

type OnUpgrade = (incoming: IncomingMessage, socket: Socket, head: Buffer) => void;

/** Has no port: connections are given to it. Without limits of its own, which would be another fault. */
function httpServer(serve: (incoming: IncomingMessage, out: ServerResponse) => void, onUpgrade: OnUpgrade): Server {
  const server = createServer(
    {
      keepAliveTimeout: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Others (h2c, which Java's own client offers each time) may be ignored, and the request is then an ordinary one.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    },
    serve,
  );
  server.on("upgrade", onUpgrade);
  server.on("clientError", (_, socket) => (socket as Socket).resetAndDestroy());
  return server;
}

/** Calls once it is known whether this is HTTP/1; nothing is lost of what was read for it. */
function firstBytes(socket: Socket, then: (isHttp: boolean) => void): void {
  let seen = Buffer.alloc(0);
  const look = (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    const protocol = protocolOf(seen);
    if (protocol === "more") return;
    socket.off("data", look);
    socket.pause();
    socket.unshift(seen);
    then(protocol === "http");
    process.nextTick(() => socket.resume());
  };
  socket.on("data", look);
  socket.on("end", () => {
    if (protocolOf(seen) === "more") socket.end();
  });
}

/** An answer that ends before all of the request was read is right for a server that refuses. */
function fail(incoming: IncomingMessage, out: ServerResponse, status: number): void {
  incoming.resume();
  out.writeHead(status, { "content-type": "text/plain" }).end("faultline: this request was chosen to fail\n");
}
