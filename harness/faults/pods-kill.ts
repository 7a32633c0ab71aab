/**
 * Deletes pods, with their own grace, with another, or with none.
 *
 * One-shot: `inject` runs until the pods are gone; `revert` has nothing to put back, their controllers replace them.
 */
import { waitFor } from "../cluster/wait.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { KillPodsFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { evidenceOf, type Finding } from "./node/findings.ts";
import { nodeOf, runningContainers, runningOn } from "./pods/containers.ts";
import { lookAtOwner, type Owner, ownersOf } from "./pods/owners.ts";
import { lookUntil } from "./pods/settle.ts";
import { choosePods, type PodTarget, targetProblems } from "./targets.ts";

type Victim = PodTarget & { readonly containers: readonly string[] };
export type KillUndo = {
  readonly victims: readonly Victim[];
  readonly owners: readonly Owner[];
  /** null: the pod's own. */
  readonly graceSeconds: number | null;
};

const MAX_GRACE_MS = 10 * 60_000;

export const killPods: Fault<KillPodsFault, KillUndo> = {
  kind: "pods.kill",
  needs: ["container-runtime"],
  oneShot: true,
  drawAs: { label: "pods are killed", colour: "#a6461f" },

  validate: (spec) => [...targetProblems("targets", spec.targets), ...graceProblems(spec.grace)],

  async prepare(spec, context) {
    const targets = await choosePods(context, spec.targets);
    const pods = await Promise.all(targets.map(async (target) => readPod(context, target)));
    return {
      victims: targets.map((target, i) => ({ ...target, containers: runningContainers(pods[i]) })),
      owners: await ownersOf(context, pods),
      graceSeconds: graceSecondsOf(spec.grace),
    };
  },

  async inject(undo, context) {
    await Promise.all(undo.victims.map(async (victim) => kill(victim, undo.graceSeconds, context)));
    await waitFor({
      what: `${undo.victims.length} pods to be gone`,
      timeoutMs: context.budgetMs,
      everyMs: 200,
      signal: context.signal,
      probe: async () => {
        const { values, because } = evidenceOf(await lookAll(undo.victims, context), "all");
        const left = undo.victims.length - Number(values.inEffect);
        return left === 0 ? { done: true, value: undefined } : { done: false, saw: because };
      },
    });
  },

  /** The runtime of each node tells whether the containers that ran before still do. */
  verifyEffective: async ({ victims }, context) => evidenceOf(await lookAll(victims, context), "all"),

  /** Nothing to put back: the controllers have replaced each pod by themselves. */
  async revert() {},

  verifyReverted: ({ owners }, context): Promise<Evidence> =>
    lookUntil({ what: "the replacements to be ready", wanted: false, timeoutMs: context.budgetMs }, context, async () =>
      Promise.all(owners.map(async (owner) => lookAtOwner(context, owner))),
    ),
};

function graceProblems(grace: unknown): { path: string; message: string }[] {
  if (grace === undefined || grace === "pod" || grace === "none") return [];
  const ms = parseDuration(String(grace));
  if (ms !== null && ms >= 1_000 && ms <= MAX_GRACE_MS && ms % 1_000 === 0) return [];
  return [
    {
      path: "grace",
      message: `"pod" (the pod's own), "none", or whole seconds from 1s to 10m, not ${JSON.stringify(grace)}`,
    },
  ];
}

function graceSecondsOf(grace: KillPodsFault["grace"]): number | null {
  if (grace === "pod") return null;
  return grace === undefined || grace === "none" ? 0 : toMs(grace) / 1_000;
}

async function readPod(context: FaultContext, target: PodTarget) {
  const pod = await context.cluster.kube.get({ apiVersion: "v1", kind: "Pod", ...target });
  if (pod?.metadata.uid === target.uid) return pod;
  throw new FaultlineError("fault", `${target.namespace}/${target.name} was replaced while it was being chosen`, {
    fix: "wait until the rollout is over: the workload was not steady",
  });
}

/** A pod of that name with another uid is its replacement, and is left alone. */
async function kill(victim: Victim, graceSeconds: number | null, context: FaultContext): Promise<void> {
  const { namespace, name, uid } = victim;
  const grace = graceSeconds === null ? {} : { gracePeriodSeconds: graceSeconds };
  context.observe({ type: "delete-call", pod: name });
  await context.cluster.kube.delete({ apiVersion: "v1", kind: "Pod", namespace, name }, { ...grace, uid });
}

async function lookAll(victims: readonly Victim[], context: FaultContext): Promise<readonly Finding[]> {
  const nodes = [...new Set(victims.map(({ node }) => node))];
  const running = new Map(
    await Promise.all(nodes.map(async (node) => [node, await runningOn(await nodeOf(context, node))] as const)),
  );
  return await Promise.all(
    victims.map(async ({ name, namespace, uid, node, containers }) => {
      const found = await context.cluster.kube.get({ apiVersion: "v1", kind: "Pod", namespace, name });
      const still = containers.filter((id) => running.get(node)?.has(id) === true).length;
      const gone = found?.metadata.uid !== uid;
      const saw = `${still} of its ${containers.length} containers run on ${node}, its object is ${gone ? "gone" : "there"}`;
      return { name, inEffect: still === 0 && gone, saw, values: { containersLeft: still } };
    }),
  );
}
