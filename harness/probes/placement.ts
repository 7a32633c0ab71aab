/**
 * Follows where the replicas of a workload run and what becomes of the nodes: the API's pods and nodes by watches, the
 * CPU time of nodes and replicas by this machine's own counters, which cost a capped node nothing and are there when
 * nothing on it answers.
 */
import { availableParallelism } from "node:os";
import type { KubeObject, WatchHandle } from "../cluster/kube.ts";
import type { NodeHandle } from "../cluster/provider.ts";
import { messageOf } from "../errors.ts";
import type { PlacementProbe } from "../probe-specs.ts";
import { conditionsOf } from "./nodes.ts";
import { type CpuSample, cpuShares, readCpu } from "./placement/cpu.ts";
import { isSamePlace, type Place, placeOf } from "./placement/place.ts";
import { gapObserver, type Probe, type ProbeContext } from "./probe.ts";

const EVERY_MS = 1_000;
const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";

export const placement: Probe<PlacementProbe> = {
  kind: "placement",

  async start(name, { selector }, context) {
    const replicas = new Map<string, Place>();
    const nodes = await watchNodesReady(name, context);
    const pods = await watchPlaces(name, selector, context, replicas);
    const cpu = await sampleCpu(name, context, replicas);
    return {
      stop: async () => {
        await cpu.stop();
        await Promise.all([nodes.stop(), pods.stop()]);
      },
    };
  },
};

function watchPlaces(
  name: string,
  selector: string,
  context: ProbeContext,
  replicas: Map<string, Place>,
): Promise<WatchHandle> {
  return context.cluster.kube.watch(
    { apiVersion: "v1", kind: "Pod", namespace: context.namespace },
    {
      labelSelector: selector,
      onGap: gapObserver(name, "pods", context),
      onEvent: ({ type, object, monotonicNs }) => {
        const pod: string = object.metadata.name;
        const place = placeOf(object, type === "DELETED");
        const before = replicas.get(pod);
        if (before !== undefined && isSamePlace(before, place)) return;
        if (place.gone) replicas.delete(pod);
        else replicas.set(pod, place);
        const { uid: _, ...seen } = place;
        context.observe({ t: context.clock.fromMonotonicNs(monotonicNs), probe: name, type: "placed", pod, ...seen });
      },
    },
  );
}

/** Workers alone, their first state included, so that a record tells which nodes there are. */
function watchNodesReady(name: string, context: ProbeContext): Promise<WatchHandle> {
  const known = new Map<string, string>();
  return context.cluster.kube.watch(
    { apiVersion: "v1", kind: "Node" },
    {
      onGap: gapObserver(name, "nodes", context),
      onEvent: ({ type, object, monotonicNs }) => {
        const node: string = object.metadata.name;
        if (isControlPlane(object)) return;
        const status = type === "DELETED" ? "gone" : (conditionsOf(object).get("Ready") ?? "Unknown");
        if (known.get(node) === status) return;
        known.set(node, status);
        const t = context.clock.fromMonotonicNs(monotonicNs);
        context.observe({ t, probe: name, type: "node", node, condition: "Ready", status });
      },
    },
  );
}

const isControlPlane = (node: KubeObject) => node.metadata.labels?.[CONTROL_PLANE] !== undefined;

/** Nothing is sampled of nodes that are no containers of this machine. */
async function sampleCpu(name: string, context: ProbeContext, replicas: ReadonlyMap<string, Place>) {
  const workers = (await context.cluster.nodes()).filter(({ role }) => role === "worker");
  const last = new Map<string, CpuSample>();
  const told = new Set<string>();
  const sample = async (node: NodeHandle, t: number) => {
    const files = await node.container?.cpuFiles();
    if (files === undefined) return;
    const uids = [...replicas.values()].flatMap((one) => (one.node === node.name ? [one.uid] : []));
    const now = await readCpu(files, uids);
    const before = last.get(node.name);
    last.set(node.name, now);
    if (before === undefined) return;
    const shares = cpuShares(before, now, availableParallelism());
    context.observe({ t, probe: name, type: "node-cpu", node: node.name, ...shares });
  };
  const sampleAll = async () => {
    const t = context.clock.now();
    const results = await Promise.allSettled(workers.map(async (node) => sample(node, t)));
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      const line = `${name}: no CPU time to be read: ${messageOf(result.reason)}`;
      if (!told.has(line)) context.log(line);
      told.add(line);
    }
  };
  await sampleAll();
  let looking: Promise<void> | null = null;
  const timer = setInterval(() => {
    looking ??= sampleAll().finally(() => {
      looking = null;
    });
  }, EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
