/** How each kind of fault is drawn, and when it was in. */
import type { FaultKind, FaultSpec, JournalEntry, PlannedArm } from "../../types.ts";
import { counted, durationMs, milliseconds } from "../../verdict/words.ts";

interface Drawing {
  /** A CSS class with a colour. */
  readonly style: string;
  /** One-shot: it is over when inject has returned, and what follows is the wait for its replacement. */
  readonly oneShot: boolean;
}
const DRAWINGS: Readonly<Record<FaultKind, Drawing>> = {
  "ingress.endpoint-lag": { style: "fault-a", oneShot: false },
  "pods.terminate": { style: "fault-b", oneShot: true },
  noop: { style: "fault-c", oneShot: false },
};

export interface FaultSpan {
  readonly id: string;
  readonly label: string;
  readonly style: string;
  /** ms on the run's clock */
  readonly fromMs: number;
  readonly toMs: number;
}

/** When each fault of an arm was in; `endMs` stands for an end that was never written. */
export function faultSpans(journal: readonly JournalEntry[], arm: PlannedArm, endMs: number): readonly FaultSpan[] {
  return arm.steps.flatMap((step) => {
    const drawing = DRAWINGS[step.spec.kind];
    const at = (states: readonly string[]) =>
      journal.find((e) => e.type === "fault" && e.id === step.id && states.includes(e.state))?.t;
    const fromMs = drawing.oneShot ? at(["intent"]) : at(["injected"]);
    const toMs = drawing.oneShot ? at(["injected", "failed"]) : at(["reverting", "reverted"]);
    if (fromMs === undefined) return [];
    return [{ id: step.id, label: faultLabel(step.spec), style: drawing.style, fromMs, toMs: toMs ?? endMs }];
  });
}

/** "endpoint changes 5 s late" */
export function faultLabel(spec: FaultSpec): string {
  switch (spec.kind) {
    case "ingress.endpoint-lag":
      return `endpoint changes reach the ingress ${milliseconds(durationMs(spec.lag))} late`;
    case "pods.terminate":
      return `pods terminated: ${counted(spec.rollingRestarts, "rolling restart")}, ${counted(spec.deletions, "deletion")}`;
    case "noop":
      return "no-op";
  }
}
