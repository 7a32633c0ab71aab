/** Whether a running cluster is what an experiment needs. */
import { FaultlineError } from "../errors.ts";
import type { ClusterSpec } from "../types.ts";
import { networkOf } from "./network.ts";
import type { ClusterRecord } from "./record.ts";
import { readTopology } from "./topology.ts";
import { settingsDiffer, topologySettings } from "./topology-settings.ts";

/**
 * @param record null where it was lost: then only what runs can be looked at.
 * @param workers that it has.
 * @throws FaultlineError `cluster` when the experiment needs another cluster than this one.
 */
export async function checkFits(
  name: string,
  spec: ClusterSpec,
  record: ClusterRecord | null,
  workers: number,
): Promise<void> {
  const topology = await readTopology(spec.topology);
  const wanted = topology.nodes.filter(({ role }) => role === "worker").length;
  const network = networkOf(spec.egress ?? "rejected").name;
  const wrong =
    workers < wanted
      ? `has ${workers} workers, ${spec.topology} needs ${wanted}`
      : record !== null && record.network !== network
        ? `is on network ${record.network}, egress "${spec.egress ?? "rejected"}" needs ${network}`
        : settingsDiffer(record?.settings ?? null, topologySettings(topology, spec.nodeLimits));
  if (wrong === null) return;
  throw new FaultlineError("cluster", `cluster ${name} ${wrong}`, {
    fix: "Let the run create a cluster of its own, or create a fitting one with faultline cluster up.",
  });
}
