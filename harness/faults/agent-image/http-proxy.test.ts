import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type HttpProxy, httpProxy } from "./http-proxy.ts";
import { drawing, type HttpSettings, isConcerned, PASS, protocolOf, settingsOf } from "./http-settings.ts";

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const error = (change: Partial<HttpSettings> = {}): HttpSettings => ({
  ...PASS,
  mode: "error",
  status: 503,
  share: 1,
  ...change,
});
const late = (latencyMs: number): HttpSettings => ({ ...PASS, mode: "late", latencyMs, share: 1 });
const LEASE_MS = 60_000;

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** The proxy in front of a server; both see each other at 127.0.0.1, as proxy and pod do at the pod's address. */
async function inFrontOf(upstream: Server): Promise<{ proxy: HttpProxy; port: number }> {
  const sockets = new Set<Socket>();
  upstream.on("connection", (socket: Socket) => sockets.add(socket));
  const proxy = httpProxy({ port: await listen(upstream), seed: 7 });
  const port = await listen(proxy.tcp);
  cleanUps.push(() => {
    proxy.reset();
    for (const socket of sockets) socket.destroy();
    upstream.close();
  });
  return { proxy, port };
}

type Handler = (incoming: IncomingMessage, out: ServerResponse) => void;
const start = async (handler: Handler) => inFrontOf(createServer(handler));
const echo: Handler = async (incoming, out) => {
  const body = await read(incoming);
  out.writeHead(201, { "x-two": ["a", "b"], "X-Spelt": "So" });
  out.end(`${incoming.method} ${incoming.url} ${incoming.headers.host} ${incoming.socket.remotePort} ${body}`);
};

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly message: IncomingMessage;
}
async function ask(port: number, path: string, options: RequestOptions & { body?: string } = {}): Promise<Answer> {
  const call = request({ host: "127.0.0.1", port, path, agent: false, ...options });
  call.end(options.body);
  const [message] = (await once(call, "response")) as [IncomingMessage];
  return { status: message.statusCode ?? 0, body: await read(message), message };
}

async function read(message: IncomingMessage): Promise<string> {
  message.setEncoding("utf8");
  let body = "";
  for await (const chunk of message) body += chunk;
  return body;
}

describe("which requests are concerned", () => {
  it.each([
    ["/", "/anything?x", true],
    ["/api", "/api", true],
    ["/api", "/api/x", true],
    ["/api", "/api?x=1", true],
    ["/api/", "/api/x", true],
    ["/api", "/apis", false],
    ["/api", "/", false],
    ["/api", "http://shop.test/api/x", true],
  ])("path %s: %s is %s", (path, url, expected) =>
    expect(isConcerned(error({ path }), { method: "GET", url })).toBe(expected),
  );
  it("methods: those named, or all", () => {
    expect(isConcerned(error({ methods: ["POST"] }), { method: "GET", url: "/" })).toBe(false);
    expect(isConcerned(error({ methods: ["POST", "GET"] }), { method: "GET", url: "/" })).toBe(true);
    expect(isConcerned(PASS, { method: "GET", url: "/" })).toBe(false);
  });
  it.each([
    ["GET / HTTP/1.1", "http"],
    ["GE", "more"],
    ["", "more"],
    ["PRI * HTTP/2.0", "other"],
    ["\u0016\u0003\u0001", "other"],
    ["GETTING x", "other"],
  ])("%j is %s", (text, expected) => expect(protocolOf(Buffer.from(text, "latin1"))).toBe(expected));
  it("the same seed chooses the same ones", () => {
    const [a, b, c] = [drawing(1), drawing(1), drawing(2)].map((draw) => Array.from({ length: 5 }, draw));
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });
  it("refuses what are no settings", () => {
    expect(() => settingsOf({ ...PASS, mode: "nonsense" })).toThrow(RangeError);
    expect(() => settingsOf({ ...PASS, share: 1.1 })).toThrow(RangeError);
    expect(() => settingsOf({ ...PASS, latencyMs: -1 })).toThrow(RangeError);
  });
});

describe("the proxy before a service", () => {
  it("passes method, path, host, body, status and headers, and a connection for each of the client's", async () => {
    const { proxy, port } = await start(echo);
    proxy.set(error({ path: "/other" }), LEASE_MS);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    cleanUps.push(() => agent.destroy());
    const options = { agent, method: "POST", body: "text", headers: { host: "shop.test" } };
    const first = await ask(port, "/a?b=1", options);
    const second = await ask(port, "/a?b=1", options);
    expect(first.status).toBe(201);
    expect(first.body).toMatch(/^POST \/a\?b=1 shop\.test \d+ text$/);
    expect(second.body).toBe(first.body);
    expect(first.message.headersDistinct["x-two"]).toEqual(["a", "b"]);
    expect(first.message.rawHeaders).toContain("X-Spelt");
    expect(proxy.status()).toMatchObject({ requests: 2, hitRequests: 0, connections: 1 });
  });

  it.each([
    ["GET", "", "undefined undefined "],
    ["POST", "content-length: 0\r\n", "undefined 0 "],
    ["POST", "", "undefined 0 "],
    ["DELETE", "", "undefined undefined "],
    ["DELETE", "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n", "chunked undefined body"],
  ])("%s with %j has the body that it has", async (method, head, expected) => {
    const { port } = await start(async (incoming, out) => {
      const { "transfer-encoding": encoding, "content-length": length } = incoming.headers;
      const body = await read(incoming);
      out.end(`${encoding} ${length} ${body}`);
    });
    const socket = connect({ host: "127.0.0.1", port });
    socket.write(`${method} / HTTP/1.1\r\nhost: x\r\n${head}\r\n`);
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text.split("\r\n").filter((line) => / (undefined|0) /.test(line))).toEqual([expected]);
  });

  it("a client of HTTP/1.0, which names no host, gets no chunks", async () => {
    const { port } = await start((_, out) => {
      out.write("one ");
      out.end("two");
    });
    const socket = connect({ host: "127.0.0.1", port });
    socket.write("GET / HTTP/1.0\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text.split("\r\n\r\n").at(-1)).toBe("one two");
  });

  it("answers a share with the status, drawn by the seed, and the pod sees nothing of them", async () => {
    let served = 0;
    const { proxy, port } = await start((_, out) => {
      served += 1;
      out.end("ok");
    });
    proxy.set(error({ status: 504, share: 0.3 }), LEASE_MS);
    const statuses: number[] = [];
    for (let i = 0; i < 100; i += 1) statuses.push((await ask(port, "/")).status);
    const draw = drawing(7);
    expect(statuses).toEqual(Array.from({ length: 100 }, () => (draw() < 0.3 ? 504 : 200)));
    expect(statuses.filter((status) => status === 504)).toHaveLength(100 - served);
    expect(proxy.status()).toMatchObject({ requests: 100, hitRequests: 100 - served });
  });

  it("an error keeps the connection, whatever the request's body", async () => {
    const { proxy, port } = await start(echo);
    proxy.set(error(), LEASE_MS);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    cleanUps.push(() => agent.destroy());
    for (let i = 0; i < 3; i += 1) {
      const { status } = await ask(port, "/", { agent, method: "PUT", body: "x".repeat(300_000) });
      expect(status).toBe(503);
    }
    expect(proxy.status()).toMatchObject({ hitRequests: 3, connections: 1 });
  });

  it("resets instead", async () => {
    const { proxy, port } = await start(echo);
    proxy.set({ ...error(), mode: "reset" }, LEASE_MS);
    await expect(ask(port, "/")).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("passes requests on late, and at once when the lease lapses", async () => {
    let arrivedMs = 0;
    const { proxy, port } = await start((_, out) => {
      arrivedMs = performance.now();
      out.end("ok");
    });
    proxy.set(late(150), LEASE_MS);
    const beganMs = performance.now();
    expect((await ask(port, "/")).body).toBe("ok");
    expect(arrivedMs - beganMs).toBeGreaterThanOrEqual(149);
    proxy.set(late(600_000), 50);
    const held = await ask(port, "/", { agent: new Agent({ keepAlive: true }) });
    expect([held.body, held.message.headers.connection]).toEqual(["ok", "close"]);
    expect(proxy.status()).toMatchObject({ mode: "pass" });
  });

  it("forgets what a client gave up", async () => {
    let served = 0;
    const { proxy, port } = await start((_, out) => {
      served += 1;
      out.end();
    });
    proxy.set(late(600_000), LEASE_MS);
    const call = request({ host: "127.0.0.1", port, path: "/", agent: false }).end();
    call.on("error", () => undefined);
    await vi.waitFor(() => expect(proxy.status().requests).toBe(1));
    call.destroy();
    await vi.waitFor(() => expect(proxy.status().connections).toBe(0));
    proxy.set(PASS, LEASE_MS);
    expect((await ask(port, "/")).status).toBe(200);
    expect(served).toBe(1);
  });

  it("streams both ways", async () => {
    const { proxy, port } = await start((incoming, out) => {
      out.flushHeaders();
      incoming.pipe(out);
    });
    proxy.set(error({ path: "/other" }), LEASE_MS);
    const call = request({ host: "127.0.0.1", port, path: "/", method: "POST", agent: false });
    call.flushHeaders();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    answer.setEncoding("utf8");
    for (const text of ["one", "two"]) {
      call.write(text);
      expect(await once(answer, "data")).toEqual([text]);
    }
    const chunk = Buffer.alloc(64 * 1024, "x");
    for (let i = 0; i < 64; i += 1) call.write(chunk);
    call.end();
    expect((await read(answer)).length).toBe(64 * chunk.length);
  });

  it("ends a client's idle connection when the pod does, and resets when the pod breaks off", async () => {
    const { proxy, port } = await start((incoming, out) => {
      if (incoming.url === "/broken") incoming.socket.destroy();
      else out.end("ok", () => setTimeout(() => incoming.socket.destroy(), 20));
    });
    proxy.set(error({ path: "/other" }), LEASE_MS);
    const agent = new Agent({ keepAlive: true });
    const { message } = await ask(port, "/", { agent });
    expect(message.headers.connection).toBe("keep-alive");
    await vi.waitFor(() => expect(proxy.status().connections).toBe(0));
    await expect(ask(port, "/broken")).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(proxy.status().upstreamErrors).toBe(1);
  });

  it("resets where nobody listens", async () => {
    const closed = createServer();
    const port = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    const proxy = httpProxy({ port, seed: 1 });
    cleanUps.push(proxy.reset);
    await expect(ask(await listen(proxy.tcp), "/")).rejects.toMatchObject({ code: "ECONNRESET" });
  });
});

describe("what is no request that can be hit", () => {
  it("a WebSocket passes both ways, and any other upgrade is an ordinary request", async () => {
    const upstream = createServer((incoming, out) => out.end(`plain ${incoming.headers.upgrade}`));
    upstream.on("upgrade", (_, socket, head) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      socket.write(head);
      socket.pipe(socket);
    });
    const { proxy, port } = await inFrontOf(upstream);
    proxy.set(error({ path: "/other" }), LEASE_MS);
    const headers = { connection: "Upgrade", upgrade: "websocket", "x-mine": "1" };
    const call = request({ host: "127.0.0.1", port, path: "/", headers, agent: false }).end();
    const [, socket] = (await once(call, "upgrade")) as [IncomingMessage, Socket];
    cleanUps.push(() => socket.destroy());
    socket.write("ping");
    expect(String((await once(socket, "data"))[0])).toBe("ping");
    expect(proxy.status()).toMatchObject({ tunnels: 1, requests: 0 });
    proxy.set(PASS, LEASE_MS);
    socket.write("still");
    expect(String((await once(socket, "data"))[0])).toBe("still");
    expect((await ask(port, "/", { headers: { ...headers, upgrade: "h2c" } })).body).toBe("plain undefined");
  });

  it("other protocols pass byte for byte, half-closed too", async () => {
    const upstream = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      socket.pipe(socket);
    });
    const { proxy, port } = await inFrontOf(upstream);
    proxy.set(error(), LEASE_MS);
    const socket = connect({ host: "127.0.0.1", port });
    cleanUps.push(() => socket.destroy());
    socket.write("\u0016\u0003 no HTTP");
    socket.end(" at all");
    let text = "";
    for await (const chunk of socket) text += chunk;
    expect(text).toBe("\u0016\u0003 no HTTP at all");
    await vi.waitFor(() => expect(proxy.status()).toMatchObject({ tunnels: 1, connections: 0 }));
  });

  it("a request line that comes in pieces is one", async () => {
    const { proxy, port } = await start(echo);
    proxy.set(error(), LEASE_MS);
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    cleanUps.push(() => socket.destroy());
    for (const piece of ["GE", "T / HT", "TP/1.1\r\nhost: x\r\n\r\n"]) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 503 /);
  });
});

describe("when it lets its clients go", () => {
  it("what is held is passed on, idle connections end, new ones are refused, and the rest is reset", async () => {
    const { proxy, port } = await start((incoming, out) => {
      if (incoming.url === "/slow") out.flushHeaders();
      else out.end("ok");
    });
    proxy.set(late(600_000), LEASE_MS);
    const held = ask(port, "/", { agent: new Agent({ keepAlive: true }) });
    await vi.waitFor(() => expect(proxy.status().requests).toBe(1));
    proxy.set(PASS, LEASE_MS);
    expect((await held).body).toBe("ok");
    const idle = connect({ host: "127.0.0.1", port });
    const ended = once(idle.resume(), "close");
    const slow = request({ host: "127.0.0.1", port, path: "/slow", agent: false }).end();
    slow.on("error", () => undefined);
    const [answer] = (await once(slow, "response")) as [IncomingMessage];
    const broken = once(answer, "error");
    proxy.reset();
    await ended;
    expect(await broken).toMatchObject([{ code: "ECONNRESET" }]);
    await expect(ask(port, "/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(proxy.status().connections).toBe(0);
  });
});
