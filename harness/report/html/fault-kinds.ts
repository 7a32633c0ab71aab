/** How each kind of fault is drawn, and when it was in. */
import type { FaultKind, FaultSpec, JournalEntry, PlannedArm } from "../../types.ts";
import { counted, durationMs, milliseconds } from "../../verdict/words.ts";

/** A CSS class with a colour, by family: what is before the dot. */
const STYLES: Readonly<Record<string, string>> = { pods: "fault-b", noop: "fault-c" };
const styleOf = (kind: FaultKind) => STYLES[kind.split(".")[0] ?? ""] ?? "fault-a";

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
    const oneShot = step.oneShot === true;
    const at = (states: readonly string[]) =>
      journal.find((e) => e.type === "fault" && e.id === step.id && states.includes(e.state))?.t;
    const fromMs = oneShot ? at(["intent"]) : at(["injected"]);
    const toMs = oneShot ? at(["injected", "failed"]) : at(["reverting", "reverted"]);
    if (fromMs === undefined) return [];
    return [{ id: step.id, label: faultLabel(step.spec), style: styleOf(step.spec.kind), fromMs, toMs: toMs ?? endMs }];
  });
}

/** "endpoint changes 5 s late" */
export function faultLabel(spec: FaultSpec): string {
  switch (spec.kind) {
    case "ingress.endpoint-lag":
      return `endpoint changes reach the ingress ${milliseconds(durationMs(spec.lag))} late`;
    case "pods.terminate":
      return `pods terminated: ${counted(spec.rollingRestarts, "rolling restart")}, ${counted(spec.deletions, "deletion")}`;
    case "pods.churn":
      return `pods come and go at ${spec.podsPerSecond}/s, each for ${milliseconds(durationMs(spec.lifetime))}`;
    case "noop":
      return "no-op";
    default:
      return `${spec.kind}: ${settings(spec)}`;
  }
}

/** "qps 5, burst 10, targets names worker2" */
function settings(value: object): string {
  return Object.entries(value)
    .filter(([key]) => key !== "kind")
    .map(([key, setting]) => {
      if (Array.isArray(setting)) return `${key} ${setting.join(" ")}`;
      return `${key} ${typeof setting === "object" && setting !== null ? settings(setting) : setting}`;
    })
    .join(", ");
}
