import { describe, expect, it } from "vitest";
import { CoverageLedger, chooseCovered } from "./follow.ts";
import type { PodTarget } from "./targets.ts";

const pod = (uid: string): PodTarget => ({ namespace: "x", name: uid, uid, node: "n", ip: "10.0.0.1" });
const uids = (pods: readonly PodTarget[]) => pods.map(({ uid }) => uid);

describe("which pods are covered", () => {
  it("those that were, and new ones while there is room", () => {
    const alive = ["new1", "b", "new2"].map(pod);
    expect(uids(chooseCovered(alive, [pod("a"), pod("b")], 2))).toEqual(["b", "new1"]);
    expect(uids(chooseCovered(alive, [pod("a"), pod("b")], 9))).toEqual(["b", "new1", "new2"]);
  });
});

describe("coverage in pod-seconds", () => {
  it("counts a replacement from when its network was there, and as covered from when the fault was on it", () => {
    const ledger = new CoverageLedger(10_000);
    ledger.begin("a", 0, true);
    ledger.begin("b", 0, true);
    ledger.end("a", 12_000);
    ledger.seen("c", 13_000);
    ledger.begin("c", 14_000);
    ledger.cover("c", 14_500);
    ledger.begin("d", 15_000);
    expect(ledger.sum(20_000)).toEqual({ pods: 4, podSeconds: 2 + 10 + 7 + 5, coveredPodSeconds: 2 + 10 + 5.5 });
  });

  it("counts nothing before the fault began, and an end only once", () => {
    const ledger = new CoverageLedger(10_000);
    ledger.seen("a", 4_000);
    ledger.begin("a", 11_000);
    ledger.end("a", 12_000);
    ledger.end("a", 19_000);
    ledger.cover("a", 13_000);
    expect(ledger.sum(20_000)).toEqual({ pods: 1, podSeconds: 2, coveredPodSeconds: 0 });
  });
});
