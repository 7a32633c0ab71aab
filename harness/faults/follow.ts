/**
 * Pods that are replaced while a fault lasts are followed: a watch on the fault's own selector, and for every change the
 * whole set of pods to be covered. What it knows is lost with the process, so no undo may depend on it.
 *
 * Coverage is counted in pod-seconds, from when a pod's network was there (what the kubelet reports a moment later counts
 * as not covered) to its end.
 */
import type { KubeObject, WatchHandle } from "../cluster/kube.ts";
import { messageOf } from "../errors.ts";
import type { PodTargets } from "../fault-specs.ts";
import type { FaultContext } from "./fault.ts";
import { amount, type PodTarget, podTarget } from "./targets.ts";

export interface Follow {
  readonly targets: PodTargets;
  /** In effect on these already. */
  readonly chosen: readonly PodTarget[];
  /** Puts the fault on all of these, which may be there on some of them already, and on no other pod. */
  readonly apply: (pods: readonly PodTarget[]) => Promise<void>;
}
export interface PodFollower {
  /** Those that are covered now. */
  pods(): readonly PodTarget[];
  coverage(): Coverage;
  /** Applies once more, for changes that the watch does not show; resolves when that is done. */
  refresh(): Promise<void>;
  /** No `apply` runs any more when it resolves. */
  stop(): Promise<void>;
}
export type Coverage = {
  readonly pods: number;
  readonly podSeconds: number;
  readonly coveredPodSeconds: number;
};

const RETRY_MS = 250;

export async function followPods(context: FaultContext, follow: Follow): Promise<PodFollower> {
  const { kube } = context.cluster;
  const ledger = new CoverageLedger(performance.now());
  const limit = follow.targets.count === undefined ? atMostOf(follow.targets) : () => follow.chosen.length;
  const alive = new Map<string, PodTarget>(follow.chosen.map((pod) => [pod.uid, pod]));
  let covered: readonly PodTarget[] = follow.chosen;
  let dirty = false;
  let stopped = false;
  let running = Promise.resolve();
  for (const pod of follow.chosen) ledger.begin(pod.uid, 0, true);

  const applyOnce = async () => {
    if (!dirty || stopped) return;
    dirty = false;
    const wanted = chooseCovered([...alive.values()], covered, limit(alive.size));
    for (const { uid } of wanted) ledger.begin(uid, performance.now());
    try {
      await follow.apply(wanted);
      covered = wanted;
      for (const { uid } of wanted) ledger.cover(uid, performance.now());
    } catch (error) {
      context.log(`the fault could not follow its pods, and tries again: ${messageOf(error)}`);
      dirty = true;
      if (!stopped) setTimeout(() => void refresh(), RETRY_MS).unref();
    }
  };
  const refresh = () => {
    dirty = true;
    running = running.then(applyOnce);
    return running;
  };

  const seen = new Set<string>();
  const forget = (uid: string) => {
    alive.delete(uid);
    ledger.end(uid, performance.now());
    void refresh();
  };
  const onEvent = ({ type, object }: { readonly type: string; readonly object: KubeObject }) => {
    const { uid } = object.metadata;
    const pod = type === "DELETED" ? null : livingPod(object, alive.has(uid));
    seen.add(uid);
    if ((pod !== null) === alive.has(uid)) return;
    if (pod === null) forget(uid);
    else {
      alive.set(uid, pod);
      ledger.seen(uid, networkSince(object));
      void refresh();
    }
  };
  const namespace = follow.targets.namespace ?? context.namespace;
  const watch: WatchHandle = await kube.watch(
    { apiVersion: "v1", kind: "Pod", namespace },
    { labelSelector: follow.targets.selector, onEvent, onGap: () => undefined },
  );
  // Gone between the choice and the watch's first list: no event will ever tell.
  for (const { uid } of follow.chosen) if (!seen.has(uid)) forget(uid);
  return {
    pods: () => covered.filter(({ uid }) => alive.has(uid)),
    coverage: () => ledger.sum(performance.now()),
    refresh,
    stop: async () => {
      stopped = true;
      await watch.stop();
      await running;
    },
  };
}

const atMostOf =
  ({ atMost }: PodTargets) =>
  (all: number) =>
    atMost === undefined ? all : amount(atMost, all);

/** Those that are covered stay so; the others follow in their order while there is room. Pure. */
export function chooseCovered(
  alive: readonly PodTarget[],
  covered: readonly PodTarget[],
  limit: number,
): readonly PodTarget[] {
  const before = new Set(covered.map(({ uid }) => uid));
  const kept = alive.filter(({ uid }) => before.has(uid));
  return [...kept, ...alive.filter(({ uid }) => !before.has(uid))].slice(0, limit);
}

/** null while it has no network of its own, and after its end; one that is terminating still talks. */
function livingPod(pod: KubeObject, isKnown: boolean): PodTarget | null {
  const { phase, podIP } = pod.status ?? {};
  if (typeof podIP !== "string" || podIP === "" || !["Pending", "Running"].includes(phase)) return null;
  if (pod.metadata.deletionTimestamp !== undefined && !isKnown) return null;
  return pod.spec.hostNetwork === true ? null : podTarget(pod);
}

/** On the clock of `performance.now()`; the API tells whole seconds, rounded down. */
function networkSince(pod: KubeObject): number {
  const ready = pod.status?.conditions?.find((one: { type: string }) => one.type === "PodReadyToStartContainers");
  const at = Date.parse(ready?.lastTransitionTime ?? "");
  return Number.isNaN(at) ? performance.now() : performance.now() - Math.max(0, Date.now() - at);
}

interface Span {
  readonly fromMs: number;
  coveredFromMs: number | null;
  toMs: number | null;
}

/** Which pod was there, and covered, for how long. Times are milliseconds on any clock that only goes forward. */
export class CoverageLedger {
  readonly #beganMs: number;
  readonly #seen = new Map<string, number>();
  readonly #spans = new Map<string, Span>();

  constructor(beganMs: number) {
    this.#beganMs = beganMs;
  }

  /** It has had a network since; it is counted once the fault is to be on it. */
  seen(pod: string, sinceMs: number): void {
    this.#seen.set(pod, sinceMs);
  }

  /** The fault is to be on it, from when its network was there or else from now. */
  begin(pod: string, nowMs: number, isCovered = false): void {
    if (this.#spans.has(pod)) return;
    const fromMs = Math.max(this.#beganMs, this.#seen.get(pod) ?? nowMs);
    this.#spans.set(pod, { fromMs, coveredFromMs: isCovered ? fromMs : null, toMs: null });
  }

  cover(pod: string, nowMs: number): void {
    const span = this.#spans.get(pod);
    if (span !== undefined) span.coveredFromMs ??= Math.max(span.fromMs, nowMs);
  }

  end(pod: string, nowMs: number): void {
    const span = this.#spans.get(pod);
    if (span !== undefined) span.toMs ??= nowMs;
  }

  sum(nowMs: number): Coverage {
    const spans = [...this.#spans.values()];
    const seconds = (of: (span: Span) => number) =>
      Number((spans.reduce((all, span) => all + Math.max(0, of(span)), 0) / 1_000).toFixed(3));
    const end = (span: Span) => span.toMs ?? nowMs;
    return {
      pods: spans.length,
      podSeconds: seconds((span) => end(span) - span.fromMs),
      coveredPodSeconds: seconds((span) => (span.coveredFromMs === null ? 0 : end(span) - span.coveredFromMs)),
    };
  }
}
