/** What the rest of the harness knows of a cluster: a handle, its nodes, and the few verbs of whoever provides it. */
import type { ClusterSpec } from "../types.ts";
import type { ExecResult } from "./exec.ts";
import type { Kube } from "./kube.ts";
import type { ClusterSettings } from "./topology-settings.ts";

export interface ContainerState {
  /** The engine's word for it; `gone`: there is no such container. */
  readonly status: "running" | "paused" | "exited" | "created" | "restarting" | "removing" | "dead" | "gone";
  /** Of its first process, as this machine sees it; 0 when it does not run. */
  readonly pid: number;
  /** RFC 3339 with nanoseconds. */
  readonly startedAt: string;
  /** IPv4 address on the cluster's network; empty when it does not run. */
  readonly address: string;
}
/** A node as a container of this machine. What is done to it is done through `startOnHost`, which holds a lease. */
export interface ContainerHandle {
  readonly id: string;
  state(): Promise<ContainerState>;
  /** CPU time of all its processes since it started, in milliseconds, read from the kernel. @throws `cluster` when it does not run. */
  cpuUsageMs(): Promise<number>;
  /** The same for a shell of this machine. @throws `cluster` when it does not run. */
  cpuFiles(): Promise<CpuFiles>;
}
/** Files of the kernel's about the CPU time of a container. */
export interface CpuFiles {
  /** Its first line ends with the time used since the start. */
  readonly usage: string;
  /** What one millisecond counts there. */
  readonly perMs: number;
  /** `cpu.max`, or `cpu.cfs_quota_us` with `cpu.cfs_period_us` beside it. */
  readonly quota: string;
}

export interface NodeHandle {
  readonly name: string;
  readonly role: "control-plane" | "worker";
  /** Absent where the node is no container of this machine. */
  readonly container?: ContainerHandle;
  /**
   * Runs a program on the node itself, as root. Same errors as `exec`, and `cluster` with `nodeState` (`paused`,
   * `stopped`, `gone`) in its context when nothing can be run there; that is said at once.
   */
  exec(
    argv: readonly string[],
    options: { readonly timeoutMs: number; readonly input?: string; readonly accept?: readonly number[] | "any" },
  ): Promise<ExecResult>;
}

export interface ClusterHandle {
  readonly name: string;
  readonly kubeconfig: string;
  readonly kube: Kube;
  /** `http://127.0.0.1:<port>` of the ingress controller, null where none is installed. */
  readonly ingressUrl: string | null;
  /** True when this call created it: whoever created it removes it. */
  readonly created: boolean;
  /** What its topology sets beside its nodes; empty where nobody knows. */
  readonly settings: ClusterSettings;
  nodes(): Promise<readonly NodeHandle[]>;
  /**
   * Makes the images known to every node's container runtime.
   * @returns the reference to write into manifests, by the name that the plan uses.
   */
  loadImages(
    images: readonly { readonly name: string; readonly context: string }[],
  ): Promise<Readonly<Record<string, string>>>;
}

export interface UpRequest {
  readonly name: string;
  readonly spec: ClusterSpec;
  /** Built or found before the cluster boots, and baked into its node image. */
  readonly images: readonly { readonly name: string; readonly context: string }[];
  /** The cluster outlives the process that creates it; otherwise gc takes it once that process is gone. */
  readonly keep?: boolean;
  readonly signal?: AbortSignal;
  /** One line of progress for people. */
  readonly onProgress: (line: string) => void;
}

export interface ClusterSummary {
  readonly name: string;
  readonly nodes: number;
  readonly createdAt: string;
  readonly running: boolean;
  readonly ingressUrl: string | null;
  readonly kubeconfig: string;
}

export interface ClusterProvider {
  /** Creates a cluster. Leaves nothing behind when it fails. @throws `not-ours` when a foreign cluster has the name. */
  up(request: UpRequest): Promise<ClusterHandle>;
  /** A running cluster of ours by name; installs what `spec` needs and is missing. @throws `cluster` when there is none. */
  attach(request: UpRequest): Promise<ClusterHandle>;
  /**
   * A cluster of ours for undoing and looking, as it stands: installs nothing, asks nothing of its shape, and takes it
   * with nodes that are down. @returns null when it is gone. @throws `not-ours`.
   */
  reach(name: string): Promise<ClusterHandle | null>;
  list(): Promise<readonly ClusterSummary[]>;
  /** Removes a cluster of ours and all that belongs to it; right if it is gone already. */
  down(name: string, onProgress: (line: string) => void): Promise<void>;
  /** Removes what crashed runs left: clusters and containers of ours with no living owner, the network and its rule. */
  gc(onProgress: (line: string) => void): Promise<readonly string[]>;
}
