/** What every fault is: five verbs around a JSON token, so that a fresh process can undo what a dead one did. */
import type { Capability } from "../cluster/capabilities.ts";
import type { ClusterHandle } from "../cluster/provider.ts";
import type { Random } from "../plan/random.ts";
import type { Evidence, FaultSpec, Json, Observation } from "../types.ts";

export type { Capability };

export interface FaultContext {
  readonly cluster: ClusterHandle;
  /** The arm's namespace. */
  readonly namespace: string;
  /** Unique in the run; part of the names of what the fault creates. */
  readonly faultId: string;
  readonly runId: string;
  /** References that the nodes know, by the names of `workload.images`; empty where nothing is injected any more. */
  readonly images: Readonly<Record<string, string>>;
  readonly random: Random;
  /** Aborted when the user or the guard stops the run; revert gets one of its own. */
  readonly signal: AbortSignal;
  /** Milliseconds that the current step may take, all waits together. */
  readonly budgetMs: number;
  readonly log: (line: string) => void;
  /** Records something the fault alone knows (the instant of a delete call). */
  readonly observe: (observation: DistributiveOmit<Observation, "t" | "probe">) => void;
}
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export interface Fault<Spec extends FaultSpec = FaultSpec, Undo extends Json = Json> {
  readonly kind: Spec["kind"];
  /** Absent on the cluster: the run is refused with the capability's name, never passed. */
  readonly needs: readonly Capability[];
  /** One-shot: inject runs to its end, revert is a documented no-op, verifyReverted waits for the replacements. */
  readonly oneShot: boolean;
  /** What pods of the fault's own run: baked into a new cluster's nodes where it can be; inject loads them otherwise. */
  readonly images?: readonly { readonly name: string; readonly context: string }[];
  readonly drawAs: { readonly label: string; readonly colour: string };
  /** What every report must say of it: that it is a model of something, and of what. */
  readonly model?: string;
  /** Mistakes in the spec, paths relative to it. Pure. */
  validate(spec: Spec): readonly { readonly path: string; readonly message: string }[];
  /** Chooses targets, reads what will be overwritten; no side effects. */
  prepare(spec: Spec, context: FaultContext): Promise<Undo>;
  /** What it leaves running undoes itself when the lease of `leaseMs` lapses without `renew`. */
  inject(undo: Undo, context: FaultContext, leaseMs: number): Promise<void>;
  /** Called every third of the lease while the fault is in; absent where nothing runs that could lapse. */
  renew?(undo: Undo, context: FaultContext, leaseMs: number): Promise<void>;
  /** By another path than inject used; after inject and before revert. */
  verifyEffective(undo: Undo, context: FaultContext): Promise<Evidence>;
  /** Idempotent; right if inject ran half, or never, or the target is gone. */
  revert(undo: Undo, context: FaultContext): Promise<void>;
  /** `effective: false` means clean. */
  verifyReverted(undo: Undo, context: FaultContext): Promise<Evidence>;
  /** Nodes whose conditions may change because of it; a change of any other makes the arm worthless. Absent: none. */
  unsettles?(undo: Undo): readonly string[];
  /** Commands that a person can put it right with when `revert` fails; absent where nothing is to be put back. */
  byHand?(undo: Undo): readonly string[];
}
