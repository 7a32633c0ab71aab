/**
 * The vocabulary of probes: what a definition says of each kind, what it writes down, and the signals that come of it.
 * A new probe adds its spec, its observations and its signals in a section of its own, and their names to the unions at
 * the end. Imports nothing but types.ts.
 */
import type { Duration, JsonObject } from "./types.ts";

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
      /** `address`: first seen with one; `deleting`: deletionTimestamp set; `gone`: object removed. */
      readonly event: "seen" | "address" | "ready" | "not-ready" | "deleting" | "gone";
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
      readonly event:
        | "listening"
        | "sigterm"
        | "listener-closed"
        | "last-request"
        | "exit"
        // A job's: its first act is to ask for credentials; then it has them, or has given up.
        | "first-act"
        | "credentials"
        | "no-credentials";
      readonly detail?: JsonObject;
    }
  | { readonly type: "delete-call"; readonly pod: string };

// ------------------------------------------------------------------------------------------------- credentials

/** Counts what pods ask of the metadata mock, where the calls arrive, and how long such a call takes. */
export interface ImdsCallsProbe {
  readonly kind: "imds-calls";
  /** Label selector of the pods whose calls count. */
  readonly selector: string;
  /** `GET /figures` at this port of theirs tells where the time of their requests went; absent: nobody asks. */
  readonly figuresPort?: number;
}
/** Has every client take credentials of many ages, alone and side by side, and counts the calls; before the load. */
export interface CredentialSweepProbe {
  readonly kind: "credential-sweep";
  /** Label selector of the clients' pods, one a client; the label `sdk` names it. No pod: nothing is swept. */
  readonly selector: string;
  /** Of their `POST /prime` and `POST /calls/<how many>/<side by side>`. */
  readonly port: number;
  /** What credentials have left when they are handed out, 1s to 12h each. */
  readonly remaining: readonly Duration[];
  readonly concurrency: readonly number[];
  /** How often credentials are taken for each of these. */
  readonly requests: number;
}

export type CredentialSignal =
  | "metadata-calls-per-request" // of the selected pods, over the requests of the load: the defect itself
  | "metadata-call-time" // ms, median over the calls of canary pods: does a call cost anything
  | "storming-clients"; // count of the clients that ask at each request in any cell of the sweep

type CredentialObservation =
  | {
      /** Since the mocks began, by pod and kind of call: `token`, `role`, `credentials`, `identity`, `other`. */
      readonly type: "imds-calls";
      readonly calls: Readonly<Record<string, Readonly<Record<string, number>>>>;
    }
  | {
      /** Since the pod began, by pod: how many requests, and the milliseconds of all of them by what they went to. */
      readonly type: "time-spent";
      readonly spent: Readonly<
        Record<string, { readonly requests: number; readonly ms: Readonly<Record<string, number>> }>
      >;
    }
  | {
      /** What a canary pod met. */
      readonly type: "imds-asked";
      readonly node: string;
      readonly callsMs: readonly number[];
      /** What its credentials had left; null: it got none. */
      readonly leftMs: number | null;
    }
  | {
      /** A cell of a sweep. */
      readonly type: "swept";
      readonly client: string;
      readonly remainingMs: number;
      readonly concurrency: number;
      readonly requests: number;
      /** Of these, without credentials. */
      readonly failed: number;
      readonly calls: Readonly<Record<string, number>>;
      readonly tookMs: number;
    };

// --------------------------------------------------------------------------------------------------- placement

/** Follows where the replicas of a workload run and what becomes of the nodes: pods, node conditions, CPU time. */
export interface PlacementProbe {
  readonly kind: "placement";
  /** Label selector of the replicas. */
  readonly selector: string;
}

export type PlacementSignal =
  | "cascade-depth" // count: different nodes that went down in the fault phase
  | "largest-share" // ratio: the most replicas that one node had in the fault phase, of all that are wanted
  | "time-to-recover" // ms from the first node's end until all replicas were there again, and stayed
  | "replica-demand" // ratio: CPU time that all replicas use before any fault, of one node's cap
  | "hung-rollouts"; // count of rollouts that came to a halt

type PlacementObservation =
  | {
      readonly type: "placed";
      readonly pod: string;
      /** null: no node has it yet. */
      readonly node: string | null;
      readonly ready: boolean;
      /** Its deletion was asked for, or it is gone. */
      readonly ending: boolean;
      readonly gone: boolean;
      /** The scheduler's reason for leaving it without a node; null: none was given. */
      readonly pending: string | null;
    }
  | {
      /** Of the time since the one before, about a second. */
      readonly type: "node-cpu";
      readonly node: string;
      /** CPUs in use on the node, and of those by the replicas. */
      readonly used: number;
      readonly byReplicas: number;
      /** CPUs that the node may use. */
      readonly cap: number;
      /** 0 to 1: periods in which the node hit its cap. */
      readonly throttled: number;
    }
  | {
      /** Of a fault that rolls a Deployment out anew. */
      readonly type: "rollout";
      readonly deployment: string;
      readonly tookMs: number;
      /** Why it came to a halt, as a clause; null: it is complete. */
      readonly hangs: string | null;
    };

// ------------------------------------------------------------------------------------------------ pod identity

/**
 * Follows jobs whose first act is to ask for credentials: what each one's own log says of it, when a watch saw its
 * address, which role its annotation `iam.amazonaws.com/role` names; and beside them what the kubelets count.
 */
export interface PodIdentityProbe {
  readonly kind: "pod-identity";
  /** Label selector of the jobs' pods. */
  readonly selector: string;
}

/** Signals that jobs and kubelets give. */
export type IdentitySignal =
  | "pod-address-delay" // ms, p99 over jobs of (address seen by a watch − first act)
  | "late-pod-addresses" // ratio of jobs for which that took more than kube2iam's 2 s
  | "jobs-refused-before-address" // count of jobs that gave up before their address was there: the defect itself
  | "wrong-identity" // count of jobs that got another role than their own
  | "kubelet-limiter-wait"; // ms, mean over the reads that kubelets of the jobs made while those started

type IdentityObservation =
  /** The role that the pod's annotation names; null: none. */
  | { readonly type: "identity"; readonly pod: string; readonly role: string | null }
  /** Limits in force, and sums since the kubelet's start: calls that read and their wait for a turn, pod states published and how long that took. */
  | {
      readonly type: "kubelet";
      readonly node: string;
      readonly qps: number;
      readonly burst: number;
      readonly calls: number;
      readonly waitMs: number;
      readonly statuses: number;
      readonly statusMs: number;
    };

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

export type ProbeSpec =
  | PodTerminationsProbe
  | ImdsCallsProbe
  | CredentialSweepProbe
  | PlacementProbe
  | PodIdentityProbe;
export type Signal = TerminationSignal | CredentialSignal | PlacementSignal | IdentitySignal;
/** What a probe saw, one line each in `observations.ndjson` of an arm. */
export type Observation = { readonly t: number; readonly probe: string } & (
  | PodObservation
  | CredentialObservation
  | PlacementObservation
  | IdentityObservation
  | NodeObservation
  | Gap
);
