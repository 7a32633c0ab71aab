import { describe, expect, it } from "vitest";
import { networkBandwidth } from "../network-bandwidth.ts";
import { networkLatency } from "../network-latency.ts";
import { networkLoss } from "../network-loss.ts";
import { networkPartition } from "../network-partition.ts";
import { type End, parseRange, witnessesOf } from "./ends.ts";
import { readProbe } from "./probe.ts";
import { chainsOf, foreignIds, type RuleSet } from "./rules.ts";

const ID = "faultline-partition-0123456789";
const SET: RuleSet = {
  id: ID,
  table: "filter",
  hooks: ["FORWARD"],
  selves: ["10.244.1.2/32"],
  peers: ["10.244.2.3/32"],
  direction: "both",
  actions: { to: ["-j DROP"], from: ["-j REJECT"] },
};

describe("rules", () => {
  const comment = `-m comment --comment "faultline:${ID}"`;
  it("replace the fault's chains at once, each way with its action", () => {
    expect(chainsOf(SET).split("\n")).toEqual([
      "*filter",
      ":faultline-0123456789 - [0:0]",
      ":faultline-0123456789-to - [0:0]",
      ":faultline-0123456789-from - [0:0]",
      `-A faultline-0123456789 -s 10.244.1.2/32 ${comment} -j faultline-0123456789-to`,
      `-A faultline-0123456789-to -d 10.244.2.3/32 ${comment} -j DROP`,
      `-A faultline-0123456789 -d 10.244.1.2/32 ${comment} -j faultline-0123456789-from`,
      `-A faultline-0123456789-from -s 10.244.2.3/32 ${comment} -j REJECT`,
      "COMMIT",
      "",
    ]);
  });

  it("of one way leave the other alone", () => {
    expect(chainsOf({ ...SET, direction: "to-peers" })).not.toContain("REJECT");
    expect(chainsOf({ ...SET, direction: "from-peers" })).not.toContain("DROP");
  });

  it("tell another fault of the same kind on the same address, and no other", () => {
    const saved = chainsOf(SET);
    const other = "faultline-partition-9999999999";
    expect(foreignIds(saved, "partition", other, ["10.244.1.2/32"])).toEqual([ID]);
    expect(foreignIds(saved, "partition", ID, ["10.244.1.2/32"])).toEqual([]);
    expect(foreignIds(saved, "loss", other, ["10.244.1.2/32"])).toEqual([]);
    expect(foreignIds(saved, "partition", other, ["10.244.1.9/32"])).toEqual([]);
    // iptables-save leaves out a range that means everything.
    const ofNode = saved.replaceAll("-s 10.244.1.2/32 ", "").replaceAll("-d 10.244.1.2/32 ", "");
    expect(foreignIds(ofNode, "partition", other, ["0.0.0.0/0"])).toEqual([ID]);
  });
});

describe("ends", () => {
  it("know which addresses are in a range", () => {
    expect(parseRange("10.244.0.0/16")?.("10.244.7.1")).toBe(true);
    expect(parseRange("10.244.0.0/16")?.("10.245.7.1")).toBe(false);
    expect(parseRange("0.0.0.0/0")?.("200.1.2.3")).toBe(true);
    expect(parseRange("200.1.2.3/32")?.("200.1.2.3")).toBe(true);
    for (const wrong of ["10.0.0.0", "10.0.0.0/33", "fd00::/8", "10.0.0/8", undefined])
      expect(parseRange(wrong)).toBeNull();
  });

  it("are measured with a peer whose packets leave the node, if there is one", () => {
    const end = (ip: string, node: string, isNode = false): End => ({ name: ip, ip, node, isNode });
    const target = end("10.244.1.2", "a");
    const witnesses = [end("172.18.0.2", "a", true), end("10.244.1.3", "a"), target, end("172.18.0.3", "b", true)];
    expect(witnessesOf(target, { ranges: [], witnesses }).map(({ ip }) => ip)).toEqual(["172.18.0.3", "10.244.1.3"]);
  });
});

describe("a probe", () => {
  const a: End = { name: "a", ip: "10.0.0.1", node: "n", isNode: false };
  const b: End = { name: "b", ip: "10.0.0.2", node: "m", isNode: false };
  const lines = [
    "bound 10.0.0.1 1000 9000",
    "bound 10.0.0.2 2500 5500",
    "sent 0 1500 3000 4000 5000 6000",
    "sent 1 3000",
    "got 0 0:1500:1600 1:3000:3100 3:5000:5300",
  ];
  it("counts what was sent while the other end listened, one way each", () => {
    const { reports } = readProbe(
      lines,
      [
        { from: a, to: b },
        { from: b, to: a },
      ],
      1_000,
    );
    expect(reports).toEqual([
      { from: a, to: b, sent: 3, received: 2, delayMs: 0.3, bitsPerS: (8_000 * 1e6) / 2_200 },
      { from: b, to: a, sent: 1, received: 0, delayMs: null, bitsPerS: null },
    ]);
  });
  it("says nothing of an end that is not there", () => {
    expect(readProbe(["absent 10.0.0.2", ...lines.slice(0, 1)], [{ from: a, to: b }], 100).reports).toEqual([]);
  });
});

describe("specs", () => {
  const pods = { selector: "app=web" };
  const paths = (problems: readonly { readonly path: string }[]) => problems.map(({ path }) => path);
  it("are right", () => {
    expect(networkPartition.validate({ kind: "network.partition", pods, answer: "reject" })).toEqual([]);
    const peers = { pods, service: { name: "db" }, nodes: {}, cidrs: ["10.0.0.0/8"] };
    expect(networkLoss.validate({ kind: "network.loss", pods, peers, percent: 100 })).toEqual([]);
    expect(networkLatency.validate({ kind: "network.latency", nodes: {}, delay: "1ms", jitter: "1ms" })).toEqual([]);
    expect(networkBandwidth.validate({ kind: "network.bandwidth", pods, rate: "1.5mbit" })).toEqual([]);
  });
  it("tell all mistakes at once", () => {
    const wrong = {
      pods,
      nodes: {},
      direction: "up",
      peers: { cidrs: ["x", "10.0.0.0/8"], service: { name: "" } },
    } as object;
    const ends = ["pods", "direction", "peers.service.name", "peers.cidrs[0]"];
    const all = [
      networkPartition.validate({ kind: "network.partition", ...wrong, answer: "shrug" as "drop" }),
      networkLoss.validate({ kind: "network.loss", ...wrong, percent: 101 }),
      networkLatency.validate({ kind: "network.latency", ...wrong, delay: "11s", jitter: "-1ms" }),
      networkBandwidth.validate({ kind: "network.bandwidth", ...wrong, rate: "1gbit" as "1mbit" }),
    ];
    expect(all.map(paths)).toEqual([
      [...ends, "answer"],
      [...ends, "percent"],
      [...ends, "delay", "jitter"],
      [...ends, "rate"],
    ]);
    expect(paths(networkLatency.validate({ kind: "network.latency", pods, delay: "1s", jitter: "2s" }))).toEqual([
      "jitter",
    ]);
    expect(paths(networkLoss.validate({ kind: "network.loss", pods, peers: {}, percent: 0 }))).toEqual([
      "peers",
      "percent",
    ]);
  });
});
