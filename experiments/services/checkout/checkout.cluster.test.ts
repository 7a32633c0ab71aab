import { mkdtemp, readFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ClusterHandle } from "../../../harness/cluster/provider.ts";
import { waitFor } from "../../../harness/cluster/wait.ts";
import type { FaultContext } from "../../../harness/faults/fault.ts";
import { terminatePods } from "../../../harness/faults/pods-terminate.ts";
import { fillIn, merge, parseManifests } from "../../../harness/plan/overlay.ts";
import { seeded } from "../../../harness/plan/random.ts";
import { startProbe } from "../../../harness/probes/index.ts";
import { readUpstream } from "../../../harness/probes/upstream-file.ts";
import { startClock } from "../../../harness/run/clock.ts";
import { createNamespace, removeNamespace } from "../../../harness/run/workload.ts";
import { sharedCluster } from "../../../harness/testing/shared-cluster.ts";
import type { JsonObject, Manifest, Observation } from "../../../harness/types.ts";

const here = new URL(".", import.meta.url).pathname;
const NAMESPACE = "checkout-test";
const REPLICAS = 2;
let cluster: ClusterHandle;

beforeAll(async () => {
  cluster = await sharedCluster();
  await removeNamespace(cluster.kube, NAMESPACE, 120_000);
  await createNamespace(cluster.kube, NAMESPACE, "checkout-test");
  const images = await cluster.loadImages([{ name: "checkout", context: here }]);
  for (const name of ["deployment", "service", "ingress"]) {
    const path = join(here, "manifests", `${name}.yaml`);
    const text = fillIn(await readFile(path, "utf8"), { NAMESPACE, ARM: "test" }, path).text;
    for (const manifest of parseManifests(text, path).manifests) await cluster.kube.apply(small(manifest, images));
  }
});
afterAll(() => removeNamespace(cluster.kube, NAMESPACE, 120_000));

/** Two replicas are enough here. */
function small(manifest: Manifest, images: Readonly<Record<string, string>>): Manifest {
  if (manifest.kind !== "Deployment") return manifest;
  const change = {
    replicas: REPLICAS,
    template: { spec: { containers: [{ name: "checkout", image: images.checkout }] } },
  };
  return merge(manifest as unknown as JsonObject, { spec: change } as unknown as JsonObject) as unknown as Manifest;
}

/** One request through the ingress. @returns the pod that answered, "" for none. */
function ask(): Promise<string> {
  return new Promise((resolve) => {
    const headers = { host: `checkout.${NAMESPACE}.test` };
    const call = request(`${cluster.ingressUrl}/cart`, { headers, agent: false, timeout: 5_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200 ? String(answer.headers["x-pod"]) : "");
    });
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(""));
    call.end();
  });
}

it("each ended pod is seen by the API, the endpoints, its own log and the ingress, on one clock", async () => {
  const clock = startClock();
  const observations: Observation[] = [];
  const upstreamFile = join(await mkdtemp(join(tmpdir(), "faultline-")), "upstream");
  const context: FaultContext = {
    cluster,
    namespace: NAMESPACE,
    faultId: "test/terminations/0",
    runId: "checkout-test",
    images: {},
    random: seeded(1),
    signal: new AbortController().signal,
    budgetMs: 120_000,
    log: () => undefined,
    observe: (seen) => observations.push({ t: clock.now(), probe: "terminations", ...seen } as Observation),
  };
  await waitFor({
    what: "an answer through the ingress",
    timeoutMs: 60_000,
    everyMs: 250,
    probe: async () => ((await ask()) === "" ? { done: false, saw: "none" } : { done: true, value: undefined }),
  });
  const probe = await startProbe(
    "pods",
    { kind: "pod-terminations", service: "checkout", selector: "app=checkout", port: 8080 },
    {
      cluster,
      namespace: NAMESPACE,
      clock,
      upstreamFile,
      observe: (seen) => observations.push(seen),
      log: () => undefined,
    },
  );
  const answered = new Set<string>();
  let loading = true;
  const load = (async () => {
    while (loading) {
      answered.add(await ask());
      await sleep(20);
    }
  })();

  const spec = {
    kind: "pods.terminate",
    deployment: "checkout",
    rollingRestarts: 1,
    deletions: 1,
    every: "3s",
  } as const;
  const undo = await terminatePods.prepare(spec, context);
  expect(await terminatePods.verifyEffective(undo, context)).toMatchObject({ effective: false });
  await terminatePods.inject(undo, context, 30_000);
  expect(await terminatePods.verifyEffective(undo, context)).toMatchObject({
    effective: true,
    values: { terminations: REPLICAS + 1 },
  });
  expect(await terminatePods.verifyReverted(undo, context)).toMatchObject({ effective: false });
  loading = false;
  await load;
  await probe.stop();

  const ended = observations.filter((one) => one.type === "pod" && one.event === "gone");
  expect(ended).toHaveLength(REPLICAS + 1);
  for (const { pod, ip } of ended as { pod: string; ip: string }[]) {
    const time = (wanted: (one: Observation) => boolean) => observations.find(wanted)?.t ?? Number.NaN;
    const app = (event: string) => time((one) => one.type === "app" && one.pod === pod && one.event === event);
    const deleted = time((one) => one.type === "pod" && one.pod === pod && one.event === "deleting");
    const notReady = time((one) => one.type === "endpoint" && one.ip === ip && (!one.ready || !one.present));
    const gone = time((one) => one.type === "pod" && one.pod === pod && one.event === "gone");
    expect(deleted).toBeLessThan(app("sigterm") + 1_000);
    expect(app("sigterm")).toBeLessThanOrEqual(app("listener-closed"));
    expect(app("listener-closed")).toBeLessThanOrEqual(app("exit"));
    expect(app("exit")).toBeLessThan(gone);
    expect(notReady).toBeGreaterThan(0);
  }
  expect(observations.filter((one) => one.type === "delete-call")).toHaveLength(1);

  const upstream = await readUpstream(`${upstreamFile}.parquet`);
  const ips = new Set(observations.flatMap((one) => (one.type === "pod" && one.ip !== null ? [`${one.ip}:8080`] : [])));
  expect(upstream.length).toBeGreaterThan(0);
  for (const address of upstream.address.values) expect(ips).toContain(address);
  answered.delete("");
  expect(answered.size).toBeGreaterThan(REPLICAS);
});
