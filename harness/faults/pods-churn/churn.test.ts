/** What churn decides without a cluster. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { fakeCluster } from "../../testing/fake-cluster.ts";
import { faultContext } from "../../testing/fault-context.ts";
import { startLoop } from "./loop.ts";
import { podManifest, podSpecOf, podsAtOnce, refuseWithoutRoom } from "./pod.ts";
import { churnProblems } from "./spec.ts";
import { allStarts, parseStarts, startRate } from "./starts.ts";

const right = { kind: "pods.churn", targets: { names: ["w"] }, podsPerSecond: 4, lifetime: "10s" } as const;
const problems = (change: object) => churnProblems({ ...right, ...change }).map(({ path }) => path);

describe("what a spec says", () => {
  it("is right within its bounds", () =>
    expect([problems({}), problems({ podsPerSecond: 0.5, lifetime: "5m" })]).toEqual([[], []]));
  it("has all its mistakes told", () =>
    expect(problems({ targets: { count: -1 }, podsPerSecond: 0, lifetime: "0s", template: {} })).toEqual([
      "targets.count",
      "podsPerSecond",
      "lifetime",
      "template",
    ]));
  it.each([0.4, 21, Number.NaN, "4"])("is wrong with %s pods a second", (podsPerSecond) =>
    expect(problems({ podsPerSecond })).toEqual(["podsPerSecond"]),
  );
  it("is wrong where no node holds that many", () => {
    const many = { podsPerSecond: 20, lifetime: "1m" };
    expect(problems(many)).toEqual(["podsPerSecond"]);
    const nodes = ["a", "b", "c", "d", "e", "f"];
    expect([problems({ ...many, targets: { names: nodes } }), problems({ ...many, pods: 60 })]).toEqual([[], []]);
  });
  it.each([4, 1_001, 5.5, "60"])("is wrong with a rush of %s", (pods) => expect(problems({ pods })).toEqual(["pods"]));
  it("has texts as metadata, and nothing else", () => {
    expect(problems({ metadata: { labels: { app: "builder" }, annotations: { role: "{name}" } } })).toEqual([]);
    expect(problems({ metadata: { labels: { app: 1 }, name: "x" } })).toEqual(["metadata.labels", "metadata.name"]);
  });
  it("leaves to the fault what the fault sets", () =>
    expect(problems({ template: { containers: [{ name: "a" }], nodeName: "x", restartPolicy: "Always" } })).toEqual([
      "template.nodeName",
      "template.restartPolicy",
    ]));
});

describe("the pods", () => {
  const fake = fakeCluster();
  const context = faultContext(fake.handle, { images: { builder: "localhost/builder:1" } });
  it("are of the workload's images, end by themselves, and keep what the template says", async () => {
    const template = { terminationGracePeriodSeconds: 3, containers: [{ name: "b", image: "builder" }] };
    expect(await podSpecOf(context, 2_500, template)).toMatchObject({
      restartPolicy: "Never",
      activeDeadlineSeconds: 4,
      terminationGracePeriodSeconds: 3,
      containers: [{ name: "b", image: "localhost/builder:1", imagePullPolicy: "Never" }],
    });
  });
  it("are each on its node, with labels and annotations of their own beside the fault's", () => {
    const labels = { app: "builder", "faultline.dev/owner": "me" };
    const token = { id: "f", namespace: "n", labels, annotations: { role: "of-{name}" }, spec: { a: 1 } };
    const { metadata, spec } = podManifest("f-1", "w2", token, "run") as unknown as { metadata: object; spec: object };
    expect(spec).toEqual({ a: 1, nodeName: "w2" });
    expect(metadata).toMatchObject({
      labels: { app: "builder", "faultline.dev/owner": "faultline", "faultline.dev/fault": "f" },
      annotations: { role: "of-f-1" },
    });
  });
  it("are refused where they have no room, those that still end counted", async () => {
    const asked = { podsPerSecond: 4, lifetimeMs: 10_000, pods: null };
    expect(podsAtOnce(asked, 1, 1)).toBe(60);
    expect([podsAtOnce(asked, 3, 1), podsAtOnce({ ...asked, pods: 40 }, 3, 1)]).toEqual([20, 14]);
    const status = { allocatable: { pods: "61" } };
    fake.put({ apiVersion: "v1", kind: "Node", metadata: { name: "w" }, status });
    fake.put({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, status: { phase: "Running" } });
    fake.put({ apiVersion: "v1", kind: "Pod", metadata: { name: "b" }, status: { phase: "Failed" } });
    await refuseWithoutRoom(context, "w", 60);
    await expect(refuseWithoutRoom(context, "w", 61)).rejects.toThrow(/room for 60 \(61 at most, 1 there\)/);
  });
});

describe("the rate", () => {
  const steady = (seconds: number, perSecond: number) =>
    Array.from({ length: seconds * perSecond }, (_, i) => 100 + i / perSecond);
  it("counts each pod once, and only what came after the recording began", () =>
    expect(parseStarts("100000000000\n103000000000\n99000000000 old\n101000000000 a\n102500000000 a\n")).toEqual({
      since: 100,
      now: 103,
      at: [101],
    }));
  it("is none before there was time to see it", () =>
    expect(startRate({ since: 99, now: 109, at: steady(9, 4) }, 4)).toMatchObject({ perSecond: 0, overSeconds: 0 }));
  it("is that of the last window at first, of everything but the first window later", () => {
    const early = startRate({ since: 99, now: 115, at: steady(15, 4) }, 4);
    expect(early).toMatchObject({ overSeconds: 10, perSecond: expect.closeTo(4, 0) });
    const late = startRate({ since: 99, now: 140, at: steady(40, 4) }, 4);
    expect(late).toMatchObject({ overSeconds: 30, perSecond: expect.closeTo(4, 0) });
  });
  it("is that of several nodes together", () => {
    const nodes = [0, 1, 2, 3].map((k) => ({ since: 99, now: 115, at: steady(15, 1).map((at) => at + k / 4) }));
    expect(startRate(allStarts(nodes), 4).perSecond).toBeCloseTo(4, 0);
  });
  it("of a rush that is done is that from its first start to its last, however long ago", () => {
    const rush = { since: 99, now: 300, at: steady(10, 4) };
    expect(startRate(rush, 4, 40)).toEqual({ perSecond: 4, overSeconds: 9.75, isOver: true });
    expect(startRate(rush, 4, 50)).toMatchObject({ isOver: true });
    expect(startRate({ ...rush, now: 112 }, 4, 50)).toMatchObject({ isOver: false });
  });
  it("falls when no more come", () =>
    expect(startRate({ since: 99, now: 180, at: steady(40, 4) }, 4).perSecond).toBeLessThan(2));
});

describe("the loop", () => {
  const ports = (calls: string[]) => ({
    everyMs: 20,
    lifetimeMs: 30,
    pods: null,
    create: async (n: number) => {
      calls.push(`create ${n}`);
      return `pod-${n}`;
    },
    remove: async (name: string) => {
      calls.push(`remove ${name}`);
    },
  });
  it("creates, deletes, and stops for good", async () => {
    const calls: string[] = [];
    const loop = startLoop(ports(calls), 60_000);
    await expect.poll(() => calls.some((call) => call.startsWith("remove"))).toBe(true);
    await loop.stop();
    const count = calls.length;
    await sleep(80);
    expect([calls[0], calls.length]).toEqual(["create 0", count]);
  });
  it("begins no more than a rush has", async () => {
    const calls: string[] = [];
    const loop = startLoop({ ...ports(calls), pods: 3 }, 60_000);
    await expect.poll(() => calls.filter((call) => call.startsWith("remove")).length).toBe(3);
    await sleep(80);
    await loop.stop();
    expect(calls.filter((call) => call.startsWith("create"))).toHaveLength(3);
  });
  it("ends by itself when nobody renews", async () => {
    const calls: string[] = [];
    startLoop(ports(calls), 50);
    await sleep(150);
    const count = calls.length;
    await sleep(80);
    expect(calls.length).toBe(count);
  });
  it("counts what failed, and what came too late instead of making up for it", async () => {
    const loop = startLoop({ ...ports([]), create: async () => Promise.reject(new Error("no room")) }, 60_000);
    const until = performance.now() + 100;
    while (performance.now() < until);
    await expect.poll(() => loop.tally().missed).toBeGreaterThan(2);
    await loop.stop();
    expect(loop.tally()).toMatchObject({ created: 0, lastError: "no room" });
  });
});
