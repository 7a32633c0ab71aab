/** Which plans of one call run on the same cluster: setting one up takes longer than many an arm. Pure. */
import type { ClusterSpec, Plan } from "../types.ts";

/**
 * Plans that want the same nodes with the same settings are together, in the order in which the first of each came.
 * What is only installed, an ingress controller or the metadata mock, keeps none apart: who does not want it does not
 * use it.
 */
export function sharingClusters(plans: readonly Plan[]): readonly (readonly Plan[])[] {
  return [...Map.groupBy(plans, ({ cluster }) => nodesOf(cluster)).values()];
}

function nodesOf({ topology, nodeImage = "", egress = "rejected", nodeLimits = {} }: ClusterSpec): string {
  const { cpus = 0, memoryMiB = 0 } = nodeLimits;
  return JSON.stringify([topology, nodeImage, egress, cpus, memoryMiB]);
}

/** What the first plan asks for, and what the others, which want the same nodes, need installed. */
export function clusterOfAll(first: Plan, others: readonly Plan[]): ClusterSpec {
  const all = [first, ...others].map(({ cluster }) => cluster);
  const ingress = all.find((spec) => spec.ingress !== undefined)?.ingress;
  const imds = all.find((spec) => spec.imds !== undefined)?.imds;
  return {
    ...first.cluster,
    ...(ingress === undefined ? {} : { ingress }),
    ...(imds === undefined ? {} : { imds }),
  };
}
