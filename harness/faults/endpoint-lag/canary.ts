/**
 * How late the data plane follows an endpoint change, measured from outside: a Service of our own whose only endpoint
 * changes from one of two pods to the other while requests go through the ingress. It shares nothing with the workload.
 */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject } from "../../cluster/kube.ts";
import { SYSTEM_NAMESPACE } from "../../cluster/labels.ts";
import { waitFor } from "../../cluster/wait.ts";
import { FaultlineError } from "../../errors.ts";
import { CONTROL_PORT, removeAgent, startAgent } from "../agent/pod.ts";
import { CANARY_HEADER } from "../agent-image/control.ts";
import type { FaultContext } from "../fault.ts";
import { metadataOf } from "../names.ts";

export interface Canary {
  readonly id: string;
  readonly node: string;
  readonly ingressClass: string;
}

/** A controller may hold the second of two changes back: Traefik by `providersThrottleDuration`, 2 s. */
export const THROTTLE_MS = 2_100;
const SAMPLE_EVERY_MS = 25;
/** So many requests in a row that the pod before did not answer: the ingress has moved on, and it was no hiccup. */
const MISSES = 3;

type Side = "a" | "b";

const nameOf = (canary: Canary) => `${canary.id}-canary`;
const podOf = (id: string, side: Side) => `${id}-canary-${side}`;
const SLICE = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" } as const;
const sliceRef = (canary: Canary) => ({ ...SLICE, namespace: SYSTEM_NAMESPACE, name: nameOf(canary) });

interface CanaryPod {
  readonly name: string;
  readonly ip: string;
}
interface Ready {
  /** Whom the ingress sends to. */
  readonly now: CanaryPod;
  readonly next: CanaryPod;
}

/** Creates what is missing of the canary and waits until the ingress sends to the pod that its slice names. */
async function ensureCanary(context: FaultContext, canary: Canary): Promise<Ready> {
  const [a, b] = await Promise.all([startPod(context, canary, "a"), startPod(context, canary, "b")]);
  const { kube } = context.cluster;
  const name = nameOf(canary);
  const metadata = metadataOf(name, canary.id, context.runId);
  await kube.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { ports: [{ name: "http", port: 80, targetPort: CONTROL_PORT }] },
  });
  const at = addressIn(await kube.get(sliceRef(canary)));
  if (at !== a.ip && at !== b.ip) {
    const labels = {
      ...metadata.labels,
      "kubernetes.io/service-name": name,
      "endpointslice.kubernetes.io/managed-by": "faultline.dev",
    };
    const ports = [{ name: "http", port: CONTROL_PORT, protocol: "TCP" }];
    const slice = { addressType: "IPv4", endpoints: [endpoint(a.ip)], ports };
    await kube.apply({ ...SLICE, metadata: { ...metadata, labels }, ...slice });
  }
  const backend = { service: { name, port: { name: "http" } } };
  const http = { paths: [{ path: "/", pathType: "Prefix", backend }] };
  await kube.apply({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata,
    spec: { ingressClassName: canary.ingressClass, rules: [{ host: hostOf(canary), http }] },
  });
  const ready = at === b.ip ? { now: b, next: a } : { now: a, next: b };
  await untilServed(context, canary, ready.now);
  return ready;
}

async function startPod(context: FaultContext, { id, node }: Canary, side: Side): Promise<CanaryPod> {
  const name = podOf(id, side);
  return { name, ip: await startAgent(context, { name, id, role: "canary", node, env: { NAME: name } }) };
}

export interface Measurement {
  /** From the slice's change, as a watch saw it, to the last request that still went to the endpoint before. */
  readonly lagMs: number;
  readonly requests: number;
}

/**
 * Puts the other pod into the slice, and leaves it there: the next measurement is not to wait until a change back has
 * come through as late as this one.
 * @param quietMs how long the ingress is left alone before, so that a throttle of its own does not add to the lag.
 */
export async function measureLag(context: FaultContext, canary: Canary, quietMs: number): Promise<Measurement> {
  const { now, next } = await ensureCanary(context, canary);
  await sleep(quietMs, undefined, { signal: context.signal });
  const { kube } = context.cluster;
  let removedNs: bigint | null = null;
  const watch = await kube.watch(sliceRef(canary), {
    fieldSelector: `metadata.name=${nameOf(canary)}`,
    onEvent: ({ object, monotonicNs }) => {
      if (addressIn(object) === next.ip) removedNs ??= monotonicNs;
    },
    onGap: () => undefined,
  });
  const sampler = sampleUntilMoved(context, canary, now);
  try {
    await kube.patch(sliceRef(canary), { endpoints: [endpoint(next.ip)] });
    const { lastServedNs, requests } = await sampler.done;
    if (removedNs === null) throw new FaultlineError("fault", "the canary's change was not seen in the API's watch");
    return { lagMs: Math.max(0, Number(lastServedNs - removedNs) / 1e6), requests };
  } finally {
    sampler.stop();
    await watch.stop();
  }
}

/**
 * Changes the slice without changing its endpoints, so that every watch of slices gets an event: the answer of an idle
 * connection to that event is what the redirect's reset rule meets.
 */
export async function nudgeWatches(context: FaultContext, canary: Canary): Promise<void> {
  const annotations = { "faultline.dev/nudged-at": new Date().toISOString() };
  await context.cluster.kube.patch(sliceRef(canary), { metadata: { annotations } });
}

/** Right if it is gone, or never was. */
export async function removeCanary(context: FaultContext, id: string): Promise<void> {
  const { kube } = context.cluster;
  const named = { namespace: SYSTEM_NAMESPACE, name: `${id}-canary` };
  await kube.delete({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", ...named });
  await kube.delete({ apiVersion: "v1", kind: "Service", ...named });
  await kube.delete({ ...SLICE, ...named });
  await Promise.all([removeAgent(context, podOf(id, "a")), removeAgent(context, podOf(id, "b"))]);
}

const endpoint = (ip: string) => ({ addresses: [ip], conditions: { ready: true, serving: true, terminating: false } });
const hostOf = (canary: Canary) => `${nameOf(canary)}.test`;

const addressIn = (slice: KubeObject | null): string | undefined => slice?.endpoints?.[0]?.addresses?.[0];

async function untilServed(context: FaultContext, canary: Canary, pod: CanaryPod): Promise<void> {
  await waitFor({
    what: `the ingress at ${context.cluster.ingressUrl} sends to ${pod.name}`,
    timeoutMs: context.budgetMs,
    everyMs: SAMPLE_EVERY_MS,
    signal: context.signal,
    probe: async () =>
      (await isServedBy(pod, context, canary, false))
        ? { done: true, value: undefined }
        : { done: false, saw: "another answer" },
  });
}

/** Sends a request every 25 ms from now on, until several in a row are no longer answered by this pod. */
function sampleUntilMoved(context: FaultContext, canary: Canary, pod: CanaryPod) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const deadline = performance.now() + context.budgetMs;
  let stopped = false;
  const run = async () => {
    let lastServedNs = process.hrtime.bigint();
    let requests = 0;
    for (let misses = 0; misses < MISSES; ) {
      if (stopped || context.signal.aborted) throw new FaultlineError("interrupted", "canary: stopped on request");
      if (performance.now() > deadline) {
        throw new FaultlineError(
          "deadline",
          `canary: still served after ${requests} requests in ${context.budgetMs} ms`,
        );
      }
      const startedNs = process.hrtime.bigint();
      const served = await isServedBy(pod, context, canary, agent);
      requests += 1;
      misses = served ? 0 : misses + 1;
      if (served) lastServedNs = startedNs;
      await sleep(Math.max(0, SAMPLE_EVERY_MS - Number(process.hrtime.bigint() - startedNs) / 1e6));
    }
    return { lastServedNs, requests };
  };
  const done = run().finally(() => agent.destroy());
  // Whoever waits gets the error; nobody waits when the patch failed first.
  done.catch(() => undefined);
  return {
    done,
    stop: () => {
      stopped = true;
    },
  };
}

/** Any failure is "not served": the ingress itself answers when there is no endpoint. */
function isServedBy(pod: CanaryPod, context: FaultContext, canary: Canary, agent: Agent | false): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { host: hostOf(canary) };
    const call = request(context.cluster.ingressUrl ?? "", { headers, agent, timeout: 2_000 }, (answer) => {
      answer.resume();
      answer.on("close", () => resolve(answer.headers[CANARY_HEADER] === pod.name));
    });
    call.on("timeout", () => call.destroy());
    call.on("error", () => resolve(false));
    call.end();
  });
}
