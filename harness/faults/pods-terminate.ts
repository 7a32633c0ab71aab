/**
 * Ends pods the way a deployment or an operator does: rolling restarts, then single deletions.
 *
 * One-shot: `inject` runs until the last ended pod is gone, and there is nothing to put back. A rollout that hangs is
 * what was to be found out, and no failure of the harness: it ends the fault, the evidence says why, and the revert
 * rolls it back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject } from "../cluster/kube.ts";
import { parseDuration, toMs } from "../define/duration.ts";
import { FaultlineError } from "../errors.ts";
import type { TerminatePodsFault } from "../fault-specs.ts";
import type { Evidence } from "../types.ts";
import type { Fault, FaultContext } from "./fault.ts";
import { isServing, isTerminating } from "./pods/pod.ts";
import {
  deploymentRef,
  killedPods,
  lookAtRollout,
  podsOf,
  RESTART_ANNOTATION,
  readDeployment,
  restart,
  settled,
} from "./pods-terminate/deployment.ts";
import { rollBack, rolledOut, whyStuck } from "./pods-terminate/rollout.ts";

type TerminateUndo = {
  readonly deployment: string;
  readonly replicas: number;
  readonly rollingRestarts: number;
  readonly deletions: number;
  readonly everyMs: number;
  /** Pods whose end the kubelet had already told of before. */
  readonly killedBefore: readonly string[];
};

/** How long nothing of a rollout must have moved before it is said to hang; at the revert that has been seen before. */
const STILL_MS = { inject: 10_000, revert: 2_000 };

export const terminatePods: Fault<TerminatePodsFault, TerminateUndo> = {
  kind: "pods.terminate",
  needs: [],
  oneShot: true,
  drawAs: { label: "pods end", colour: "#e69f00" },

  validate(spec) {
    const problems: { path: string; message: string }[] = [];
    const whole = (path: "rollingRestarts" | "deletions") => {
      if (!Number.isInteger(spec[path]) || spec[path] < 0)
        problems.push({ path, message: "a whole number, 0 or more" });
    };
    if (typeof spec.deployment !== "string" || spec.deployment === "") {
      problems.push({ path: "deployment", message: "the name of a Deployment of the workload" });
    }
    whole("rollingRestarts");
    whole("deletions");
    if (problems.length === 0 && spec.rollingRestarts + spec.deletions === 0) {
      problems.push({
        path: "rollingRestarts",
        message: "at least one restart or one deletion: otherwise no pod ends",
      });
    }
    if (parseDuration(String(spec.every)) === null) {
      problems.push({ path: "every", message: 'a duration: "500ms", "1s"' });
    }
    return problems;
  },

  async prepare(spec, context) {
    const found = await readDeployment(context, spec.deployment);
    const replicas: number = found.spec.replicas ?? 1;
    if (replicas < 2) {
      throw new FaultlineError(
        "fault",
        `Deployment ${spec.deployment} has ${replicas} replicas: with fewer than 2 no pod is left to serve`,
        {
          fix: "give it at least 2 replicas, or the experiment measures missing capacity and not terminations",
        },
      );
    }
    const { deployment, rollingRestarts, deletions } = spec;
    const killedBefore = [...(await killedPods(context, deployment))];
    return { deployment, replicas, rollingRestarts, deletions, everyMs: toMs(spec.every), killedBefore };
  },

  async inject(undo, context) {
    const restarts = Array.from({ length: undo.rollingRestarts }, (_, i) => async () => {
      await restart(context, undo.deployment, `${markOf(context)}${i}`);
      return await untilRolledOut(undo, context);
    });
    const deletions = Array.from({ length: undo.deletions }, () => async () => {
      await deleteOne(undo, context);
      await settled(context, undo.deployment, "serving");
      return true;
    });
    for (const [i, disturb] of [...restarts, ...deletions].entries()) {
      if (i > 0) await pauseBetween(undo, context);
      if (!(await disturb())) return;
    }
    await settled(context, undo.deployment, "gone");
  },

  /** The kubelet's own events tell which containers it stopped; inject only asked the API for it. */
  async verifyEffective(undo, context): Promise<Evidence> {
    const killed = await killedPods(context, undo.deployment);
    for (const pod of undo.killedBefore) killed.delete(pod);
    const standing = (await podsOf(context, undo.deployment)).filter(
      (pod) => killed.has(pod.metadata.name) && !isTerminating(pod),
    );
    const wanted = undo.replicas * undo.rollingRestarts + undo.deletions;
    const ended = killed.size - standing.length;
    const because = `the kubelets stopped ${ended} pods of ${undo.deployment}; asked for were ${wanted}`;
    const values = { terminations: ended, wanted };
    if (ended >= wanted || undo.rollingRestarts === 0) return { effective: ended >= wanted, because, values };
    // Not from inject's own waiting: what the scheduler and the kubelets have written into the pods.
    const { deployment, pods } = await lookAtRollout(context, undo.deployment);
    const stuck = isOurs(deployment, context) ? whyStuck(deployment, pods) : null;
    if (stuck === null) return { effective: false, because, values };
    return { effective: true, because: `its rollout was begun and hangs: ${stuck}; ${because}`, values };
  },

  /** Nothing to put back but a rollout that hangs: the Deployment replaces each pod by itself. */
  async revert(undo, context) {
    const found = await context.cluster.kube.get(deploymentRef(context, undo.deployment));
    if (found === null || !isOurs(found, context)) return;
    const end = await rolledOut(context, undo.deployment, STILL_MS.revert);
    if (end.hangs !== null) await rollBack(context, undo.deployment);
  },

  async verifyReverted(undo, context): Promise<Evidence> {
    const found = await context.cluster.kube.get(deploymentRef(context, undo.deployment));
    if (found === null) return { effective: false, because: `Deployment ${undo.deployment} is gone`, values: {} };
    const pods = await settled(context, undo.deployment, "gone");
    return {
      effective: false,
      because: `${undo.deployment} has all ${pods.length} replicas ready and none terminating`,
      values: { replicas: pods.length },
    };
  },
};

/** Restarts of this fault carry it, with their number behind. */
const markOf = (context: FaultContext) => `${context.runId}-${context.faultId}-`;

function isOurs(deployment: KubeObject, context: FaultContext): boolean {
  const mark: unknown = deployment.spec.template.metadata?.annotations?.[RESTART_ANNOTATION];
  return typeof mark === "string" && mark.startsWith(markOf(context));
}

/** @returns false where the rollout hangs. */
async function untilRolledOut({ deployment }: TerminateUndo, context: FaultContext): Promise<boolean> {
  const begin = performance.now();
  const { hangs } = await rolledOut(context, deployment, STILL_MS.inject);
  const tookMs = Math.round(performance.now() - begin);
  context.observe({ type: "rollout", deployment, tookMs, hangs });
  return hangs === null;
}

async function deleteOne(undo: TerminateUndo, context: FaultContext): Promise<void> {
  const ready = (await podsOf(context, undo.deployment)).filter(isServing);
  const names = ready.map((pod): string => pod.metadata.name).sort();
  if (names.length === 0) throw new FaultlineError("fault", `no pod of ${undo.deployment} is ready: nothing to delete`);
  const name = context.random.pick(names);
  context.observe({ type: "delete-call", pod: name });
  await context.cluster.kube.delete({ apiVersion: "v1", kind: "Pod", namespace: context.namespace, name });
}

async function pauseBetween(undo: TerminateUndo, context: FaultContext): Promise<void> {
  await sleep(undo.everyMs, undefined, { signal: context.signal }).catch(() => {
    throw new FaultlineError("interrupted", "stopped on request between two disturbances");
  });
}
