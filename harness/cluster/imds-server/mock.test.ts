/** The service over real HTTP, from the answers that clients know to what faults do to them. */
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { canaryServer } from "./canary.ts";
import { controlServer, type MockStatus } from "./control.ts";
import { Counter } from "./counts.ts";
import { InForce } from "./in-force.ts";
import { metadataMock } from "./mock.ts";
import { PodDirectory } from "./roles.ts";
import { DEFAULTS, type Settings } from "./settings.ts";

const CREDENTIALS = "/latest/meta-data/iam/security-credentials";
const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN = "x-aws-ec2-metadata-token";
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function started(settings: Partial<Settings> = {}, isNear = true) {
  const inForce = new InForce();
  inForce.setSettings({ ...DEFAULTS, ...settings }, "test");
  const counter = new Counter();
  const pods = new PodDirectory();
  const random = { value: 0.5 };
  const { server, dropClients } = metadataMock({
    ...{ inForce, counter, pods },
    instance: { instanceId: "i-0123456789abcdef0", privateIp: "10.0.0.7", startedMs: Date.UTC(2026, 0, 1) },
    isNear: () => isNear,
    random: () => random.value,
  });
  const facts = () => ({ node: "n1", listening: true, settingsProblem: null, podsKnown: true });
  const control = controlServer({ inForce, counter, pods, facts });
  const canary = canaryServer({ host: "127.0.0.1", port: await portOf(server) });
  closing.push(
    dropClients,
    () => control.close(),
    () => canary.close(),
    () => server.close(),
  );
  const [port, controlPort, canaryPort] = [await portOf(server), await portOf(control), await portOf(canary)];
  return { inForce, counter, pods, random, port, controlPort, canaryPort };
}

async function portOf(server: import("node:http").Server): Promise<number> {
  if (!server.listening) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

interface Answer {
  /** 0: none within the time. */
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}
function ask(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
  timeoutMs = 5_000,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
    });
    sent.setTimeout(timeoutMs, () => {
      resolve({ status: 0, headers: {}, body: "" });
      sent.destroy();
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
const statusOf = async (...args: Parameters<typeof ask>) => (await ask(...args)).status;

describe("IMDSv2's tokens", () => {
  it("are given for a time to live, and open the rest for as long", async () => {
    const { port } = await started({ tokens: "required" });
    const token = await ask(port, "PUT", "/latest/api/token", { [TTL]: "60" });
    expect(token).toMatchObject({
      status: 200,
      headers: { [TTL]: "60", server: "EC2ws", "content-type": "text/plain" },
    });
    const role = await ask(port, "GET", `${CREDENTIALS}/`, { [TOKEN]: token.body });
    expect(role).toMatchObject({
      status: 200,
      body: "faultline-node",
      headers: { [TTL]: expect.stringMatching(/^(60|59)$/) },
    });
  });

  it.each([undefined, "0", "21601", "-1", "soon", "1.5"])("a time to live of %s is refused", async (ttl) => {
    const { port } = await started();
    expect(await statusOf(port, "PUT", "/latest/api/token", ttl === undefined ? {} : { [TTL]: ttl })).toBe(400);
  });

  it("are refused to whoever was forwarded, and asked for by PUT alone", async () => {
    const { port } = await started();
    expect(await statusOf(port, "PUT", "/latest/api/token", { [TTL]: "60", "x-forwarded-for": "10.0.0.1" })).toBe(403);
    const got = await ask(port, "GET", "/latest/api/token", { [TTL]: "60" });
    expect(got).toMatchObject({ status: 405, headers: { allow: "OPTIONS, PUT" } });
  });

  it("must be there where they are required, and right wherever they are sent", async () => {
    const strict = await started({ tokens: "required" });
    expect(await statusOf(strict.port, "GET", `${CREDENTIALS}/`)).toBe(401);
    const lax = await started();
    expect(await statusOf(lax.port, "GET", `${CREDENTIALS}/`)).toBe(200);
    expect(await statusOf(lax.port, "GET", `${CREDENTIALS}/`, { [TOKEN]: "made-up" })).toBe(401);
  });

  it("do not reach a pod with a hop limit of 1, and are counted all the same", async () => {
    const far = await started({ hopLimit: 1 }, false);
    expect(await statusOf(far.port, "PUT", "/latest/api/token", { [TTL]: "60" }, undefined, 300)).toBe(0);
    expect(far.counter.read()).toMatchObject({ calls: 1, byCall: { token: 1 }, byStatus: { 0: 1 } });
    const near = await started({ hopLimit: 1 }, true);
    expect(await statusOf(near.port, "PUT", "/latest/api/token", { [TTL]: "60" })).toBe(200);
  });
});

describe("what is served", () => {
  it("credentials have the fields of the service, and the key tells when it expires", async () => {
    const { port } = await started({ lifetimeMs: 900_000 });
    const document = JSON.parse((await ask(port, "GET", `${CREDENTIALS}/faultline-node`)).body);
    expect(Object.keys(document)).toEqual(
      ["Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"], //
    );
    expect(document).toMatchObject({ Code: "Success", Type: "AWS-HMAC" });
    expect(document.AccessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/);
    const lifetimeMs = Date.parse(document.Expiration) - Date.parse(document.LastUpdated);
    expect(lifetimeMs).toBe(900_000);
    const digits = [...document.AccessKeyId.slice(4, 12)].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c));
    expect(digits.reduce((sum, digit) => sum * 32 + digit, 0) * 1_000).toBe(Date.parse(document.Expiration));
  });

  it.each([
    ["GET", "/latest/meta-data/instance-id", 200, "i-0123456789abcdef0"],
    ["GET", "/2021-03-23/meta-data/placement/region", 200, "us-east-1"],
    ["GET", "/latest/meta-data/placement/", 200, "availability-zone\nregion"],
    ["GET", "/latest", 200, "dynamic/\nmeta-data/"],
    ["GET", "/latest/meta-data/nothing-of-the-kind", 404, undefined],
    ["GET", "/latest/user-data", 404, undefined],
    ["GET", `${CREDENTIALS}/another-role`, 404, undefined],
    ["POST", "/latest/meta-data/instance-id", 405, undefined],
    ["DELETE", `${CREDENTIALS}/`, 405, undefined],
  ])("%s %s: %s", async (method, path, status, body) => {
    const { port } = await started();
    const answer = await ask(port, method, path);
    expect(answer.status).toBe(status);
    if (body !== undefined) expect(answer.body).toBe(body);
  });

  it("the identity document names the node", async () => {
    const { port } = await started();
    const document = JSON.parse((await ask(port, "GET", "/latest/dynamic/instance-identity/document")).body);
    expect(document).toMatchObject({ privateIp: "10.0.0.7", region: "us-east-1", pendingTime: "2026-01-01T00:00:00Z" });
  });
});

describe("roles by pod", () => {
  const pod = {
    uid: "u1",
    namespace: "shop",
    name: "builder",
    ip: "127.0.0.1",
    role: "build",
    createdAt: "2026-01-01T00:00:00Z",
  };

  it("are the pod's own, and another's are refused", async () => {
    const { port, pods, counter } = await started({ roles: "pod", defaultRole: null });
    pods.set(pod);
    expect((await ask(port, "GET", `${CREDENTIALS}/`)).body).toBe("build");
    expect(await statusOf(port, "GET", `${CREDENTIALS}/build`)).toBe(200);
    expect(await statusOf(port, "GET", `${CREDENTIALS}/deploy`)).toBe(403);
    expect(counter.read()).toMatchObject({
      byRole: { build: 1 },
      byCaller: { "shop/builder": { role: 1, credentials: 2 } },
      lookups: { first: 3, later: 0, notFound: 0 },
    });
  });

  it("a caller that is known only later is waited for; one that is not gets 404", async () => {
    const { port, pods, counter } = await started({ roles: "pod", defaultRole: null, lookupMaxElapsedMs: 800 });
    const late = ask(port, "GET", `${CREDENTIALS}/`);
    setTimeout(() => pods.set(pod), 100);
    expect(await late).toMatchObject({ status: 200, body: "build" });
    pods.remove("u1");
    expect(await statusOf(port, "GET", `${CREDENTIALS}/`)).toBe(404);
    expect(counter.read().lookups).toEqual({ first: 0, later: 1, notFound: 1 });
  });

  it("an unknown caller gets the default role where there is one: wrong rights instead of none", async () => {
    const { port } = await started({ roles: "pod", defaultRole: "everyone", lookupMaxElapsedMs: 0 });
    expect((await ask(port, "GET", `${CREDENTIALS}/`)).body).toBe("everyone");
  });
});

describe("changes", () => {
  const hold = (controlPort: number, id: string, change: unknown, leaseMs = 60_000) =>
    ask(controlPort, "PUT", `/held/${id}`, {}, { change, leaseMs });

  it("act at once, are counted, and end with their release or their lease", async () => {
    const { port, controlPort } = await started();
    await hold(controlPort, "a", { unavailable: { how: "not-found", calls: "credentials" } });
    expect(await statusOf(port, "GET", `${CREDENTIALS}/`)).toBe(404);
    expect(await statusOf(port, "GET", "/latest/meta-data/instance-id")).toBe(200);
    await ask(controlPort, "DELETE", "/held/a");
    expect(await statusOf(port, "GET", `${CREDENTIALS}/`)).toBe(200);
    await hold(controlPort, "b", { unavailable: { how: "not-found", calls: "all" } }, 50);
    await expect.poll(() => statusOf(port, "GET", `${CREDENTIALS}/`), { timeout: 10_000 }).toBe(200);
    const status: MockStatus = JSON.parse((await ask(controlPort, "GET", "/status")).body);
    expect(status).toMatchObject({ node: "n1", held: [], settingsVersion: "test", pods: 0 });
    expect(status.counts.byPath[`GET ${CREDENTIALS}`]).toBeGreaterThanOrEqual(3);
  });

  it("what is no change is refused", async () => {
    const { controlPort } = await started();
    for (const body of [{ change: 1, leaseMs: 1 }, { change: {}, leaseMs: -1 }, { change: {} }]) {
      expect(await statusOf(controlPort, "PUT", "/held/a", {}, body)).toBe(400);
    }
    expect(await statusOf(controlPort, "PUT", "/settings")).toBe(404);
  });

  it("latency comes before the answer, for the calls that it concerns", async () => {
    const { port, controlPort } = await started();
    await hold(controlPort, "a", { latency: { ms: 200, calls: "token" } });
    const begin = performance.now();
    await ask(port, "PUT", "/latest/api/token", { [TTL]: "60" });
    expect(performance.now() - begin).toBeGreaterThan(190);
  });

  it("errors hit their share of the calls", async () => {
    const { port, controlPort, random } = await started();
    await hold(controlPort, "a", { errors: { share: 0.3, status: 503, calls: "all" } });
    random.value = 0.29;
    expect(await statusOf(port, "GET", `${CREDENTIALS}/`)).toBe(503);
    random.value = 0.31;
    expect(await statusOf(port, "GET", `${CREDENTIALS}/`)).toBe(200);
  });

  it("a canary sees what a pod sees", async () => {
    const { canaryPort, controlPort } = await started();
    const rounds = async () =>
      JSON.parse((await ask(canaryPort, "PUT", "/ask", {}, { rounds: 3, timeoutMs: 300 })).body);
    const [before] = await rounds();
    expect(before).toMatchObject({ token: { status: 200 }, roleName: "faultline-node", credentials: { status: 200 } });
    expect(before.remainingMs).toBeGreaterThan(DEFAULTS.lifetimeMs - 10_000);
    await hold(controlPort, "a", { unavailable: { how: "no-answer", calls: "token" } });
    const during = await rounds();
    expect(during).toHaveLength(3);
    expect(during[0]).toMatchObject({ token: { status: 0, error: "timeout" }, role: { status: 200 } });
    expect(await statusOf(canaryPort, "PUT", "/ask", {}, { rounds: 0, timeoutMs: 1 })).toBe(400);
  });
});
