import { once } from "node:events";
import { type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { selfSigned } from "../../testing/self-signed.ts";
import { CANARY_HEADER, controlServer } from "./control.ts";
import { Lag } from "./lag.ts";
import { concernsEndpoints, type LagProxy, lagProxy } from "./proxy.ts";

const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";
const pair = selfSigned(["127.0.0.1", "localhost"]);
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

type Handler = (incoming: IncomingMessage, out: ServerResponse) => void;

/** A real TLS server as the API server, and the proxy in front of it. */
async function start(handler: Handler): Promise<{ lag: Lag; proxy: LagProxy; port: number }> {
  const upstream = createTlsServer(pair, handler);
  const upstreamPort = await listen(upstream);
  const lag = new Lag();
  const proxy = lagProxy({ ...pair, upstream: { host: "127.0.0.1", port: upstreamPort, ca: pair.cert }, lag });
  const port = await listen(proxy.server);
  cleanUps.push(() => {
    proxy.reset();
    upstream.closeAllConnections();
    upstream.close();
    lag.set(0, 0);
  });
  return { lag, proxy, port };
}

async function listen(server: Pick<Server, "listen" | "address"> & NodeJS.EventEmitter): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function open(port: number, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const call = get({ host: "127.0.0.1", port, path, headers, ca: pair.cert, agent: false });
  call.on("error", () => undefined);
  const [answer] = (await once(call, "response")) as [IncomingMessage];
  return answer;
}

async function read(answer: IncomingMessage): Promise<string> {
  answer.setEncoding("utf8");
  let body = "";
  for await (const chunk of answer) body += chunk;
  return body;
}

/** A watch whose events the test sends by hand. */
function watchServer(): { handler: Handler; send: (text: string) => void; end: () => void } {
  const open: ServerResponse[] = [];
  return {
    handler: (_, out) => {
      open.push(out);
      out.writeHead(200, { "content-type": "application/json" });
      out.flushHeaders();
    },
    send: (text) => open.at(-1)?.write(text),
    end: () => open.at(-1)?.end(),
  };
}

describe("which requests are held back", () => {
  it.each([
    [SLICES, true],
    [`${SLICES}?allowWatchBookmarks=true&watch=true`, true],
    ["/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/checkout-abc", true],
    ["/apis/discovery.k8s.io/v1/watch/namespaces/shop/endpointslices", true],
    ["/api/v1/endpoints?watch=1", true],
    ["/api/v1/namespaces/shop/endpoints/checkout", true],
    ["/api/v1/services", false],
    ["/api/v1/namespaces/endpoints/pods", false],
    ["/apis/networking.k8s.io/v1/ingresses", false],
    ["/apis/discovery.k8s.io/v1", false],
  ])("%s: %s", (path, expected) => expect(concernsEndpoints(path)).toBe(expected));
});

describe("the delaying proxy", () => {
  let started: Awaited<ReturnType<typeof start>>;
  const watch = watchServer();

  it("passes other requests with method, body, token and status", async () => {
    started = await start(async (incoming, out) => {
      const body = await read(incoming);
      out.writeHead(201, { "x-two": ["a", "b"] });
      out.end(`${incoming.method} ${incoming.url} ${incoming.headers.authorization} ${body}`);
    });
    started.lag.set(60_000, 60_000);
    const answer = await open(started.port, "/api/v1/services?x=1", { authorization: "Bearer t" });
    expect(answer.statusCode).toBe(201);
    expect(answer.headersDistinct["x-two"]).toEqual(["a", "b"]);
    expect(await read(answer)).toBe("GET /api/v1/services?x=1 Bearer t ");
    expect(started.proxy.status()).toMatchObject({ requests: 1, delayedRequests: 0 });
  });

  it("delivers a list no earlier than the lag after it came", async () => {
    let sentMs = 0;
    started = await start((_, out) => {
      sentMs = performance.now();
      out.end("the list");
    });
    started.lag.set(150, 60_000);
    const answer = await open(started.port, SLICES);
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(149);
    expect(await read(answer)).toBe("the list");
  });

  it("delivers each event of a watch no earlier than the lag after it came, in order", async () => {
    started = await start(watch.handler);
    started.lag.set(100, 60_000);
    const answer = await open(started.port, `${SLICES}?watch=true`);
    const sent: number[] = [];
    const got: { text: string; atMs: number }[] = [];
    answer.setEncoding("utf8");
    answer.on("data", (text: string) => got.push({ text, atMs: performance.now() }));
    for (const text of ["a\n", "b\n", "c\n"]) {
      sent.push(performance.now());
      watch.send(text);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    watch.end();
    await once(answer, "end");
    expect(got.map((one) => one.text).join("")).toBe("a\nb\nc\n");
    expect(got).toHaveLength(3);
    for (const [i, one] of got.entries()) expect(one.atMs - (sent[i] ?? 0)).toBeGreaterThanOrEqual(99);
  });

  it("is transparent once the lease has lapsed, for what waits too", async () => {
    started = await start(watch.handler);
    const answer = await open(started.port, `${SLICES}?watch=true`);
    expect(started.proxy.status()).toMatchObject({ openWatches: 1, watchesInSync: 1 });
    started.lag.set(600_000, 50);
    watch.send("late\n");
    const [text] = await once(answer.setEncoding("utf8"), "data");
    expect(text).toBe("late\n");
    expect(started.lag.ms).toBe(0);
  });

  it("a renewed lease keeps the lag", async () => {
    const lag = new Lag();
    lag.set(500, 40);
    for (let i = 0; i < 5; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      lag.set(500, 1_000);
    }
    expect(lag.ms).toBe(500);
    lag.set(0, 0);
  });

  it("on reset ends its clients' connections and takes no more", async () => {
    started = await start(watch.handler);
    const answer = await open(started.port, `${SLICES}?watch=true`);
    const errors: unknown[] = [];
    answer.on("error", (error) => errors.push(error));
    const ended = new Promise((resolve) => answer.on("close", resolve));
    started.proxy.reset();
    await ended;
    expect(errors).toMatchObject([{ code: "ECONNRESET" }]);
    await expect(once(get({ host: "127.0.0.1", port: started.port, ca: pair.cert }), "response")).rejects.toMatchObject(
      {
        code: "ECONNREFUSED",
      },
    );
  });

  it("carries 8 MiB through, faster than the client reads", async () => {
    const chunk = Buffer.alloc(64 * 1024, "x");
    started = await start((_, out) => {
      for (let i = 0; i < 128; i += 1) out.write(chunk);
      out.end();
    });
    started.lag.set(20, 60_000);
    expect((await read(await open(started.port, SLICES))).length).toBe(128 * chunk.length);
    expect((await read(await open(started.port, "/api/v1/pods"))).length).toBe(128 * chunk.length);
  });

  it("answers 502 where the API server cannot be reached", async () => {
    const lag = new Lag();
    const closed = createTlsServer(pair);
    const port = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    const proxy = lagProxy({ ...pair, upstream: { host: "127.0.0.1", port, ca: pair.cert }, lag });
    const proxyPort = await listen(proxy.server);
    cleanUps.push(proxy.reset);
    expect((await open(proxyPort, "/api/v1/pods")).statusCode).toBe(502);
    expect(proxy.status().upstreamErrors).toBe(1);
  });
});

describe("the control port", () => {
  async function ask(port: number, method: string, path: string, body = ""): Promise<[number, string, unknown]> {
    const call = request({ host: "127.0.0.1", port, method, path, agent: false });
    call.end(body);
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    return [answer.statusCode ?? 0, await read(answer), answer.headers[CANARY_HEADER]];
  }

  it("sets the lag, tells counters, refuses nonsense, and else is a canary", async () => {
    const lag = new Lag();
    const status = { requests: 3, delayedRequests: 2, upstreamErrors: 0, openWatches: 1, watchesInSync: 1 };
    const reset = vi.fn();
    const proxy = { status: () => status, reset };
    const server = controlServer({ name: "lag-1", lag, proxy });
    const port = await listen(server);
    cleanUps.push(() => server.close());
    const [code, body] = await ask(port, "PUT", "/lag", JSON.stringify({ lagMs: 2_000, leaseMs: 60_000 }));
    expect([code, JSON.parse(body)]).toEqual([200, { lagMs: 2_000, ...status }]);
    expect(lag.ms).toBe(2_000);
    expect((await ask(port, "PUT", "/lag", '{"lagMs":-1,"leaseMs":1}'))[0]).toBe(400);
    expect((await ask(port, "PUT", "/lag", "nonsense"))[0]).toBe(400);
    expect(lag.ms).toBe(2_000);
    expect(reset).not.toHaveBeenCalled();
    expect((await ask(port, "PUT", "/reset"))[0]).toBe(200);
    expect(reset).toHaveBeenCalledOnce();
    expect((await ask(port, "GET", "/"))[2]).toBe("lag-1");
    lag.set(0, 0);
  });
});
