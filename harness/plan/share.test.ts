import { describe, expect, test } from "vitest";
import { experiment, planInput } from "../testing/experiment.ts";
import type { ClusterSpec, Plan } from "../types.ts";
import { plan } from "./plan.ts";
import { clusterOfAll, sharingClusters } from "./share.ts";

function planOn(cluster: ClusterSpec): Plan {
  const result = plan(planInput(experiment()));
  if ("problems" in result) throw new Error(JSON.stringify(result.problems));
  return { ...result.plan, cluster };
}

describe("sharing a cluster", () => {
  const plain = planOn({ topology: "two-workers" });
  const withIngress = planOn({ topology: "two-workers", ingress: "traefik", egress: "rejected" });
  const withMock = planOn({ topology: "two-workers", imds: "mock", nodeLimits: {} });

  test.each<[string, ClusterSpec]>([
    ["topology", { topology: "three-workers" }],
    ["egress", { topology: "two-workers", egress: "allowed" }],
    ["node image", { topology: "two-workers", nodeImage: "other" }],
    ["caps", { topology: "two-workers", nodeLimits: { cpus: 1 } }],
  ])("another %s is another cluster", (_, cluster) => {
    const other = planOn(cluster);
    expect(sharingClusters([plain, other, withIngress])).toEqual([[plain, withIngress], [other]]);
  });

  test("what is installed is together what each wants", () => {
    expect(sharingClusters([plain, withIngress, withMock])).toEqual([[plain, withIngress, withMock]]);
    const spec = { topology: "two-workers", ingress: "traefik", imds: "mock" };
    expect(clusterOfAll(plain, [withIngress, withMock])).toEqual(spec);
    expect(clusterOfAll(withMock, [plain])).toEqual(withMock.cluster);
    expect(clusterOfAll(plain, [])).toEqual(plain.cluster);
  });

  test("none is lost, and nothing is shared by nobody", () => {
    expect(sharingClusters([])).toEqual([]);
    expect(sharingClusters([plain])).toEqual([[plain]]);
  });
});
