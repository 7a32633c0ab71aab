/** Pods that are replaced one after the other, and what the witnesses see of it. */
import { seeded } from "../plan/random.ts";
import type { Observation, PlannedArm } from "../types.ts";
import type { ArmBehaviour } from "./synthetic-run.ts";

const REPLICAS = 3;
export const PORT = 8080;

/** One pod's life; ms on the run's clock, null: not in this run. */
export interface PodModel {
  readonly name: string;
  readonly ip: string;
  readonly node: string;
  readonly readyMs: number;
  readonly deletedMs: number | null;
  readonly sigtermMs: number;
  readonly closedMs: number;
  readonly exitMs: number;
  readonly goneMs: number;
  /** When the slice's change was seen by a watch. */
  readonly notReadyMs: number;
  /** When the ingress began and stopped to send to it. */
  readonly routedFromMs: number;
  readonly routedToMs: number;
}

interface Schedule {
  readonly terminations: number;
  readonly everyMs: number;
  readonly lagMs: number;
}

/** The first replicas, then one replacement for each termination; `fromMs` null: none is terminated. */
export function podsOf(
  arm: PlannedArm,
  behaviour: ArmBehaviour,
  schedule: Schedule,
  fromMs: number | null,
  bornMs: number,
): readonly PodModel[] {
  const random = seeded(arm.seed);
  const pods: PodModel[] = [];
  const terminations = fromMs === null ? 0 : schedule.terminations;
  for (let index = 0; index < REPLICAS + terminations; index++) {
    const first = index < REPLICAS;
    const readyMs = first ? bornMs : (fromMs ?? 0) + (index - REPLICAS) * schedule.everyMs - 300 * random.next();
    const deleted = fromMs === null || index >= terminations ? null : fromMs + index * schedule.everyMs;
    const d = deleted ?? Number.POSITIVE_INFINITY;
    const sigtermMs = d + behaviour.preStopMs + 30 + 60 * random.next();
    const closedMs = behaviour.servesOn ? d + behaviour.graceMs - 800 : sigtermMs + 2 + 4 * random.next();
    const exitMs = closedMs + 150 + 300 * random.next();
    const notReadyMs = d + 15 + 40 * random.next();
    pods.push({
      name: `checkout-7d9f6c${arm.name.length}-${(0x3a000 + index * 7919).toString(36)}`,
      ip: `10.244.${1 + (index % 2)}.${10 + index}`,
      node: index % 2 === 0 ? "worker" : "worker2",
      readyMs,
      deletedMs: deleted,
      sigtermMs,
      closedMs,
      exitMs,
      goneMs: exitMs + 250 + 400 * random.next(),
      notReadyMs,
      routedFromMs: first ? bornMs : readyMs + schedule.lagMs,
      routedToMs: notReadyMs + schedule.lagMs + 30 + 180 * random.next(),
    });
  }
  return pods;
}

export function podObservations(pod: PodModel): readonly Observation[] {
  const seen = { probe: "pods", type: "pod", pod: pod.name, ip: pod.ip, node: pod.node } as const;
  const slice = { probe: "pods", type: "endpoint", ip: pod.ip, pod: pod.name, present: true } as const;
  const app = { probe: "pods", type: "app", pod: pod.name } as const;
  const born: Observation[] = [
    { ...seen, t: pod.readyMs - 900, event: "seen" },
    { ...app, t: pod.readyMs - 200, event: "listening" },
    { ...seen, t: pod.readyMs, event: "ready" },
    { ...slice, t: pod.readyMs + 20, ready: true, serving: true, terminating: false },
  ];
  if (pod.deletedMs === null) return born;
  return [
    ...born,
    { probe: "restarts", type: "delete-call", t: pod.deletedMs - 12, pod: pod.name },
    { ...seen, t: pod.deletedMs, event: "deleting" },
    { ...slice, t: pod.notReadyMs, ready: false, serving: true, terminating: true },
    { ...app, t: pod.sigtermMs, event: "sigterm" },
    { ...app, t: pod.closedMs, event: "listener-closed" },
    { ...app, t: pod.exitMs, event: "exit" },
    { ...slice, t: pod.goneMs - 40, ready: false, serving: false, terminating: true, present: false },
    { ...seen, t: pod.goneMs, event: "gone" },
  ];
}
