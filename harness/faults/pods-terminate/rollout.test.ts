import { describe, expect, it } from "vitest";
import { whyStuck } from "./rollout.ts";

const ANTI_AFFINITY =
  "0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match pod anti-affinity rules. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.";
const condition = (type: string, status: string, more: object = {}) => ({ type, status, ...more });
const pod = (name: string, conditions: object[], metadata: object = {}, status: object = {}) => ({
  metadata: { name, ...metadata },
  status: { conditions, ...status },
});
const ready = pod("old", [condition("Ready", "True"), condition("PodScheduled", "True")]);
const starting = pod("new", [condition("Ready", "False"), condition("PodScheduled", "True")]);
const pending = (name = "new", message = ANTI_AFFINITY) =>
  pod(name, [condition("PodScheduled", "False", { reason: "Unschedulable", message })]);
const ending = pod("old", [condition("Ready", "True")], { deletionTimestamp: "2026-11-25T02:49:52Z" });
const going = { status: { conditions: [condition("Progressing", "True")] } };
const late = {
  status: {
    conditions: [
      condition("Progressing", "False", {
        reason: "ProgressDeadlineExceeded",
        message: 'ReplicaSet "x" has timed out',
      }),
    ],
  },
};

describe("a rollout", () => {
  it("is stuck when what is missing has no node and nothing ends, with the scheduler's first sentence", () => {
    expect(whyStuck(going, [ready, ready, pending()])).toBe(
      "new is not scheduled: 0/4 nodes are available: 1 node(s) had untolerated taint(s), 3 node(s) didn't match pod anti-affinity rules",
    );
    expect(whyStuck(going, [ready, pending("a"), pending("b", "no room.")])).toMatch(/^a \(and 1 more\) is not/);
  });

  it.each([
    ["a pod starts", [ready, starting]],
    ["one starts and another waits", [ready, starting, pending()]],
    ["a pod ends, so that there may be room", [ending, pending()]],
    ["nobody has looked at the pod yet", [ready, pod("new", [])]],
    ["nothing is missing", [ready, ready]],
  ])("goes on while %s", (_, pods) => expect(whyStuck(going, pods)).toBeNull());

  it("is stuck when its own deadline for progress is over, whatever its pods wait for", () => {
    const crashing = pod(
      "new",
      [],
      {},
      { containerStatuses: [{ state: { waiting: { reason: "CrashLoopBackOff" } } }] },
    );
    expect(whyStuck(late, [ready, crashing])).toBe('ReplicaSet "x" has timed out; new waits: CrashLoopBackOff');
  });
});
