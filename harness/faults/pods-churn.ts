/**
 * Pods come and go on chosen nodes, at a set rate and each for a set time, as builder jobs do.
 *
 * The pods are created and deleted from the harness's process. On the node, under a lease, stands a recorder of what the
 * container runtime really starts; when the lease lapses each node stops the pods that are left on it.
 */
import { LABEL_FAULT } from "../cluster/labels.ts";
import { waitFor } from "../cluster/wait.ts";
import { toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { PodChurnFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { onEach } from "./kubelet/nodes.ts";
import { faultName } from "./names.ts";
import { endOnNode, leftOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { nodeOf, sandboxesOf } from "./pods/containers.ts";
import { lookUntil } from "./pods/settle.ts";
import { lookAtRate } from "./pods-churn/look.ts";
import { type Loop, startLoop } from "./pods-churn/loop.ts";
import { type PodToken, podManifest, podSpecOf, podsAtOnce, refuseWithoutRoom } from "./pods-churn/pod.ts";
import { churnProblems } from "./pods-churn/spec.ts";
import { RECORD_STARTS } from "./pods-churn/starts.ts";
import { chooseNodes } from "./targets.ts";

export type ChurnUndo = PodToken & {
  /** Empty: none matched, and emptyTargets says to go on. */
  readonly nodes: readonly string[];
  readonly podsPerSecond: number;
  readonly lifetimeMs: number;
  readonly pods: number | null;
};

const WORD = "churn";
/** Each look is a program run on every node, which takes of the CPU that the starts need. */
const LOOK_EVERY_MS = 1_500;
const NOTHING_TO_DO: Evidence = {
  effective: true,
  because: "no node matched, and emptyTargets says to go on",
  values: {},
};

/** What runs in this process, by the fault's id. */
const loops = new Map<string, Loop>();

export const podChurn: Fault<PodChurnFault, ChurnUndo> = {
  kind: "pods.churn",
  needs: ["node-exec", "container-runtime"],
  oneShot: false,
  drawAs: { label: "pods come and go", colour: "#7a9a01" },

  validate: churnProblems,

  async prepare(spec, context) {
    const id = faultName(WORD, context.runId, context.faultId);
    const nodes = await chooseNodes(context, spec.targets);
    const lifetimeMs = toMs(spec.lifetime);
    const { podsPerSecond, pods = null } = spec;
    const { labels = {}, annotations = {} } = spec.metadata ?? {};
    const podSpec = await podSpecOf(context, lifetimeMs, spec.template);
    const { namespace } = context;
    const undo = { id, namespace, labels, annotations, spec: podSpec, nodes, podsPerSecond, lifetimeMs, pods };
    const grace = Number(podSpec.terminationGracePeriodSeconds);
    for (const node of nodes) {
      await refuseSecond(context, node, id);
      await refuseWithoutRoom(context, node, podsAtOnce(undo, nodes.length, grace));
      await context.cluster.kube.apply(podManifest(`${id}-try`, node, undo, context.runId), { dryRun: true });
    }
    return undo;
  },

  async inject(undo, context, leaseMs) {
    if (undo.nodes.length === 0) return;
    await onEach(context, targetsOf(undo), async (node) => startOnNode(node, partOf(undo), leaseMs));
    const running = loops.get(undo.id);
    if (running === undefined) loops.set(undo.id, startLoop(loopPorts(undo, context), leaseMs));
    else running.renew(leaseMs);
  },

  async renew(undo, context, leaseMs) {
    await onEach(context, targetsOf(undo), async (node) => renewOnNode(node, undo.id, leaseMs));
    loops.get(undo.id)?.renew(leaseMs);
  },

  /** Waits until the rate is reached, at most until it has had the time for it. */
  async verifyEffective(undo, context) {
    let last = NOTHING_TO_DO;
    if (undo.nodes.length === 0) return last;
    await waitFor({
      what: `${undo.podsPerSecond} pods a second on ${undo.nodes.join(", ")}`,
      timeoutMs: context.budgetMs,
      everyMs: LOOK_EVERY_MS,
      signal: context.signal,
      probe: async () => {
        const look = await lookAtRate(undo, loops.get(undo.id), context);
        last = look.evidence;
        return look.final || last.effective ? { done: true, value: last } : { done: false, saw: last.because };
      },
    }).catch((error: unknown) => {
      if (!(error instanceof FaultlineError) || error.code !== "deadline") throw error;
    });
    return last;
  },

  async revert(undo, context) {
    await loops.get(undo.id)?.stop();
    loops.delete(undo.id);
    await waitFor({
      what: `no pod of ${undo.id} in ${undo.namespace}`,
      timeoutMs: context.budgetMs,
      everyMs: 250,
      signal: context.signal,
      probe: async () => {
        const left = await podsOf(undo, context);
        if (left.length === 0) return { done: true, value: undefined };
        await Promise.all(left.map(async (name) => context.cluster.kube.delete(podRef(undo, name), NO_GRACE)));
        return { done: false, saw: `${left.length} pods` };
      },
    });
    await onEach(context, targetsOf(undo), async (node) => endOnNode(node, partOf(undo)));
  },

  verifyReverted: (undo, context) =>
    lookUntil({ what: "no pod left", wanted: false, timeoutMs: context.budgetMs }, context, async () => {
      const objects = (await podsOf(undo, context)).length;
      const counts = await Promise.all(
        undo.nodes.map(async (name) => sandboxesOf(await nodeOf(context, name), undo.id)),
      );
      const sandboxes = counts.reduce((sum, one) => sum + one, 0);
      const saw = `${objects} pods are left, ${sandboxes} run`;
      const name = undo.nodes.join(", ") || "no node";
      return [{ name, inEffect: objects + sandboxes > 0, saw, values: { objects, sandboxes } }];
    }),

  byHand: ({ id, nodes, namespace }) => [
    `kubectl delete pods --namespace ${namespace} --selector ${LABEL_FAULT}=${id} --grace-period=0 --force`,
    ...nodes.map((node) => `docker exec ${node} systemctl stop '${id}-*'`),
  ],
};

const NO_GRACE = { gracePeriodSeconds: 0 };
const targetsOf = ({ nodes }: ChurnUndo) => nodes.map((name) => ({ name }));

/**
 * Stopped, not removed: the kubelet starts again what has left no trace. crictl by itself waits 2 s for each, which is
 * too short where many stop at once.
 */
const partOf = ({ id }: ChurnUndo) => ({
  id,
  inject: RECORD_STARTS,
  undo: `systemctl stop "$ID-starts" 2> /dev/null
left() { crictl pods --quiet --state ready --label ${LABEL_FAULT}="$ID"; }
for try in 1 2 3 4 5 6 7 8; do
  pods=$(left) || exit 1
  [ -n "$pods" ] || exit 0
  crictl --timeout 15s stopp $pods > /dev/null
  sleep 0.2
done
exit 1`,
});

async function refuseSecond(context: FaultContext, name: string, id: string): Promise<void> {
  const node = await nodeOf(context, name);
  if (node === null) throw new FaultlineError("fault", `no program can be run on ${name}`);
  const other = (await leftOnNode(node)).find((one) => one !== id && one.startsWith(`faultline-${WORD}-`));
  if (other === undefined) return;
  throw new FaultlineError("fault", `pods come and go on ${name} already, by ${other}`, {
    fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
  });
}

const podRef = ({ namespace }: ChurnUndo, name: string) => ({ apiVersion: "v1", kind: "Pod", namespace, name });

async function podsOf({ id, namespace }: ChurnUndo, context: FaultContext): Promise<readonly string[]> {
  const ref = { apiVersion: "v1", kind: "Pod", namespace };
  const pods = await context.cluster.kube.list(ref, { labelSelector: `${LABEL_FAULT}=${id}` });
  return pods.map((pod): string => pod.metadata.name);
}

function loopPorts(undo: ChurnUndo, { cluster, runId }: FaultContext) {
  // A second loop of the same fault must not meet the names of the first.
  const series = Date.now().toString(36);
  return {
    everyMs: 1_000 / undo.podsPerSecond,
    lifetimeMs: undo.lifetimeMs,
    pods: undo.pods,
    create: async (n: number) => {
      const name = `${undo.id}-${series}-${n}`;
      const node = undo.nodes[n % undo.nodes.length] as string;
      await cluster.kube.create(podManifest(name, node, undo, runId));
      return name;
    },
    remove: async (name: string) => cluster.kube.delete(podRef(undo, name)),
  };
}
