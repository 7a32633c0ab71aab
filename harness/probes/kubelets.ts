/** What the kubelets of all workers count, every other second: reads of the API server, their wait, states published. */
import { setTimeout as sleep } from "node:timers/promises";
import { readKubeletCounts, readLimits } from "../cluster/kubelet-facts.ts";
import { messageOf } from "../errors.ts";
import type { ProbeContext, RunningProbe } from "./probe.ts";

const EVERY_MS = 2_000;
const CONTROL_PLANE = "node-role.kubernetes.io/control-plane";

/** One that cannot be asked, because it restarts, is asked again the next time. */
export async function sampleKubelets(name: string, context: ProbeContext): Promise<RunningProbe> {
  const { kube } = context.cluster;
  const nodes = await kube.list({ apiVersion: "v1", kind: "Node" });
  const workers = nodes
    .filter(({ metadata }) => metadata.labels?.[CONTROL_PLANE] === undefined)
    .map(({ metadata }): string => metadata.name);
  const silent = new Set<string>();

  async function sample(node: string): Promise<void> {
    try {
      const [limits, { reads, readWaitMs, statuses, statusMs }] = await Promise.all([
        readLimits(kube, node),
        readKubeletCounts(kube, node),
      ]);
      const sums = { calls: reads, waitMs: readWaitMs, statuses, statusMs };
      context.observe({ t: context.clock.now(), probe: name, type: "kubelet", node, ...limits, ...sums });
      silent.delete(node);
    } catch (error) {
      if (!silent.has(node)) context.log(`the kubelet of ${node} says nothing: ${messageOf(error)}`);
      silent.add(node);
    }
  }

  const stopping = new AbortController();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await Promise.all(workers.map(sample));
      await sleep(EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await Promise.all(workers.map(sample));
  }
  const done = run();
  return {
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}
