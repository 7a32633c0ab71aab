/** The Kubernetes API, as little of it as the harness needs. The only importer of @kubernetes/client-node. */
import { readFileSync } from "node:fs";
import type * as https from "node:https";
import { FaultlineError, messageOf } from "../errors.ts";
import type { Json, Manifest } from "../types.ts";
import { createKube } from "./api/client.ts";
import { plainEndpoint } from "./api/kubeconfig.ts";
import { podExec } from "./api/pod-exec.ts";
import type { Endpoint } from "./api/transport.ts";
import type { ExecResult } from "./exec.ts";

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
export interface LogHandle extends WatchHandle {
  /** Resolves when the container has ended and its pod is gone, or after `stop`. */
  readonly ended: Promise<void>;
}
export interface WatchOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly onEvent: (event: WatchEvent) => void;
  /** The watch was blind between two instants; what happened meanwhile was read by a list afterwards. */
  readonly onGap: (gap: { readonly fromNs: bigint; readonly toNs: bigint; readonly why: string }) => void;
}

export interface PodExec {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly argv: readonly string[];
  readonly input?: string;
  readonly timeoutMs: number;
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
  /** Right if it is gone already; with `uid` also if another object has the name now. */
  delete(
    ref: Ref & { name: string },
    options?: { readonly gracePeriodSeconds?: number; readonly uid?: string },
  ): Promise<void>;
  /** Starts with a list (each object as ADDED), reconnects from the last resourceVersion, relists on 410. Resolves when the first list was delivered and the stream is open. */
  watch(ref: Ref, options: WatchOptions): Promise<WatchHandle>;
  /**
   * Follows a container's log from its first line until the container has ended and its pod is gone, or `stop`. Waits
   * for a container that has not started; reconnects without repeating lines. Lines come without the API's timestamp.
   */
  followLog(
    pod: {
      readonly namespace: string;
      readonly name: string;
      readonly container?: string;
      readonly sinceTime?: string;
    },
    onLine: (line: string) => void,
  ): LogHandle;
  /** HTTP to a pod's port through the API server. */
  podHttp(
    pod: { readonly namespace: string; readonly name: string; readonly port: number },
    request: { readonly method: string; readonly path: string; readonly body?: Json },
  ): Promise<{ readonly status: number; readonly body: string }>;
  /** Runs a program in a container. Any exit code is an answer. @throws FaultlineError `command-failed` when it did not run. */
  exec(request: PodExec): Promise<ExecResult>;
  /** A raw API call, for what has no method here. @throws FaultlineError `cluster` with the API server's own message. */
  request(
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly contentType?: string; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<KubeObject>;
  /** The server's version: `v1.37.2`. */
  version(): Promise<string>;
  /** Frees the connections. */
  close(): void;
}

/**
 * Opens the API that a kubeconfig file names; nothing is sent yet.
 * @throws FaultlineError `cluster` when the file cannot be read.
 */
export function connect(kubeconfigPath: string): Kube {
  let plain: Endpoint | null;
  try {
    plain = plainEndpoint(readFileSync(kubeconfigPath, "utf8"));
  } catch (error) {
    throw new FaultlineError("cluster", `kubeconfig ${kubeconfigPath} cannot be read: ${messageOf(error)}`, {
      fix: "Create the cluster with `faultline cluster up`, or name another kubeconfig.",
      cause: error,
    });
  }
  return {
    ...createKube(async () => plain ?? (await endpointOf(kubeconfigPath))),
    exec: async (request) => podExec(await configOf(kubeconfigPath), request),
  };
}

/** Loaded when it is needed: see plainEndpoint. */
async function configOf(kubeconfigPath: string) {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  return config;
}

async function endpointOf(kubeconfigPath: string): Promise<Endpoint> {
  const config = await configOf(kubeconfigPath);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new FaultlineError("cluster", `kubeconfig ${kubeconfigPath} has no current cluster`, {
      fix: "Set current-context in it.",
    });
  }
  const options = async () => {
    const made: https.RequestOptions = {};
    await config.applyToHTTPSOptions(made);
    return made;
  };
  const { agent: _agent, headers: _headers, auth: _auth, ...tls } = await options();
  return {
    server: cluster.server.replace(/\/$/, ""),
    tls: tls as https.AgentOptions,
    headers: async () => {
      const { headers, auth } = await options();
      const basic = auth == null ? {} : { authorization: `Basic ${Buffer.from(auth).toString("base64")}` };
      return { ...(headers as Record<string, string> | undefined), ...basic };
    },
  };
}
