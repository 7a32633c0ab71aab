import { describe, expect, it } from "vitest";
import { certificateNames } from "./apiserver/addresses.ts";
import { faultOf, faults } from "./index.ts";
import { faultName } from "./names.ts";

describe("the table of faults", () => {
  it("has each fault under its own kind, each with a colour of its own", () => {
    for (const [kind, fault] of Object.entries(faults)) expect(fault.kind).toBe(kind);
    const colours = Object.values(faults).map((fault) => fault.drawAs.colour);
    expect(new Set(colours).size).toBe(colours.length);
  });
});

describe("what a fault says of its spec", () => {
  const lag = (value: unknown) =>
    faultOf("ingress.endpoint-lag").validate({ kind: "ingress.endpoint-lag", lag: value as "1s" });
  it.each(["100ms", "0.5s", "10s", "60s", "1m"])("a lag of %s is right", (value) => expect(lag(value)).toEqual([]));
  it.each(["99ms", "61s", "5", 5, undefined])("a lag of %s is wrong, and why", (value) =>
    expect(lag(value)).toEqual([{ path: "lag", message: expect.stringContaining("100ms to 60s") }]),
  );

  const right = {
    kind: "pods.terminate",
    deployment: "checkout",
    rollingRestarts: 1,
    deletions: 2,
    every: "1s",
  } as const;
  const terminate = (change: object) =>
    faultOf("pods.terminate")
      .validate({ ...right, ...change })
      .map(({ path }) => path);
  it("terminations: all mistakes at once", () => {
    expect(terminate({})).toEqual([]);
    expect(terminate({ deployment: "", rollingRestarts: -1, deletions: 1.5, every: "soon" })).toEqual([
      "deployment",
      "rollingRestarts",
      "deletions",
      "every",
    ]);
  });
  it("terminations: none at all is a mistake", () => {
    expect(terminate({ rollingRestarts: 0, deletions: 0 })).toEqual(["rollingRestarts"]);
  });
});

describe("the id of an endpoint lag", () => {
  it("is the same for the same fault of the same run, a valid name, and another for any other", () => {
    expect(faultName("lag", "run-1", "vulnerable/lag/0")).toBe(faultName("lag", "run-1", "vulnerable/lag/0"));
    expect(faultName("lag", "run-1", "vulnerable/lag/0")).toMatch(/^[a-z0-9-]{1,55}$/);
    expect(faultName("lag", "run-1", "vulnerable/lag/0")).not.toBe(faultName("lag", "run-2", "vulnerable/lag/0"));
  });
});

describe("the proxy's certificate", () => {
  it("names the API server as clients in the cluster know it", () => {
    expect(certificateNames(["10.96.0.1:443", "172.18.0.6:6443", "172.18.0.6:6444"])).toEqual([
      "kubernetes",
      "kubernetes.default",
      "kubernetes.default.svc",
      "kubernetes.default.svc.cluster.local",
      "10.96.0.1",
      "172.18.0.6",
    ]);
  });
});
