import { expect, test } from "vitest";
import type { JournalEntry, RunVerdict } from "../types.ts";
import { repeatedOf, timesOf } from "./runs.ts";

const fault = (t: number, id: string, kind: string, state: string) =>
  ({ t, type: "fault", id, arm: "a", fault: "f", kind, state }) as unknown as JournalEntry;

test("a held fault's times are from intent to its first evidence, and from the revert to the last; one-shots have none", () => {
  const journal = [
    fault(10, "a/f/0", "node.freeze", "intent"),
    fault(20, "a/f/0", "node.freeze", "injected"),
    fault(110, "a/f/0", "node.freeze", "effective"),
    fault(900, "a/f/0", "node.freeze", "effective"),
    fault(901, "a/f/0", "node.freeze", "reverting"),
    fault(950, "a/f/0", "node.freeze", "reverted"),
    fault(0, "a/g/1", "pods.terminate", "intent"),
    fault(5, "a/g/1", "pods.terminate", "effective"),
  ];
  const cut = [fault(0, "a/f/0", "node.freeze", "intent"), fault(40, "a/f/0", "node.freeze", "effective")];
  expect(timesOf([journal, cut])).toEqual([{ kind: "node.freeze", toEffectMs: [40, 100], toCleanMs: [49] }]);
});

test("runs of an arm are counted by size, each verdict kept", () => {
  const run = (size: string, verdict: string) => ({
    size,
    verdict: { experiment: "x", arms: [{ name: "a", expected: "held", verdict }] } as unknown as RunVerdict,
  });
  expect(repeatedOf([run("quick", "held"), run("quick", "inconclusive"), run("full", "held")])).toEqual([
    { experiment: "x", size: "quick", arm: "a", expected: "held", verdicts: ["held", "inconclusive"] },
    { experiment: "x", size: "full", arm: "a", expected: "held", verdicts: ["held"] },
  ]);
});
