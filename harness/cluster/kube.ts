/** The Kubernetes API, as little of it as the harness needs. The only importer of @kubernetes/client-node. */
import type { Manifest } from "../types.ts";

/** Names a collection or an object: `{ apiVersion: "v1", kind: "Pod", namespace: "x", name: "y" }`. */
export interface Ref {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** An object as the API returns it; read with care. */
// biome-ignore lint/suspicious/noExplicitAny: the API's objects have no closed shape.
export type KubeObject = any;

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
  /** CLOCK_MONOTONIC nanoseconds when this line arrived. */
  readonly monotonicNs: bigint;
}
export interface WatchHandle {
  stop(): Promise<void>;
}
export interface WatchOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly onEvent: (event: WatchEvent) => void;
  /** The watch was blind between two instants; what happened meanwhile was read by a list afterwards. */
  readonly onGap: (gap: { readonly fromNs: bigint; readonly toNs: bigint; readonly why: string }) => void;
}

export interface Kube {
  /** @returns null when it does not exist. */
  get(ref: Ref & { name: string }): Promise<KubeObject | null>;
  list(
    ref: Ref,
    options?: { readonly labelSelector?: string; readonly fieldSelector?: string },
  ): Promise<readonly KubeObject[]>;
  /** Server-side apply with field manager `faultline`, conflicts forced. `dryRun` asks the API server and changes nothing. */
  apply(object: Manifest, options?: { readonly dryRun?: boolean }): Promise<KubeObject>;
  create(object: Manifest): Promise<KubeObject>;
  /** JSON merge patch, or a patch of a subresource. */
  patch(ref: Ref & { name: string }, body: unknown, options?: { readonly subresource?: string }): Promise<KubeObject>;
  /** Right if it is gone already. */
  delete(ref: Ref & { name: string }, options?: { readonly gracePeriodSeconds?: number }): Promise<void>;
  /** Starts with a list (each object as ADDED), reconnects from the last resourceVersion, relists on 410. Resolves after the first list. */
  watch(ref: Ref, options: WatchOptions): Promise<WatchHandle>;
  /** Follows a container's log from its first line until the container ends or `stop`; reconnects without repeating lines. */
  followLog(
    pod: {
      readonly namespace: string;
      readonly name: string;
      readonly container?: string;
      readonly sinceTime?: string;
    },
    onLine: (line: string) => void,
  ): WatchHandle;
  /** HTTP to a pod's port through the API server. */
  podHttp(
    pod: { readonly namespace: string; readonly name: string; readonly port: number },
    request: { readonly method: string; readonly path: string; readonly body?: Json },
  ): Promise<{ readonly status: number; readonly body: string }>;
  /** A raw API call, for what has no method here. @throws FaultlineError `cluster` with the API server's own message. */
  request(
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly contentType?: string; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<KubeObject>;
  version(): Promise<string>;
}
type Json = import("../types.ts").Json;
