import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { isAmong, queryFor, questionOf, refusalOf } from "./dns-message.ts";
import { type DnsProxy, type DnsSettings, dnsProxy } from "./dns-proxy.ts";

const QUERY = queryFor("db.example.com", 0x1234);
const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

describe("a message", () => {
  it("tells whom it asks for, in lower case", () => {
    expect(questionOf(queryFor("DB.Example.com.", 1))).toEqual({ name: "db.example.com", type: 1, end: QUERY.length });
  });
  it("is none of ours when it is an answer, has no question, or is cut off", () => {
    const answer = refusalOf(QUERY, { name: "", type: 1, end: QUERY.length }, "servfail");
    const noQuestion = Buffer.from(QUERY);
    noQuestion[5] = 0;
    const pointer = Buffer.from(QUERY);
    pointer[12] = 0xc0;
    for (const message of [answer, noQuestion, pointer, QUERY.subarray(0, 11), QUERY.subarray(0, QUERY.length - 1)]) {
      expect(questionOf(message)).toBeNull();
    }
  });
  it("is refused with its own id and question alone", () => {
    const withMore = Buffer.concat([QUERY, Buffer.from([0, 0, 41, 16, 0])]);
    withMore[11] = 1;
    const question = questionOf(withMore);
    const answer = refusalOf(withMore, question as NonNullable<typeof question>, "nxdomain");
    expect(answer.subarray(0, 12).toString("hex")).toBe("123481830001000000000000");
    expect(answer.subarray(12)).toEqual(QUERY.subarray(12));
  });
  it.each([
    ["db.example.com", ["db.example.com"], true],
    ["db.example.com", ["*.example.com"], true],
    ["a.db.example.com", ["*.example.com"], true],
    ["example.com", ["*.example.com"], false],
    ["notexample.com", ["*.example.com"], false],
    ["example.com", ["db.example.com", "*"], true],
    ["example.com", [], false],
  ])("%s is among %j: %s", (name, patterns, expected) => expect(isAmong(name, patterns)).toBe(expected));
});

describe("the DNS proxy", () => {
  const settings = (mode: DnsSettings["mode"], latencyMs = 0): DnsSettings => ({
    mode,
    latencyMs,
    names: ["*.example.com"],
  });

  /** An upstream that answers each query with itself and a mark. */
  async function start(): Promise<{ proxy: DnsProxy; port: number }> {
    const upstream = createSocket("udp4");
    upstream.on("message", (query, from) =>
      upstream.send(Buffer.concat([query, Buffer.from("!")]), from.port, from.address),
    );
    upstream.bind(0, "127.0.0.1");
    await once(upstream, "listening");
    const proxy = dnsProxy({ host: "127.0.0.1", port: upstream.address().port });
    proxy.udp.bind(0, "127.0.0.1");
    await once(proxy.udp, "listening");
    cleanUps.push(() => {
      proxy.reset();
      proxy.udp.close();
      upstream.close();
    });
    return { proxy, port: proxy.udp.address().port };
  }
  async function ask(port: number, query = QUERY, timeoutMs = 10_000): Promise<{ answer: Buffer | null; ms: number }> {
    const socket = createSocket("udp4");
    const beganMs = performance.now();
    socket.send(query, port, "127.0.0.1");
    const timeout = new Promise<[null]>((resolve) => setTimeout(() => resolve([null]), timeoutMs).unref());
    const [answer] = (await Promise.race([once(socket, "message"), timeout])) as [Buffer | null];
    socket.close();
    return { answer, ms: performance.now() - beganMs };
  }

  it("passes what it is not asked to hit, and everything once the lease has lapsed", async () => {
    const { proxy, port } = await start();
    expect((await ask(port)).answer?.at(-1)).toBe("!".charCodeAt(0));
    proxy.set(settings("servfail"), 60_000);
    expect((await ask(port, queryFor("db.example.org", 1))).answer?.at(-1)).toBe("!".charCodeAt(0));
    expect(((await ask(port)).answer?.[3] ?? 0) & 15).toBe(2);
    expect(proxy.status()).toMatchObject({ mode: "servfail", queries: 3, hit: 1 });
    proxy.set(settings("servfail"), 5);
    await expect.poll(async () => (await ask(port)).answer?.at(-1)).toBe("!".charCodeAt(0));
  });

  it("answers late, and at once when the lease lapses meanwhile", async () => {
    const { proxy, port } = await start();
    proxy.set(settings("late", 150), 60_000);
    expect((await ask(port)).ms).toBeGreaterThanOrEqual(149);
    proxy.set(settings("late", 600_000), 100);
    expect((await ask(port)).answer?.at(-1)).toBe("!".charCodeAt(0));
  });

  it("drops", async () => {
    const { proxy, port } = await start();
    proxy.set(settings("drop"), 60_000);
    expect((await ask(port, QUERY, 100)).answer).toBeNull();
  });

  it("speaks TCP, a message in pieces too", async () => {
    const { proxy } = await start();
    proxy.tcp.listen(0, "127.0.0.1");
    await once(proxy.tcp, "listening");
    cleanUps.push(() => proxy.tcp.close());
    proxy.set(settings("refused"), 60_000);
    const socket = connect((proxy.tcp.address() as AddressInfo).port, "127.0.0.1");
    socket.setNoDelay(true);
    socket.write(Buffer.from([0, QUERY.length]));
    socket.write(QUERY.subarray(0, 5));
    socket.write(QUERY.subarray(5));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect([answer.readUInt16BE(0), (answer[5] ?? 0) & 15]).toEqual([QUERY.length, 5]);
    socket.destroy();
  });

  it("refuses what are no settings", async () => {
    const { proxy } = await start();
    expect(() => proxy.set({ mode: "loud", latencyMs: 0, names: [] }, 1)).toThrow(RangeError);
    expect(() => proxy.set({ mode: "late", latencyMs: -1, names: [] }, 1)).toThrow(RangeError);
    expect(() => proxy.set({ mode: "late", latencyMs: 1 }, 1)).toThrow(RangeError);
  });
});
