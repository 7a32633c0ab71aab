import { expect, test } from "vitest";
import { syntheticRun } from "../../testing/synthetic-run.ts";
import type { PlannedArm } from "../../types.ts";
import { faultSpans } from "./fault-kinds.ts";

const RUN = syntheticRun({ arms: ["vulnerable"], terminations: 3, ratePerSecond: 10 });
const ARM = RUN.plan.arms[0] as PlannedArm;
const at = (id: string, state: string) =>
  RUN.journal.find((e) => e.type === "fault" && e.id === id && e.state === state)?.t;

test("a lasting fault is in from injected to reverting, a one-shot from its intent until it is done", () => {
  expect(faultSpans(RUN.journal, ARM, 1e9)).toMatchObject([
    {
      label: "endpoint changes reach the ingress 5 s late",
      fromMs: at("vulnerable/lag/0", "injected"),
      toMs: at("vulnerable/lag/0", "reverting"),
    },
    {
      label: "pods terminated: 1 rolling restart, 0 deletions",
      fromMs: at("vulnerable/restarts/1", "intent"),
      toMs: at("vulnerable/restarts/1", "injected"),
    },
  ]);
});

test("a fault that was never reverted lasts to the end, one that was never injected is not drawn", () => {
  const cut = RUN.journal.filter((e) => e.type !== "fault" || (e.fault === "lag" && e.state === "injected"));
  expect(faultSpans(cut, ARM, 77_777)).toMatchObject([{ id: "vulnerable/lag/0", toMs: 77_777 }]);
});
