/**
 * The vocabulary of faults: what a definition says of each kind, with units and bounds. Imports nothing but types.ts.
 * A new fault adds its interface here, in the section of its family, and its name to the union at the end.
 */
import type { Duration, JsonObject } from "./types.ts";

// ------------------------------------------------------------------------------------------------- targets

/** A number of targets, or a share of those that match, rounded up: `2`, `"50%"`. */
export type Quantity = number | `${number}%`;

interface TargetBounds {
  /** How many of those that match are chosen, by the run's seed; default: all. */
  readonly count?: Quantity;
  /** The blast radius: more chosen targets than this, and the fault is refused before anything is touched. */
  readonly atMost?: Quantity;
  /** Nothing matches: `error` (default) refuses the fault, `skip` leaves it out and says so. */
  readonly emptyTargets?: "error" | "skip";
}
/** Ready pods by label, of the arm's own namespace unless another is named: nothing else is ever hit by accident. */
export interface PodTargets extends TargetBounds {
  /** Label selector: `app=checkout`. */
  readonly selector: string;
  /** Default: the arm's namespace. */
  readonly namespace?: string;
}
/** Worker nodes; a control plane only where `names` holds it. `atMost` is 1 unless given. */
export interface NodeTargets extends TargetBounds {
  /** Names as `kubectl get nodes` shows them, or the part after the cluster's name: `worker2`. */
  readonly names?: readonly string[];
  /** Nodes that run a pod of the arm's namespace with these labels. */
  readonly hosting?: string;
}

// ------------------------------------------------------------------------------------------------- ingress

/** Holds back what an ingress controller's EndpointSlice watch delivers. */
export interface EndpointLagFault {
  readonly kind: "ingress.endpoint-lag";
  /** 100ms to 60s. */
  readonly lag: Duration;
  /** The controller's pods; default: the ingress controller that the cluster spec installs. */
  readonly controller?: { readonly namespace: string; readonly selector: string };
}
// ---------------------------------------------------------------------------------------------------- pods

/** Ends pods the way a deployment or an operator does; one-shot. */
export interface TerminatePodsFault {
  readonly kind: "pods.terminate";
  /** Name of a Deployment in the arm's namespace. */
  readonly deployment: string;
  /** Rolling restarts, one after the other, each waited for. */
  readonly rollingRestarts: number;
  /** Deletions of one randomly chosen ready pod each, after the restarts. */
  readonly deletions: number;
  /** Pause between two disturbances. */
  readonly every: Duration;
}
/** Deletes pods; one-shot. Pods that no controller owns are refused: nothing would bring them back. */
export interface KillPodsFault {
  readonly kind: "pods.kill";
  readonly targets: PodTargets;
  /** `none` (default): as a crash; `pod`: the pod's own; or whole seconds, 1s to 10m. */
  readonly grace?: "pod" | "none" | Duration;
}
/** A container of each pod is killed, with no warning, whenever it starts. */
export interface CrashLoopFault {
  readonly kind: "pods.crash-loop";
  readonly targets: PodTargets;
  /** Default: the first of the pod. */
  readonly container?: string;
}
/** The memory of a container of each pod is used up until the kernel kills it; one-shot. Without a limit it is refused. */
export interface OomFault {
  readonly kind: "pods.oom";
  readonly targets: PodTargets;
  /** Default: the first of the pod. */
  readonly container?: string;
}
/** Pods come and go on chosen nodes, as builder jobs do. */
export interface PodChurnFault {
  readonly kind: "pods.churn";
  /** The pods go to these nodes in turn; `atMost` is 1 unless given. */
  readonly targets: NodeTargets;
  /** Started each second on all of them together, 0.5 to 20; what a node has no room for is refused. */
  readonly podsPerSecond: number;
  /** From a pod's creation to its deletion, 1s to 5m. */
  readonly lifetime: Duration;
  /** How many in all, 5 to 1000: a rush that is over then. Default: they come for as long as the fault is in. */
  readonly pods?: number;
  /** Of each pod; `{name}` in a value stands for the pod's own name. */
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** The spec of the pods, images by the names of `workload.images`; default: one container that does nothing. */
  readonly template?: JsonObject;
}
// --------------------------------------------------------------------------------------------------- nodes

/** Every process on the node stands still, as in a hung machine: its kernel takes connections, and nobody answers. */
export interface NodeFreezeFault {
  readonly kind: "node.freeze";
  readonly targets: NodeTargets;
}
/** A power cut: everything on the node ends at once, and its address answers no more; it boots again at the revert. */
export interface NodeCrashFault {
  readonly kind: "node.crash";
  readonly targets: NodeTargets;
}

/** The node's container is restarted at once: one-shot. */
export interface NodeRebootFault {
  readonly kind: "node.reboot";
  readonly targets: NodeTargets;
  /** How long its programs may take to end by themselves before they are killed: 0s to 30s; default 10s. */
  readonly grace?: Duration;
}
/** As `kubectl drain`: no new pod is placed on the node, and those on it are evicted, their disruption budgets respected. */
export interface NodeDrainFault {
  readonly kind: "node.drain";
  readonly targets: NodeTargets;
  /** Until when every eviction must be through, or the fault counts as without effect: 1s to 10m; default 60s. */
  readonly within?: Duration;
  /** Pods without a controller are evicted too, and nobody brings them back; default: they refuse the fault. */
  readonly evictUnmanaged?: boolean;
}
/** The kubelet is gone and the pods run on: nobody starts, probes or reports them, and the node's lease is not renewed. */
export interface KubeletStopFault {
  readonly kind: "node.kubelet-stop";
  readonly targets: NodeTargets;
}
/** The kubelet's limit of its own calls to the API server, set low: 5 and 10 as they were before Kubernetes 1.27. */
export interface KubeletThrottleFault {
  readonly kind: "node.kubelet-throttle";
  readonly targets: NodeTargets;
  /** Calls per second, a whole number from 1 to 25 and at most half of what is in force. */
  readonly qps: number;
  /** Calls that may be saved up, a whole number from `qps` to 100. */
  readonly burst: number;
}
/** A node as a whole, pods and kubelet included, is held at a share of its CPUs, within 5 points. */
export interface CpuSaturationFault {
  readonly kind: "node.cpu-saturation";
  readonly targets: NodeTargets;
  /** Percent of the node's cap, or of the machine where it has none; 1 to 100. */
  readonly percent: number;
  /** CPUs that a node without a cap of its own is capped at meanwhile, 0.25 or more; default: it is not capped. */
  readonly cap?: number;
  /** What the load competes with the pods with: the weight of a pod that requests so much, 10 to 64000; default 1000. */
  readonly requestMilliCpus?: number;
}
/**
 * Memory of a node is taken, and its kubelet reports MemoryPressure: no new pod without a request comes there. A model: a
 * kubelet in a container sees the machine's memory as the node's, so its soft threshold is put where the taken makes up.
 */
export interface MemoryPressureFault {
  readonly kind: "node.memory-pressure";
  readonly targets: NodeTargets;
  /** Taken on each node, in MiB: 256 to 16384. What the machine, or the node's own cap, cannot spare is refused. */
  readonly memoryMiB: number;
}
/** A model of a disk that others keep busy: each container of a node may begin only so many writes a second on it. */
export interface IoSaturationFault {
  readonly kind: "node.io-saturation";
  readonly targets: NodeTargets;
  /** Writes a second that each container gets, a whole number from 5 to 100. */
  readonly iops: number;
}
/** A model of a kernel panic under load: a node whose CPU use stays above a threshold goes down, for as long as it is in. */
export interface OverloadCrashFault {
  readonly kind: "node.overload-crash";
  /** The nodes that are watched; all workers unless said otherwise. */
  readonly targets: NodeTargets;
  /** Percent of the node's cap, or of the machine where it has none; 50 to 99. */
  readonly threshold: number;
  /** For how long the mean use is at or above it before the node goes down; 1s to 10m. */
  readonly for: Duration;
  /** How many may be down at once; default: as many as leave the control plane's evictions going, see docs. */
  readonly maxDown?: number;
}

// ------------------------------------------------------------------------------------------------- network

/** Whom the hit traffic is with; several kinds add up. */
export interface NetworkPeers {
  readonly pods?: Pick<PodTargets, "selector" | "namespace">;
  /** The pods behind a Service, whichever way they are reached. */
  readonly service?: { readonly name: string; readonly namespace?: string };
  /** The nodes' own addresses; with `nodes` as targets, their pods too. */
  readonly nodes?: Pick<NodeTargets, "names" | "hosting">;
  /** IPv4 ranges that hold an address of a pod or node of the cluster, so that the effect can be measured. */
  readonly cidrs?: readonly string[];
}
interface NetworkEnds {
  /** The pods, or the nodes, whose traffic is hit: one of the two. Pods that replace others are followed. */
  readonly pods?: PodTargets;
  readonly nodes?: NodeTargets;
  /** Default: everybody. A pod's own node, its kubelet's probes with it, is never a peer; nor is a target itself. */
  readonly peers?: NetworkPeers;
  /** Default: both. */
  readonly direction?: "both" | "to-peers" | "from-peers";
}
/** No packet passes between targets and peers, on open connections neither. */
export interface NetworkPartitionFault extends NetworkEnds {
  readonly kind: "network.partition";
  /** `drop` (default): nothing answers, as when a cable is cut. `reject`: connections are refused or reset at once. */
  readonly answer?: "drop" | "reject";
}
/** A share of the packets is lost, each by chance. */
export interface NetworkLossFault extends NetworkEnds {
  readonly kind: "network.loss";
  /** 1 to 100. */
  readonly percent: number;
}
/** Packets arrive late. */
export interface NetworkLatencyFault extends NetworkEnds {
  readonly kind: "network.latency";
  /** Of one way, 1ms to 10s: where both are hit, a round trip takes twice as much longer. */
  readonly delay: Duration;
  /** Each packet takes up to this much more or less, at most the delay. Default: none. */
  readonly jitter?: Duration;
}
/** Only so many bits a second pass. */
export interface NetworkBandwidthFault extends NetworkEnds {
  readonly kind: "network.bandwidth";
  /** Bits a second, "64kbit" to "20mbit", each way: of each pod, or of each node with all of its pods. */
  readonly rate: `${number}kbit` | `${number}mbit`;
}

// --------------------------------------------------------------------------------------------- dns and http

interface DnsTargets {
  /**
   * As they are asked for in the end: `db.shop.svc.cluster.local`; `*.example.com` is all below it, `*` is all. The
   * first that is no pattern is the one that the effect is measured with.
   */
  readonly names: readonly string[];
  /** Who asks; default: every ready pod of the arm's namespace. */
  readonly pods?: PodTargets;
}
/** Answers for these names come late. */
export interface DnsLatencyFault extends DnsTargets {
  readonly kind: "dns.latency";
  /** 50ms to 4s: resolvers take what is later for no answer. */
  readonly latency: Duration;
}
/** These names are answered with SERVFAIL. */
export interface DnsServfailFault extends DnsTargets {
  readonly kind: "dns.servfail";
}
/** These names are not resolved. */
export interface DnsFailureFault extends DnsTargets {
  readonly kind: "dns.failure";
  /** `none` (default): queries are lost, and resolvers wait; `nxdomain`, `refused`: they are answered so at once. */
  readonly answer?: "none" | "nxdomain" | "refused";
}
/** A model of an overloaded DNS server: each pod gets only so many answers a second, and queries beyond them are lost. */
export interface DnsOverloadFault {
  readonly kind: "dns.overload";
  /** Queries a second that each pod gets answered, a whole number from 5 to 100; as many may come at once. */
  readonly perSecond: number;
  /** Who asks; default: every ready pod of the arm's namespace. */
  readonly pods?: PodTargets;
}

interface HttpTraffic {
  /** Those that serve: pods with a network of their own. */
  readonly pods: PodTargets;
  /** Where their containers listen, for HTTP/1 in the clear: a Service's target port. */
  readonly port: number;
  /** Requests for this path and what is below it; default: all. */
  readonly path?: string;
  /** Default: all. */
  readonly methods?: readonly string[];
  /** 5 to 100 per cent of those requests, drawn by the run's seed; default: all. */
  readonly share?: `${number}%`;
  /**
   * Requests that the effect is measured with, among those that are hit; without the fault the application gets them.
   * Default: `path`, and GET where it is hit, else the first of `methods`.
   */
  readonly canary?: { readonly path?: string; readonly method?: string };
  /** What comes from nodes, their kubelets' probes with it: `spared` (default), or `hit` as all else. */
  readonly probes?: "spared" | "hit";
}
/** A share of the requests to chosen pods is answered with an error, and the application sees nothing of them. */
export interface HttpErrorFault extends HttpTraffic {
  readonly kind: "http.error";
  /** 400 to 599, or `reset`: the connection is reset instead. Default: 503. */
  readonly status?: number | "reset";
}
/** A share of the requests to chosen pods arrives late. */
export interface HttpLatencyFault extends HttpTraffic {
  readonly kind: "http.latency";
  /** 20ms to 10s, with a `share` from 50ms. */
  readonly latency: Duration;
  /** Each request takes up to this much more or less: at most the latency, and half of it with a `share`. Default: none. */
  readonly jitter?: Duration;
}

// ------------------------------------------------------------------------------------------------ api server

interface ApiClients {
  /** Pods with a network of their own that talk to the API server: controllers, operators. */
  readonly clients: PodTargets;
}
/** Every answer comes late to these clients, each event of a watch too. */
export interface ApiServerLatencyFault extends ApiClients {
  readonly kind: "apiserver.latency";
  /** 50ms to 30s. */
  readonly latency: Duration;
}
/** These clients do not get through. */
export interface ApiServerUnavailableFault extends ApiClients {
  readonly kind: "apiserver.unavailable";
  /** `refused` (default): nobody listens; `503`: as from an overloaded server; `none`: clients wait for their time-outs. */
  readonly answer?: "refused" | "503" | "none";
}
/** Watches of these clients stay open and deliver nothing, bookmarks included; all else is answered. */
export interface WatchStallFault extends ApiClients {
  readonly kind: "watch.stall";
}

// ------------------------------------------------------------------------------------------------------ imds

/** How the metadata mock answers an arm: `workload.imds`, and what differs in an arm's `imds`. */
export interface ImdsSettings {
  /**
   * `node` (default): every pod has the instance's role. `pod`: the role that the annotation `iam.amazonaws.com/role` of
   * the caller's pod names, found by its address through a watch, as kube2iam and KIAM do.
   */
  readonly roles?: "node" | "pod";
  /** The instance's role; with `roles: "pod"` what an unknown caller gets. Default: `faultline-node`, and with `pod` none: 404. */
  readonly defaultRole?: string;
  /** How long a caller that is not known yet is looked for; default: kube2iam's 1s and 2s. */
  readonly lookup?: { readonly maxInterval?: Duration; readonly maxElapsed?: Duration };
  /** `required`: IMDSv2 alone; default: `optional`. */
  readonly tokens?: "optional" | "required";
  /** Of the answer to a token request, 1 to 64; 1 does not reach a pod. Default: 2. */
  readonly hopLimit?: number;
  /** Lifetime of new credentials, 1s to 12h; default: 6h. */
  readonly lifetime?: Duration;
  /** Credentials with less left are replaced when they are asked for, 0s to 12h; default: 5m, as KIAM. */
  readonly refreshBefore?: Duration;
  /** What the first credentials have left, 1s to 12h; default: their lifetime. */
  readonly remaining?: Duration;
  /** Before each answer, 0ms to 60s; default: none. */
  readonly latency?: Duration;
}
/** Which calls a fault concerns. `token`: IMDSv2's PUT. `credentials`: the role's name and its credentials. */
type ImdsCalls = "all" | "token" | "credentials";

/** Every call of the metadata service takes longer. */
export interface ImdsLatencyFault {
  readonly kind: "imds.latency";
  /** On top of the arm's own, 10ms to 60s. */
  readonly latency: Duration;
  /** Default: all. */
  readonly calls?: ImdsCalls;
}
/** A share of the calls fails. */
export interface ImdsErrorsFault {
  readonly kind: "imds.errors";
  /** 5 to 100 per cent of the calls, drawn at random. */
  readonly share: `${number}%`;
  /** 400 to 599, or `timeout`: no answer. Default: 500. */
  readonly status?: number | "timeout";
  /** Default: all. */
  readonly calls?: ImdsCalls;
}
/** New credentials for everybody, with other lifetimes. One of `lifetime`, `remaining` and `expired` at the least. */
export interface ImdsCredentialsFault {
  readonly kind: "imds.credentials";
  /** 1s to 12h. */
  readonly lifetime?: Duration;
  /** 0s to 12h. */
  readonly refreshBefore?: Duration;
  /** What the first credentials have left, 1s to 12h: aged credentials. */
  readonly remaining?: Duration;
  /** For so long expired already, 1s to 12h, and not replaced while the fault lasts. */
  readonly expired?: Duration;
}
/** The metadata service is not to be had. */
export interface ImdsUnavailableFault {
  readonly kind: "imds.unavailable";
  /** `no-answer`: callers wait until they give up. `refuse`: the port is closed (all calls). `not-found`: 404. */
  readonly how: "no-answer" | "refuse" | "not-found";
  /** Default: all. */
  readonly calls?: ImdsCalls;
}

// ------------------------------------------------------------------------------------------------------ all

/** Does nothing and says so; the template of a fault, and what a rehearsal uses. */
export interface NoopFault {
  readonly kind: "noop";
}
export type FaultSpec =
  | EndpointLagFault
  | TerminatePodsFault
  | NodeFreezeFault
  | NodeCrashFault
  | NodeRebootFault
  | NodeDrainFault
  | KubeletStopFault
  | KubeletThrottleFault
  | CpuSaturationFault
  | MemoryPressureFault
  | IoSaturationFault
  | OverloadCrashFault
  | KillPodsFault
  | DnsLatencyFault
  | DnsServfailFault
  | DnsFailureFault
  | DnsOverloadFault
  | HttpErrorFault
  | HttpLatencyFault
  | NetworkPartitionFault
  | NetworkLossFault
  | NetworkLatencyFault
  | NetworkBandwidthFault
  | ImdsLatencyFault
  | ImdsErrorsFault
  | ImdsCredentialsFault
  | ImdsUnavailableFault
  | ApiServerLatencyFault
  | ApiServerUnavailableFault
  | WatchStallFault
  | PodChurnFault
  | CrashLoopFault
  | OomFault
  | NoopFault;
