import { once } from "node:events";
import { type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { selfSigned } from "../../testing/self-signed.ts";
import { type ApiProxy, apiProxy } from "./api-proxy.ts";
import { type ApiSettings, concernsEndpoints } from "./api-settings.ts";
import { CANARY_HEADER, controlServer } from "./control.ts";
import { Leased } from "./leased.ts";

const SLICES = "/apis/discovery.k8s.io/v1/endpointslices";
const pair = selfSigned(["127.0.0.1", "localhost"]);
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const late = (lagMs: number): ApiSettings => ({ mode: "endpoints-late", lagMs });

type Handler = (incoming: IncomingMessage, out: ServerResponse) => void;

/** A real TLS server as the API server, and the proxy in front of it. */
async function start(handler: Handler): Promise<{ proxy: ApiProxy; port: number }> {
  const upstream = createTlsServer(pair, handler);
  const upstreamPort = await listen(upstream);
  const proxy = apiProxy({ ...pair, upstream: { host: "127.0.0.1", port: upstreamPort, ca: pair.cert } });
  const port = await listen(proxy.server);
  cleanUps.push(() => {
    proxy.reset();
    upstream.closeAllConnections();
    upstream.close();
    proxy.set({ mode: "pass", lagMs: 0 }, 0);
  });
  return { proxy, port };
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
    started.proxy.set(late(60_000), 60_000);
    const answer = await open(started.port, "/api/v1/services?x=1", { authorization: "Bearer t" });
    expect(answer.statusCode).toBe(201);
    expect(answer.headersDistinct["x-two"]).toEqual(["a", "b"]);
    expect(await read(answer)).toBe("GET /api/v1/services?x=1 Bearer t ");
    expect(started.proxy.status()).toMatchObject({ requests: 1, hitRequests: 0 });
  });

  it("delivers a list no earlier than the lag after it came", async () => {
    let sentMs = 0;
    started = await start((_, out) => {
      sentMs = performance.now();
      out.end("the list");
    });
    started.proxy.set(late(150), 60_000);
    const answer = await open(started.port, SLICES);
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(149);
    expect(await read(answer)).toBe("the list");
  });

  it("delivers each event of a watch no earlier than the lag after it came, in order", async () => {
    started = await start(watch.handler);
    started.proxy.set(late(100), 60_000);
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
    started.proxy.set(late(600_000), 50);
    watch.send("late\n");
    const [text] = await once(answer.setEncoding("utf8"), "data");
    expect(text).toBe("late\n");
    expect(started.proxy.status()).toMatchObject({ mode: "pass" });
  });

  it("a renewed lease keeps the lag", async () => {
    const leased = new Leased("idle");
    leased.set("busy", 40);
    for (let i = 0; i < 5; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      leased.set("busy", 1_000);
    }
    expect(leased.value).toBe("busy");
    leased.set("idle", 0);
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
    started.proxy.set(late(20), 60_000);
    expect((await read(await open(started.port, SLICES))).length).toBe(128 * chunk.length);
    expect((await read(await open(started.port, "/api/v1/pods"))).length).toBe(128 * chunk.length);
  });

  it("answers 502 where the API server cannot be reached", async () => {
    const closed = createTlsServer(pair);
    const port = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    const proxy = apiProxy({ ...pair, upstream: { host: "127.0.0.1", port, ca: pair.cert } });
    const proxyPort = await listen(proxy.server);
    cleanUps.push(proxy.reset);
    expect((await open(proxyPort, "/api/v1/pods")).statusCode).toBe(502);
    expect(proxy.status().upstreamErrors).toBe(1);
  });
});

describe("its other modes", () => {
  it("late: every answer, whatever it is about", async () => {
    const started = await start((_, out) => out.end("ok"));
    started.proxy.set({ mode: "late", lagMs: 150 }, 60_000);
    const beganMs = performance.now();
    expect(await read(await open(started.port, "/version"))).toBe("ok");
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(149);
    expect(started.proxy.status()).toMatchObject({ mode: "late", requests: 1, hitRequests: 1 });
  });

  it("unavailable: ends what is open, and answers 503 as the API server does until the lease lapses", async () => {
    const watch = watchServer();
    const started = await start(watch.handler);
    const answer = await open(started.port, "/api/v1/pods?watch=1");
    const ended = new Promise((resolve) => answer.on("error", resolve));
    started.proxy.set({ mode: "unavailable", lagMs: 0 }, 60_000);
    expect(await ended).toMatchObject({ code: "ECONNRESET" });
    const refused = await open(started.port, "/api/v1/pods");
    expect([refused.statusCode, JSON.parse(await read(refused)).reason]).toEqual([503, "ServiceUnavailable"]);
    started.proxy.set({ mode: "unavailable", lagMs: 0 }, 20);
    await vi.waitFor(() => expect(started.proxy.status()).toMatchObject({ mode: "pass" }));
    expect((await open(started.port, "/api/v1/pods")).statusCode).toBe(200);
  });

  it("watches-stalled: a watch is answered and tells nothing until the lease lapses, and nothing is lost", async () => {
    const watch = watchServer();
    const started = await start((incoming, out) => {
      if (incoming.url?.includes("watch")) watch.handler(incoming, out);
      else out.end("a list");
    });
    started.proxy.set({ mode: "watches-stalled", lagMs: 0 }, 60_000);
    const answer = await open(started.port, "/api/v1/pods?watch=1");
    const got: string[] = [];
    answer.setEncoding("utf8").on("data", (text: string) => got.push(text));
    watch.send("one\n");
    watch.end();
    expect(await read(await open(started.port, "/api/v1/pods"))).toBe("a list");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(got).toEqual([]);
    started.proxy.set({ mode: "watches-stalled", lagMs: 0 }, 10);
    await once(answer, "end");
    expect(got.join("")).toBe("one\n");
  });

  it("refuses what is no mode", () => {
    const proxy = apiProxy({ ...pair, upstream: { host: "127.0.0.1", port: 1, ca: pair.cert } });
    expect(() => proxy.set({ mode: "nonsense", lagMs: 0 }, 1)).toThrow(RangeError);
    expect(() => proxy.set({ mode: "late", lagMs: -1 }, 1)).toThrow(RangeError);
  });
});

describe("the control port", () => {
  async function ask(port: number, method: string, path: string, body = ""): Promise<[number, string, unknown]> {
    const call = request({ host: "127.0.0.1", port, method, path, agent: false });
    call.end(body);
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    return [answer.statusCode ?? 0, await read(answer), answer.headers[CANARY_HEADER]];
  }

  it("sets a role, tells counters, refuses nonsense, and else is a canary", async () => {
    const status = { requests: 3 };
    const set = vi.fn((settings: unknown) => {
      if (settings !== "good") throw new RangeError("no such setting");
    });
    const reset = vi.fn();
    const server = controlServer({ name: "lag-1", role: { status: () => status, set, reset } });
    const port = await listen(server);
    cleanUps.push(() => server.close());
    const put = async (settings: unknown, leaseMs: unknown) =>
      ask(port, "PUT", "/settings", JSON.stringify({ settings, leaseMs }));
    const [code, body] = await put("good", 60_000);
    expect([code, JSON.parse(body)]).toEqual([200, status]);
    expect(set).toHaveBeenCalledWith("good", 60_000);
    expect((await put("good", -1))[0]).toBe(400);
    expect((await put("bad", 1))[0]).toBe(400);
    expect((await ask(port, "PUT", "/settings", "nonsense"))[0]).toBe(400);
    expect(set).toHaveBeenCalledTimes(2);
    expect(reset).not.toHaveBeenCalled();
    expect((await ask(port, "PUT", "/reset"))[0]).toBe(200);
    expect(reset).toHaveBeenCalledOnce();
    expect((await ask(port, "GET", "/"))[2]).toBe("lag-1");
  });
});
