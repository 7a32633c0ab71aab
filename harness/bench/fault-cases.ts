/** Which faults are timed, and how a person would do the same with plain commands. */
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { docker } from "../cluster/docker.ts";
import { IMDS } from "../cluster/imds/address.ts";
import { installImds, mockSettings } from "../cluster/imds/install.ts";
import type { ClusterHandle, NodeHandle } from "../cluster/provider.ts";
import { waitFor } from "../cluster/wait.ts";
import { pauseImage } from "../faults/pods/pause-image.ts";
import { isReady } from "../faults/pods/pod.ts";
import type { Duration, FaultSpec } from "../types.ts";

export interface Hands {
  readonly node: NodeHandle;
  readonly cluster: ClusterHandle;
  readonly namespace: string;
}
export interface FaultCase {
  readonly what: string;
  readonly spec: FaultSpec;
  /** The end of the name of the node that is hit. */
  readonly node: string;
  readonly limitsMs: { readonly effect: number; readonly clean: number };
  /** What the targets are, made once. */
  readonly prepare?: (cluster: ClusterHandle, namespace: string) => Promise<void>;
  readonly byHand: {
    readonly inject: (hands: Hands) => Promise<void>;
    readonly undo: (hands: Hands) => Promise<void>;
    /** Where the fault's own measurement wants to find the fault itself. */
    readonly isIn?: (hands: Hands) => Promise<boolean>;
  };
}

const AGED: Duration = "899s";

export const FAULT_CASES: readonly FaultCase[] = [
  {
    what: "node.freeze, `docker pause`",
    spec: { kind: "node.freeze", targets: { names: ["worker2"] } },
    node: "worker2",
    limitsMs: { effect: 500, clean: 500 },
    byHand: {
      inject: async ({ node }) => void (await docker(["pause", node.name])),
      undo: async ({ node }) => void (await docker(["unpause", node.name])),
    },
  },
  {
    what: "node.cpu-saturation at 50 %, busy loops in the node",
    spec: { kind: "node.cpu-saturation", targets: { names: ["worker2"] }, percent: 50 },
    node: "worker2",
    limitsMs: { effect: 1_000, clean: 1_000 },
    // Half of the CPUs at full speed.
    byHand: {
      inject: async ({ node }) => {
        const loops = Array.from({ length: Math.max(1, availableParallelism() / 2) }, () => "(while :; do :; done) &");
        await docker(["exec", "--detach", node.name, "bash", "-c", `${loops.join(" ")} wait`]);
      },
      undo: async ({ node }) =>
        void (await node.exec(["pkill", "--full", "while :; do :; done"], { timeoutMs: 10_000, accept: [0, 1] })),
      isIn: async ({ node }) => {
        const usedMs = async () => (await node.container?.cpuUsageMs()) ?? 0;
        const [before, began] = [await usedMs(), performance.now()];
        await sleep(300);
        return (await usedMs()) - before > 0.4 * availableParallelism() * (performance.now() - began);
      },
    },
  },
  {
    what: "network.partition of a pod and its peer, `iptables` on the node",
    spec: { kind: "network.partition", pods: { selector: "app=web" }, peers: { pods: { selector: "app=db" } } },
    node: "worker2",
    limitsMs: { effect: 500, clean: 500 },
    prepare: async (cluster, namespace) => {
      await Promise.all([pausePod(cluster, namespace, "web", "worker2"), pausePod(cluster, namespace, "db", "worker")]);
    },
    byHand: { inject: (hands) => cutByHand(hands, "--insert"), undo: (hands) => cutByHand(hands, "--delete") },
  },
  {
    what: "imds.credentials, `kubectl patch` of the mock's settings",
    spec: { kind: "imds.credentials", remaining: AGED },
    node: "control-plane",
    limitsMs: { effect: 50, clean: 50 },
    prepare: installImds,
    byHand: { inject: (hands) => patchSettings(hands, { remaining: AGED }), undo: (hands) => patchSettings(hands, {}) },
  },
];

/** Ready when this resolves. */
async function pausePod(
  { kube, name: cluster }: ClusterHandle,
  namespace: string,
  app: string,
  node: string,
): Promise<void> {
  const ref = { apiVersion: "v1", kind: "Pod", namespace, name: app };
  const containers = [{ name: "pause", image: await pauseImage(kube) }];
  await kube.apply({
    ...{ apiVersion: ref.apiVersion, kind: ref.kind },
    metadata: { name: app, namespace, labels: { app } },
    spec: { nodeName: `${cluster}-${node}`, terminationGracePeriodSeconds: 0, containers },
  });
  await waitFor({
    what: `pod ${app} ready`,
    timeoutMs: 60_000,
    everyMs: 100,
    probe: async () => {
      const pod = await kube.get(ref);
      return pod !== null && isReady(pod)
        ? { done: true, value: undefined }
        : { done: false, saw: `${pod?.status?.phase}` };
    },
  });
}

/** As one would who knows where the pod runs: two look-ups, two rules. */
async function cutByHand({ node, cluster, namespace }: Hands, verb: "--insert" | "--delete"): Promise<void> {
  const ipOf = async (name: string): Promise<string> =>
    (await cluster.kube.get({ apiVersion: "v1", kind: "Pod", namespace, name }))?.status.podIP;
  const [web, db] = await Promise.all([ipOf("web"), ipOf("db")]);
  for (const [from, to] of [
    [web, db],
    [db, web],
  ] as const) {
    const rule = ["--source", from, "--destination", to, "--jump", "DROP"];
    await node.exec(["iptables", "--wait", "5", verb, "FORWARD", ...rule], { timeoutMs: 20_000 });
  }
}

/** On the control plane, where kubectl is at hand; the mocks hear of it through their watch. */
async function patchSettings({ node }: Hands, settings: Parameters<typeof mockSettings>[0]): Promise<void> {
  const data = { id: `by-hand-${performance.now()}`, settings: JSON.stringify(mockSettings(settings)) };
  const kubectl = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--namespace", IMDS.namespace];
  const patch = ["patch", "configmap", IMDS.name, "--type", "merge", "--patch", JSON.stringify({ data })];
  await node.exec([...kubectl, ...patch], { timeoutMs: 20_000 });
}
