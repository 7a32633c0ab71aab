/** Every fault by its kind. A kind of `FaultSpec` without a row here does not compile. */
import type { FaultKind, FaultSpec } from "../types.ts";
import { apiServerLatency } from "./apiserver-latency.ts";
import { apiServerUnavailable } from "./apiserver-unavailable.ts";
import { dnsFailure } from "./dns-failure.ts";
import { dnsLatency } from "./dns-latency.ts";
import { dnsOverload } from "./dns-overload.ts";
import { dnsServfail } from "./dns-servfail.ts";
import type { Fault } from "./fault.ts";
import { httpError } from "./http-error.ts";
import { httpLatency } from "./http-latency.ts";
import { imdsCredentials } from "./imds-credentials.ts";
import { imdsErrors } from "./imds-errors.ts";
import { imdsLatency } from "./imds-latency.ts";
import { imdsUnavailable } from "./imds-unavailable.ts";
import { endpointLag } from "./ingress-endpoint-lag.ts";
import { networkBandwidth } from "./network-bandwidth.ts";
import { networkLatency } from "./network-latency.ts";
import { networkLoss } from "./network-loss.ts";
import { networkPartition } from "./network-partition.ts";
import { cpuSaturation } from "./node-cpu-saturation.ts";
import { nodeCrash } from "./node-crash.ts";
import { nodeDrain } from "./node-drain.ts";
import { nodeFreeze } from "./node-freeze.ts";
import { ioSaturation } from "./node-io-saturation.ts";
import { kubeletStop } from "./node-kubelet-stop.ts";
import { kubeletThrottle } from "./node-kubelet-throttle.ts";
import { memoryPressure } from "./node-memory-pressure.ts";
import { overloadCrash } from "./node-overload-crash.ts";
import { nodeReboot } from "./node-reboot.ts";
import { noop } from "./noop.ts";
import { podChurn } from "./pods-churn.ts";
import { crashLoop } from "./pods-crash-loop.ts";
import { killPods } from "./pods-kill.ts";
import { podsOom } from "./pods-oom.ts";
import { terminatePods } from "./pods-terminate.ts";
import { watchStall } from "./watch-stall.ts";

type FaultTable = { readonly [K in FaultKind]: Fault<Extract<FaultSpec, { readonly kind: K }>> };

export const faults: FaultTable = {
  "ingress.endpoint-lag": endpointLag,
  "pods.terminate": terminatePods,
  "pods.kill": killPods,
  "pods.churn": podChurn,
  "pods.crash-loop": crashLoop,
  "pods.oom": podsOom,
  "node.freeze": nodeFreeze,
  "node.crash": nodeCrash,
  "node.reboot": nodeReboot,
  "node.drain": nodeDrain,
  "node.kubelet-stop": kubeletStop,
  "node.kubelet-throttle": kubeletThrottle,
  "dns.latency": dnsLatency,
  "dns.servfail": dnsServfail,
  "dns.failure": dnsFailure,
  "dns.overload": dnsOverload,
  "http.error": httpError,
  "http.latency": httpLatency,
  "node.cpu-saturation": cpuSaturation,
  "node.memory-pressure": memoryPressure,
  "node.io-saturation": ioSaturation,
  "network.partition": networkPartition,
  "network.loss": networkLoss,
  "network.latency": networkLatency,
  "network.bandwidth": networkBandwidth,
  "imds.latency": imdsLatency,
  "imds.errors": imdsErrors,
  "imds.credentials": imdsCredentials,
  "imds.unavailable": imdsUnavailable,
  "apiserver.latency": apiServerLatency,
  "apiserver.unavailable": apiServerUnavailable,
  "watch.stall": watchStall,
  "node.overload-crash": overloadCrash,
  noop,
};

/** The fault of a kind, for callers that hold a spec or an undo token of that kind. */
export function faultOf(kind: FaultKind): Fault {
  return faults[kind] as Fault;
}
