/**
 * Rules in the network namespaces of pods that follow the pods: a replacement has them as soon as it has a network. What
 * is known here goes with the process: without it the lease ends the fault, and the undo needs none of it.
 */
import type { PodTargets } from "../../fault-specs.ts";
import type { Evidence } from "../../types.ts";
import type { FaultContext } from "../fault.ts";
import { followPods, type PodFollower } from "../follow.ts";
import type { PodTarget } from "../targets.ts";
import { putRules, type Redirect, renewRules } from "./redirect.ts";

/** `PodTargets` as an undo token holds it. */
export type FollowedTargets = { readonly [K in keyof PodTargets]: PodTargets[K] };

/** Of the undo token: whom the fault began with, and whom it follows. */
export type Followed = {
  readonly id: string;
  readonly pods: readonly PodTarget[];
  readonly targets: FollowedTargets;
};

interface Following {
  readonly follower: PodFollower;
  untilMs: number;
}

const running = new Map<string, Following>();

/** Right when called again after half of it. */
export async function redirectPods(
  context: FaultContext,
  { id, pods, targets }: Followed,
  redirect: Redirect,
  leaseMs: number,
): Promise<void> {
  await endFollowing(id);
  const begun = { untilMs: performance.now() + leaseMs };
  await putRules(context, redirect, pods, leaseMs);
  const apply = async (now: readonly PodTarget[]) => {
    const leftMs = (running.get(id) ?? begun).untilMs - performance.now();
    // What has lapsed is not put back.
    if (leftMs > 0) await putRules(context, redirect, now, leftMs);
  };
  running.set(id, { ...begun, follower: await followPods(context, { targets, chosen: pods, apply }) });
}

/** @throws FaultlineError `fault` when a node has taken the rules out meanwhile. */
export async function renewRedirect(context: FaultContext, followed: Followed, leaseMs: number): Promise<void> {
  const following = running.get(followed.id);
  if (following !== undefined) following.untilMs = performance.now() + leaseMs;
  await renewRules(context, followed.id, podsNow(followed), leaseMs);
}

/** Those that it is on now; another process knows only those that it began with. */
export function podsNow({ id, pods }: Pick<Followed, "id" | "pods">): readonly PodTarget[] {
  return running.get(id)?.follower.pods() ?? pods;
}

/** Coverage in pod-seconds, where this process follows. */
function coverageOf(id: string): Evidence["values"] {
  const coverage = running.get(id)?.follower.coverage();
  if (coverage === undefined) return {};
  const { pods, podSeconds, coveredPodSeconds } = coverage;
  return { podsCovered: pods, podSeconds, coveredPodSeconds };
}

/** Evidence with the coverage beside it. */
export function withCoverage(id: string, evidence: Evidence): Evidence {
  return { ...evidence, values: { ...evidence.values, ...coverageOf(id) } };
}

/**
 * What a revert left: an effect, or rules without one.
 * @param nobody said instead of the effect where none of the targets is there any more; null: some is.
 */
export function withRulesLeft(
  rules: number,
  { effective, because, values }: Evidence,
  nobody: string | null,
): Evidence {
  return {
    effective: effective || rules > 0,
    because: `${rules} rules are left; ${nobody ?? because}`,
    values: { ...values, rules },
  };
}

/** No pod gets rules any more when it resolves. */
export async function endFollowing(id: string): Promise<void> {
  const following = running.get(id);
  running.delete(id);
  await following?.follower.stop();
}
