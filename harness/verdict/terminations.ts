/**
 * The race of each terminated pod, put together from four witnesses: the API's watches (t0, t2), the application's
 * own log (t1, listener closed, exit) and the ingress controller's access log (t3, and what reached a closed listener).
 */
import type { ArmRecord, Observation, PodTerminationsProbe, RequestColumns, Termination } from "../types.ts";
import { EndpointStates } from "./endpoints.ts";
import { type UpstreamLog, upstreamLogOf } from "./upstream.ts";
import { type Window, within } from "./windows.ts";

/**
 * The watches of pods and of slices are two streams: the slice's change may be seen this much before the pod's
 * own deletion. ms
 */
const WATCH_SKEW_MS = 50;

/** What was seen of one pod, whether it was terminated or not. */
interface PodLife {
  readonly pod: string;
  ip: string;
  /** When the address was first seen with this pod. */
  ipSinceMs: number;
  node: string | null;
  deletingMs: number | null;
  deleteCallMs: number | null;
  goneMs: number | null;
  sigtermMs: number | null;
  listenerClosedMs: number | null;
  exitMs: number | null;
}

/** Every pod of the probe that was terminated within the window, in the order of the deletes. */
export function terminationsOf(
  name: string,
  probe: PodTerminationsProbe,
  record: ArmRecord,
  window: Window,
): readonly Termination[] {
  const lives = podLives(record.observations, name);
  const endpoints = new EndpointStates(record.observations.filter((o) => o.probe === name));
  const upstream = upstreamLogOf(record.upstream);
  return lives
    .filter((life) => within(window, deletedMsOf(life) ?? Number.NaN))
    .map((life) => {
      const address = { log: upstream, key: `${life.ip}:${probe.port}`, ...addressSpan(life, lives) };
      return termination(life, address, endpoints, record.requests);
    })
    .sort((a, b) => a.deletedMs - b.deletedMs);
}

/** A gap of the probe's watches touches the time in which this pod's race was run, so its times are not to be trusted. */
export function hitByGap(termination: Termination, name: string, observations: readonly Observation[]): boolean {
  const fromMs = termination.deletedMs - WATCH_SKEW_MS;
  const toMs = Math.max(
    termination.deletedMs,
    termination.lastRequestMs ?? 0,
    termination.exitMs ?? 0,
    termination.goneMs ?? 0,
  );
  return observations.some((o) => o.type === "gap" && o.probe === name && o.fromT <= toMs && o.t >= fromMs);
}

/** When the pod stopped taking connections: its own word, else its exit, else the end of its object. */
export function closedMsOf(pod: Pick<Termination, "listenerClosedMs" | "exitMs" | "goneMs">): number | null {
  return pod.listenerClosedMs ?? pod.exitMs ?? pod.goneMs;
}

interface AddressSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

function termination(
  life: PodLife,
  address: AddressSpan & { readonly log: UpstreamLog; readonly key: string },
  endpoints: EndpointStates,
  requests: RequestColumns | null,
): Termination {
  const deletedMs = deletedMsOf(life) ?? Number.NaN;
  const sent = address.log.requestsTo(address.key, address.fromMs, address.toMs);
  const lastRequestMs = sent.at(-1)?.startMs ?? null;
  const closedMs = closedMsOf(life);
  const afterClose = closedMs === null ? [] : sent.filter((request) => request.startMs > closedMs);
  const readyPods = endpoints.readyBefore(deletedMs - WATCH_SKEW_MS);
  const inWindow = lastRequestMs === null ? 0 : startsBetween(requests, deletedMs, lastRequestMs);
  return {
    pod: life.pod,
    ip: life.ip,
    node: life.node,
    deletedMs,
    sigtermMs: life.sigtermMs,
    listenerClosedMs: life.listenerClosedMs,
    notReadyMs: endpoints.notReadyFrom(life.ip, life.pod, deletedMs - WATCH_SKEW_MS, address.toMs),
    lastRequestMs,
    exitMs: life.exitMs,
    goneMs: life.goneMs,
    requestsAfterClose: afterClose.length,
    // 499 is what controllers log when the client gave up first; 0 when they logged no answer at all.
    failedAfterClose: afterClose.filter(({ status }) => status === 0 || status >= 499).length,
    // Without a hook SIGTERM comes with the delete, so t0 stands for it, and the figure is right with a hook too.
    preStopNeededMs: lastRequestMs === null ? null : Math.max(0, lastRequestMs - deletedMs),
    // Unknown pods count as none: a sample size that nobody saw must not look sufficient.
    expectedInWindow: readyPods === 0 ? 0 : inWindow / readyPods,
  };
}

function deletedMsOf(life: PodLife): number | null {
  return life.deletingMs ?? life.deleteCallMs;
}

/** An address belongs to a pod from when it was seen with it until it is seen with the next one. */
function addressSpan(life: PodLife, lives: readonly PodLife[]): AddressSpan {
  const others = lives.filter((other) => other !== life && other.ip === life.ip);
  const earlier = others.some((other) => other.ipSinceMs < life.ipSinceMs);
  const later = others.map((other) => other.ipSinceMs).filter((since) => since > life.ipSinceMs);
  return { fromMs: earlier ? life.ipSinceMs : Number.NEGATIVE_INFINITY, toMs: Math.min(...later) };
}

/** Fault observations (delete calls) carry the fault's name, all others the probe's. */
function podLives(observations: readonly Observation[], probe: string): readonly PodLife[] {
  const lives: PodLife[] = [];
  const current = new Map<string, PodLife>();
  const lifeOf = (pod: string, isNew = false): PodLife => {
    const known = current.get(pod);
    if (known !== undefined && !isNew) return known;
    const life = newLife(pod);
    lives.push(life);
    current.set(pod, life);
    return life;
  };
  for (const o of observations) {
    if (o.type === "delete-call") lifeOf(o.pod).deleteCallMs ??= o.t;
    if (o.probe !== probe) continue;
    // A StatefulSet gives the name of a pod that is gone to its next one.
    const again = o.type === "pod" && o.event === "seen" && current.get(o.pod)?.goneMs != null;
    if (o.type === "pod") seePod(lifeOf(o.pod, again), o);
    if (o.type === "app") seeApp(lifeOf(o.pod), o);
  }
  // A pod of which the probe saw nothing is not of its service.
  return lives.filter((life) => life.ip !== "" || life.deletingMs !== null || life.sigtermMs !== null);
}

function seePod(life: PodLife, o: Observation & { readonly type: "pod" }): void {
  if (o.ip !== null && life.ip === "") {
    life.ip = o.ip;
    life.ipSinceMs = o.t;
  }
  life.node ??= o.node;
  if (o.event === "deleting") life.deletingMs ??= o.t;
  if (o.event === "gone") life.goneMs ??= o.t;
}

function seeApp(life: PodLife, o: Observation & { readonly type: "app" }): void {
  if (o.event === "sigterm") life.sigtermMs ??= o.t;
  if (o.event === "listener-closed") life.listenerClosedMs ??= o.t;
  if (o.event === "exit") life.exitMs ??= o.t;
}

function newLife(pod: string): PodLife {
  return {
    pod,
    ip: "",
    ipSinceMs: Number.NEGATIVE_INFINITY,
    node: null,
    deletingMs: null,
    deleteCallMs: null,
    goneMs: null,
    sigtermMs: null,
    listenerClosedMs: null,
    exitMs: null,
  };
}

function startsBetween(requests: RequestColumns | null, fromMs: number, toMs: number): number {
  if (requests === null) return 0;
  let starts = 0;
  for (let row = 0; row < requests.length; row++) {
    const at = requests.intendedMs[row] ?? 0;
    if (at >= fromMs && at <= toMs) starts++;
  }
  return starts;
}
