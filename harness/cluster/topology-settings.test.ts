import { describe, expect, it } from "vitest";
import { checkedTopology, readTopology } from "./topology.ts";
import { settingsDiffer, topologySettings } from "./topology-settings.ts";

describe("what a topology sets", () => {
  it("is a row for each argument, each kubelet setting and each cap", async () => {
    expect(topologySettings(await readTopology("three-workers-packing"), { cpus: 0.5 })).toMatchObject({
      "kube-controller-manager node-monitor-grace-period": "10s",
      "kube-scheduler config": "/etc/kubernetes/packing/pack-nodes.yaml",
      "kubelet nodeStatusUpdateFrequency": "2s",
      "each worker's cpus": "0.5",
    });
  });

  it("may be in kubeadm's older form, of one node alone, or a gate", () => {
    const text = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
featureGates: {Fast: true}
nodes:
- role: control-plane
- role: worker
  kubeadmConfigPatches: ["kind: KubeletConfiguration\\nevictionHard: {memory.available: 1Mi}"]
kubeadmConfigPatches: ["kind: ClusterConfiguration\\napiServer: {extraArgs: {v: 2}}"]`;
    expect(topologySettings(checkedTopology("x.yaml", text), undefined)).toEqual({
      "kube-apiserver v": "2",
      "node 1 (worker) kubelet evictionHard": '{"memory.available":"1Mi"}',
      "feature gate Fast": "true",
    });
  });
});

describe("a cluster that was made with other settings", () => {
  it("differs by what it has and by what it lacks; where nobody knows nothing is said", () => {
    expect(settingsDiffer({ a: "1", b: "2" }, { a: "1", b: "2" })).toBeNull();
    expect(settingsDiffer(null, { a: "1" })).toBeNull();
    expect(settingsDiffer({ a: "1" }, { a: "2", b: "3" })).toBe(
      "was made with a 1 (wanted: 2), b as usual (wanted: 3)",
    );
    expect(settingsDiffer({ a: "1" }, {})).toBe("was made with a 1 (wanted: as usual)");
  });
});
