import { describe, expect, it } from "vitest";
import { findingOf } from "../dns-overload.ts";
import { faultOf } from "../index.ts";
import { burstOf } from "./burst.ts";

describe("a burst of queries", () => {
  it("is told by one line", () =>
    expect(burstOf("asking-1 yes 20 11")).toEqual({ pod: "asking-1", asksCluster: true, asked: 20, answered: 11 }));
  it.each([
    [20, false],
    [15, false],
    [14, true],
    [10, true],
    [1, true],
    [0, false],
  ])("%i of 20 answered at 10 a second: in effect %s", (answered, inEffect) =>
    expect(findingOf({ pod: "asking", asksCluster: true, asked: 20, answered }, 10)).toMatchObject({ inEffect }),
  );
});

describe("what the fault says of its spec", () => {
  const problems = (change: object) =>
    faultOf("dns.overload")
      .validate({ kind: "dns.overload", perSecond: 10, ...change } as never)
      .map(({ path }) => path);
  it("all mistakes at once", () => {
    expect(problems({})).toEqual([]);
    expect(problems({ perSecond: 101, pods: { selector: "", count: 0 } })).toEqual([
      "perSecond",
      "pods.selector",
      "pods.count",
    ]);
  });
  it.each([4, 7.5, "20", -5, undefined])("%s answers a second are wrong", (perSecond) =>
    expect(problems({ perSecond })).toEqual(["perSecond"]),
  );
});
