/**
 * Pods come and go on one node, at a set rate and each for a set time, as builder jobs do.
 *
 * The pods are created and deleted from the harness's process. On the node, under a lease, stands a recorder of what the
 * container runtime really starts; when the lease lapses the node stops the pods that are left.
 */
import { LABEL_FAULT } from "../cluster/labels.ts";
import { waitFor } from "../cluster/wait.ts";
import { toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { PodChurnFault } from "../fault-specs.ts";
import type { Evidence, JsonObject } from "../types.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { faultName } from "./names.ts";
import { endOnNode, leftOnNode, renewOnNode, startOnNode } from "./node/on-node.ts";
import { nodeOf, sandboxesOf } from "./pods/containers.ts";
import { lookUntil } from "./pods/settle.ts";
import { type Loop, startLoop } from "./pods-churn/loop.ts";
import { podManifest, podSpecOf, podsAtOnce, refuseWithoutRoom } from "./pods-churn/pod.ts";
import { churnProblems } from "./pods-churn/spec.ts";
import { RECORD_STARTS, readStarts, startRate } from "./pods-churn/starts.ts";
import { chooseNodes } from "./targets.ts";

export type ChurnUndo = {
  readonly id: string;
  /** null: none matched, and emptyTargets says to go on. */
  readonly node: string | null;
  readonly namespace: string;
  readonly podsPerSecond: number;
  readonly lifetimeMs: number;
  readonly spec: JsonObject;
};

/** The reached rate may differ by this share. */
const TOLERANCE = 0.1;
/** After this the rate is what it is. */
const SETTLE_S = 90;
const WORD = "churn";
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
  drawAs: { label: "pods come and go on a node", colour: "#7a9a01" },

  validate: churnProblems,

  async prepare(spec, context) {
    const id = faultName(WORD, context.runId, context.faultId);
    const node = await oneNode(context, spec);
    const { namespace } = context;
    const { podsPerSecond } = spec;
    const lifetimeMs = toMs(spec.lifetime);
    if (node === null) return { id, node, namespace, podsPerSecond, lifetimeMs, spec: {} };
    await refuseSecond(context, node, id);
    const podSpec = await podSpecOf(context, node, lifetimeMs, spec.template);
    const grace = Number(podSpec.terminationGracePeriodSeconds);
    await refuseWithoutRoom(context, node, podsAtOnce(podsPerSecond, lifetimeMs, grace));
    const undo = { id, node, namespace, podsPerSecond, lifetimeMs, spec: podSpec };
    await context.cluster.kube.apply(podManifest(`${id}-try`, undo, context.runId), { dryRun: true });
    return undo;
  },

  async inject(undo, context, leaseMs) {
    const node = await nodeFor(undo, context);
    if (node === null) return;
    await startOnNode(node, partOf(undo), leaseMs);
    const running = loops.get(undo.id);
    if (running === undefined) loops.set(undo.id, startLoop(loopPorts(undo, context), leaseMs));
    else running.renew(leaseMs);
  },

  async renew(undo, context, leaseMs) {
    const node = await nodeFor(undo, context);
    if (node === null) return;
    await renewOnNode(node, undo.id, leaseMs);
    loops.get(undo.id)?.renew(leaseMs);
  },

  /** Waits until the rate is reached, at most until it has had the time for it. */
  async verifyEffective(undo, context) {
    let last = NOTHING_TO_DO;
    await waitFor({
      what: `${undo.podsPerSecond} pods a second on ${undo.node}`,
      timeoutMs: context.budgetMs,
      everyMs: 500,
      signal: context.signal,
      probe: async () => {
        const look = await lookAtRate(undo, context);
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
    const node = await nodeFor(undo, context);
    if (node !== null) await endOnNode(node, partOf(undo));
  },

  verifyReverted: (undo, context) =>
    lookUntil({ what: "no pod left", wanted: false, timeoutMs: context.budgetMs }, context, async () => {
      const objects = (await podsOf(undo, context)).length;
      const sandboxes = await sandboxesOf(await nodeFor(undo, context), undo.id);
      const saw = `${objects} pods are left, ${sandboxes} run`;
      return [{ name: undo.node ?? "no node", inEffect: objects + sandboxes > 0, saw, values: { objects, sandboxes } }];
    }),

  byHand: ({ id, node, namespace }) => [
    `kubectl delete pods --namespace ${namespace} --selector ${LABEL_FAULT}=${id} --grace-period=0 --force`,
    `docker exec ${node} systemctl stop '${id}-*'`,
  ],
};

const NO_GRACE = { gracePeriodSeconds: 0 };

/** Stopped, not removed: the kubelet starts again what has left no trace. */
const partOf = ({ id }: ChurnUndo) => ({
  id,
  inject: RECORD_STARTS,
  undo: `systemctl stop "$ID-starts" 2> /dev/null
left() { crictl pods --quiet --state ready --label ${LABEL_FAULT}="$ID"; }
for try in 1 2 3 4 5 6 7 8; do
  pods=$(left) || exit 1
  [ -n "$pods" ] || exit 0
  crictl stopp $pods > /dev/null
  sleep 0.2
done
exit 1`,
});

async function oneNode(context: FaultContext, spec: PodChurnFault): Promise<string | null> {
  const nodes = await chooseNodes(context, { ...spec.targets, atMost: 1 });
  return nodes[0] ?? null;
}

async function refuseSecond(context: FaultContext, name: string, id: string): Promise<void> {
  const node = await nodeOf(context, name);
  if (node === null) throw new FaultlineError("fault", `no program can be run on ${name}`);
  const other = (await leftOnNode(node)).find((one) => one !== id && one.startsWith(`faultline-${WORD}-`));
  if (other === undefined) return;
  throw new FaultlineError("fault", `pods come and go on ${name} already, by ${other}`, {
    fix: "run `faultline revert` to end what an earlier run left, or let the faults follow each other",
  });
}

const nodeFor = async ({ node }: ChurnUndo, context: FaultContext) =>
  node === null ? null : await nodeOf(context, node);

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
    create: async (n: number) => {
      const name = `${undo.id}-${series}-${n}`;
      await cluster.kube.create(podManifest(name, undo, runId));
      return name;
    },
    remove: async (name: string) => cluster.kube.delete(podRef(undo, name)),
  };
}

async function lookAtRate(
  undo: ChurnUndo,
  context: FaultContext,
): Promise<{ readonly evidence: Evidence; readonly final: boolean }> {
  if (undo.node === null) return { evidence: NOTHING_TO_DO, final: true };
  const node = await nodeFor(undo, context);
  const starts = node === null ? null : await readStarts(node, undo.id);
  if (starts === null) {
    const because = `${undo.node} records no starts: the fault is not in`;
    return { evidence: { effective: false, because, values: { startedPerSecond: 0 } }, final: true };
  }
  const asked = undo.podsPerSecond;
  const { perSecond, overSeconds } = startRate(starts, asked);
  const { created = 0, missed = 0, failed = 0, lastError = "" } = loops.get(undo.id)?.tally() ?? {};
  const startedPerSecond = Number(perSecond.toFixed(2));
  const trouble = failed === 0 ? "" : `; ${failed} calls failed, the last: ${lastError}`;
  return {
    evidence: {
      effective: Math.abs(perSecond / asked - 1) <= TOLERANCE,
      because: `the runtime of ${undo.node} started ${startedPerSecond} pods a second over ${Math.round(overSeconds)} s; asked for are ${asked}${trouble}`,
      values: {
        startedPerSecond,
        askedPerSecond: asked,
        overSeconds: Math.round(overSeconds),
        started: starts.at.length,
        created,
        missed,
        failed,
      },
    },
    final: starts.now - starts.since > SETTLE_S,
  };
}
