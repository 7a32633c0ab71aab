/** The API client and what stands on it, on a real API server. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedCluster } from "../testing/shared-cluster.ts";
import { type Capability, missingCapabilities } from "./capabilities.ts";
import { connect, type KubeObject, type LogHandle } from "./kube.ts";
import { LABEL_OWNER, OWNER, SYSTEM_NAMESPACE } from "./labels.ts";
import { lockCluster } from "./lock.ts";
import type { ClusterHandle } from "./provider.ts";
import { setupState } from "./setup/index.ts";
import { waitFor } from "./wait.ts";

const NAMESPACE = "faultline-kube-test";
const PODS = { apiVersion: "v1", kind: "Pod", namespace: NAMESPACE };
let cluster: ClusterHandle;
let image: string;

beforeAll(async () => {
  cluster = await sharedCluster();
  image = (await setupState()).traefikImage; // on every node: the node image was baked with it
  const labels = { [LABEL_OWNER]: OWNER };
  await cluster.kube.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
  await waitFor({
    what: "the default service account",
    probe: async () => {
      const ref = { apiVersion: "v1", kind: "ServiceAccount", namespace: NAMESPACE, name: "default" };
      return (await cluster.kube.get(ref)) === null ? { done: false, saw: "none" } : { done: true, value: null };
    },
    timeoutMs: 60_000,
    everyMs: 100,
  });
});
afterAll(async () => {
  await cluster.kube.delete({ apiVersion: "v1", kind: "Namespace", name: NAMESPACE });
  await until(
    "the namespace is gone",
    async () => (await cluster.kube.get({ apiVersion: "v1", kind: "Namespace", name: NAMESPACE })) === null,
  );
});

const until = (what: string, probe: () => Promise<boolean>) =>
  waitFor({
    what,
    probe: async () => ((await probe()) ? { done: true, value: null } : { done: false, saw: "not yet" }),
    timeoutMs: 120_000,
    everyMs: 100,
  });

/** Traefik as a small program that logs, listens and ends on SIGTERM. */
const pod = (name: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: NAMESPACE },
  spec: {
    terminationGracePeriodSeconds: 5,
    automountServiceAccountToken: false,
    containers: [
      {
        name: "app",
        image,
        imagePullPolicy: "Never",
        args: [
          "--log.level=INFO",
          "--ping=true",
          "--global.checknewversion=false",
          "--global.sendanonymoususage=false",
        ],
      },
    ],
  },
});
const running = (name: string) =>
  until(`pod ${name} runs`, async () => (await cluster.kube.get({ ...PODS, name }))?.status?.phase === "Running");

describe("objects", () => {
  const object = (data: Record<string, string>) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: NAMESPACE },
    data,
  });
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: NAMESPACE, name: "settings" };

  test("apply makes and changes, a dry run changes nothing, patch merges, delete is right twice", async () => {
    await cluster.kube.apply(object({ a: "1" }), { dryRun: true });
    expect(await cluster.kube.get(ref)).toBeNull();
    await cluster.kube.apply(object({ a: "1" }));
    await cluster.kube.apply(object({ b: "2" }));
    expect((await cluster.kube.get(ref)).data).toEqual({ b: "2" });
    await cluster.kube.patch(ref, { data: { c: "3" } });
    expect((await cluster.kube.get(ref)).data).toEqual({ b: "2", c: "3" });
    const listed = await cluster.kube.list({ ...ref, name: "settings" });
    expect(listed.map((one: KubeObject) => one.kind)).toEqual(["ConfigMap"]);
    await cluster.kube.delete(ref);
    await cluster.kube.delete(ref);
    expect(await cluster.kube.get(ref)).toBeNull();
  });

  test("what the API server refuses comes back in its words", async () => {
    const wrong = { ...pod("wrong"), spec: { containers: [] } };
    await expect(cluster.kube.apply(wrong, { dryRun: true })).rejects.toThrow(/spec\.containers: Required value/);
    await expect(
      cluster.kube.create(object({ a: "1" })).then(() => cluster.kube.create(object({}))),
    ).rejects.toMatchObject({
      context: { status: 409 },
    });
  });
});

describe("streams", () => {
  test("a watch sees a pod come and go; each event has the time of its arrival", async () => {
    const events: { readonly type: string; readonly at: bigint; readonly deleting: boolean }[] = [];
    const watch = await cluster.kube.watch(
      { ...PODS, name: "watched" },
      {
        onEvent: ({ type, object, monotonicNs }) =>
          events.push({ type, at: monotonicNs, deleting: object.metadata.deletionTimestamp !== undefined }),
        onGap: () => {},
      },
    );
    await cluster.kube.apply(pod("watched"));
    await running("watched");
    await cluster.kube.delete({ ...PODS, name: "watched" });
    await until("DELETED seen", async () => events.some(({ type }) => type === "DELETED"));
    await watch.stop();
    expect(events[0]?.type).toBe("ADDED");
    expect(events.some(({ type, deleting }) => type === "MODIFIED" && deleting)).toBe(true);
    const times = events.map(({ at }) => at);
    expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
  });

  test("thirty logs at once, from before the containers start to after their pods are gone, none torn or repeated", async () => {
    const names = Array.from({ length: 10 }, (_, index) => `talker-${index}`);
    const lines = new Map<string, string[]>();
    await Promise.all(names.map((name) => cluster.kube.apply(pod(name))));
    const logs: LogHandle[] = names.flatMap((name) =>
      [0, 1, 2].map((copy) => {
        const mine: string[] = [];
        lines.set(`${name}/${copy}`, mine);
        return cluster.kube.followLog({ namespace: NAMESPACE, name, container: "app" }, (line) => mine.push(line));
      }),
    );
    await Promise.all(names.map(running));
    await until("every log has begun", async () => [...lines.values()].every((mine) => mine.length > 0));
    await Promise.all(names.map((name) => cluster.kube.delete({ ...PODS, name })));
    await Promise.all(logs.map((log) => log.ended));
    for (const name of names) {
      const [first, second, third] = [0, 1, 2].map((copy) => lines.get(`${name}/${copy}`));
      expect(first?.some((line) => /stopp|shut/i.test(line))).toBe(true); // written after SIGTERM
      expect(second).toEqual(first);
      expect(third).toEqual(first);
    }
  });

  test("a pod is called through the API server; a port on which nobody listens is an error", async () => {
    await cluster.kube.apply(pod("called"));
    await running("called");
    const answer = await waitFor({
      what: "an answer to /ping; the program answers 404 until its routes are there",
      probe: async () => {
        const called = { namespace: NAMESPACE, name: "called", port: 8080 };
        const value = await cluster.kube.podHttp(called, { method: "GET", path: "/ping" });
        return value.status === 404 ? { done: false, saw: value.body } : { done: true, value };
      },
      timeoutMs: 60_000,
      everyMs: 200,
    });
    expect(answer).toEqual({ status: 200, body: "OK" });
    await expect(
      cluster.kube.podHttp({ namespace: NAMESPACE, name: "called", port: 9 }, { method: "GET", path: "/" }),
    ).rejects.toMatchObject({ code: "cluster" });
  });
});

describe("the lock", () => {
  const QUICK = { renewEveryMs: 100, staleAfterMs: 1_000 };

  test("refuses a second run and names the first; free after release, with nobody before", async () => {
    const lock = await lockCluster(cluster, "run-one");
    expect(lock.previous).toBeNull();
    await expect(lockCluster(cluster, "run-two")).rejects.toMatchObject({
      code: "cluster-busy",
      message: expect.stringContaining("run-one"),
    });
    await lock.release();
    const next = await lockCluster(cluster, "run-two");
    expect(next.previous).toBeNull();
    await next.release();
  });

  test("is kept longer than it would last without being renewed", async () => {
    const lock = await lockCluster(cluster, "run-long", undefined, QUICK);
    const ref = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      namespace: SYSTEM_NAMESPACE,
      name: "faultline-run",
    };
    const taken = Date.parse((await cluster.kube.get(ref)).spec.acquireTime);
    await until("renewed for more than it lasts", async () => {
      const renewed = Date.parse((await cluster.kube.get(ref)).spec.renewTime);
      return renewed - taken > 2 * QUICK.staleAfterMs;
    });
    await expect(lockCluster(cluster, "run-two")).rejects.toMatchObject({ code: "cluster-busy" });
    await lock.release();
  });

  test("of a run that was killed goes to the next, which learns whose it was; the first hears of its loss", async () => {
    const lost = Promise.withResolvers<string>();
    await lockCluster(cluster, "run-killed", lost.resolve, { renewEveryMs: 5_000, staleAfterMs: 1_000 });
    const next = await waitFor({
      what: "the stale lock is taken over",
      probe: async () => ({ done: true, value: await lockCluster(cluster, "run-next") }),
      timeoutMs: 30_000,
      everyMs: 200,
    });
    expect(next.previous).toMatchObject({ runId: "run-killed", pid: process.pid });
    expect(await lost.promise).toContain("lost");
    await next.release();
  });
});

test("capabilities: all here; without an ingress controller that one is missing, with its reason", async () => {
  const all: Capability[] = [
    "node-exec",
    "node-container",
    "kubelet-port",
    "ingress",
    "certificate-signing",
    "iptables",
  ];
  expect(await missingCapabilities(cluster, all)).toEqual(new Map());
  const without = await missingCapabilities({ ...cluster, ingressUrl: null }, all);
  expect([...without.keys()]).toEqual(["ingress"]);
  expect(without.get("ingress")).toContain("traefik");
});

test("a kubeconfig that is not there says what to do", () => {
  expect(() => connect("/nowhere/kubeconfig")).toThrow(expect.objectContaining({ code: "cluster" }));
});
