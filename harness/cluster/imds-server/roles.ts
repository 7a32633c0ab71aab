/** Whose call it is, by source address: the pods of this node as a watch sees them, and kube2iam's back-off. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "./settings.ts";

export interface Pod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  /** Of the annotation `iam.amazonaws.com/role`, which kube2iam and KIAM read. */
  readonly role: string | null;
  readonly createdAt: string;
}

/** Pods that hold an address, by address; a pod that has ended holds none. */
export class PodDirectory {
  readonly #byUid = new Map<string, Pod>();
  readonly #byIp = new Map<string, Pod[]>();

  get size(): number {
    return this.#byUid.size;
  }

  set(pod: Pod): void {
    if (this.#byUid.get(pod.uid)?.ip !== pod.ip) this.remove(pod.uid);
    this.#byUid.set(pod.uid, pod);
    const others = (this.#byIp.get(pod.ip) ?? []).filter((one) => one.uid !== pod.uid);
    // Of two that claim an address the younger has it: the older one's end was not seen yet.
    this.#byIp.set(
      pod.ip,
      [...others, pod].sort((a, b) => b.createdAt.localeCompare(a.createdAt)),
    );
  }

  remove(uid: string): void {
    const pod = this.#byUid.get(uid);
    if (pod === undefined) return;
    this.#byUid.delete(uid);
    const left = (this.#byIp.get(pod.ip) ?? []).filter((one) => one.uid !== uid);
    if (left.length === 0) this.#byIp.delete(pod.ip);
    else this.#byIp.set(pod.ip, left);
  }

  clear(): void {
    this.#byUid.clear();
    this.#byIp.clear();
  }

  at(ip: string): Pod | null {
    return this.#byIp.get(ip)?.[0] ?? null;
  }
}

/** cenkalti/backoff as kube2iam calls it: these three are its defaults. */
const FIRST_INTERVAL_MS = 500;
const MULTIPLIER = 1.5;
const JITTER = 0.5;

export interface Lookup {
  readonly pod: Pod | null;
  readonly tries: number;
  readonly waitedMs: number;
}

/** Looks until it is found or, after a try, more than the longest time has passed. `next` gives numbers from 0 to 1. */
export async function lookUp(
  directory: PodDirectory,
  ip: string,
  settings: Pick<Settings, "lookupMaxIntervalMs" | "lookupMaxElapsedMs">,
  next: () => number,
): Promise<Lookup> {
  const begin = performance.now();
  let intervalMs = FIRST_INTERVAL_MS;
  for (let tries = 1; ; tries++) {
    const pod = directory.at(ip);
    const waitedMs = performance.now() - begin;
    if (pod !== null || waitedMs > settings.lookupMaxElapsedMs) return { pod, tries, waitedMs };
    await sleep(Math.max(1, Math.min(intervalMs, settings.lookupMaxIntervalMs) * (1 - JITTER + 2 * JITTER * next())));
    intervalMs *= MULTIPLIER;
  }
}
