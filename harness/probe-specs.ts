/**
 * The vocabulary of probes: what a definition says of each kind, what it writes down, and the signals that come of it.
 * A new probe adds its spec, its observations and its signals in a section of its own, and their names to the unions at
 * the end. Imports nothing but types.ts.
 */
import type { JsonObject } from "./types.ts";

// ------------------------------------------------------------------------------------------------ terminations

/** Follows each terminated pod of a service: API, kubelet, application and ingress controller side by side. */
export interface PodTerminationsProbe {
  readonly kind: "pod-terminations";
  readonly service: string;
  /** Label selector of the service's pods. */
  readonly selector: string;
  /** Port of the pods as the ingress controller's log names it. */
  readonly port: number;
}

/** Signals that the terminations of pods give. */
export type TerminationSignal =
  | "requests-after-listener-closed" // count over all terminations: the defect itself
  | "endpoint-lag" // ms, median over terminations of (last request sent − endpoint not ready)
  | "expected-requests-per-window"; // count, smallest over terminations: is the sample large enough to see the defect

/** Of pods, endpoints and the application's own log. */
type PodObservation =
  | {
      readonly type: "pod";
      readonly pod: string;
      readonly ip: string | null;
      readonly node: string | null;
      /** `deleting`: deletionTimestamp set; `gone`: object removed. */
      readonly event: "seen" | "ready" | "not-ready" | "deleting" | "gone";
    }
  | {
      readonly type: "endpoint";
      readonly ip: string;
      readonly pod: string | null;
      readonly ready: boolean;
      readonly serving: boolean;
      readonly terminating: boolean;
      /** false: the address left the slices. */
      readonly present: boolean;
    }
  | {
      readonly type: "app";
      readonly pod: string;
      readonly event: "listening" | "sigterm" | "listener-closed" | "last-request" | "exit";
      readonly detail?: JsonObject;
    }
  | { readonly type: "delete-call"; readonly pod: string };

// ---------------------------------------------------------------------------------------------- nodes and gaps

type NodeObservation = {
  readonly type: "node";
  readonly node: string;
  readonly condition: string;
  readonly status: string;
};
/** The probe was blind from `fromT` on. */
type Gap = { readonly type: "gap"; readonly fromT: number; readonly why: string };

// ------------------------------------------------------------------------------------------------- all of them

export type ProbeSpec = PodTerminationsProbe;
export type Signal = TerminationSignal;
/** What a probe saw, one line each in `observations.ndjson` of an arm. */
export type Observation = { readonly t: number; readonly probe: string } & (PodObservation | NodeObservation | Gap);
