/** When each phase of an arm was, from the journal. */
import type { Phase, RequestColumns, RunRecord } from "../types.ts";

/** Begin included, end excluded; ms on the run's clock. */
export interface Window {
  readonly beginMs: number;
  readonly endMs: number;
  /** false: the end was never written, so the arm's end, or else its last answer, stands for it. */
  readonly complete: boolean;
}
/** null: the phase never began. */
export type PhaseWindows = Readonly<Record<Phase, Window | null>>;

/** The phases of one arm; `run` is from the baseline's begin to the recovery's end. */
export function phaseWindows({ journal, arms }: Pick<RunRecord, "journal" | "arms">, arm: string): PhaseWindows {
  const armEnd = journal.find((entry) => entry.type === "arm" && entry.arm === arm && entry.edge === "end");
  // Not the journal's last line: a recovery may have added it a day later.
  const lastMs = armEnd?.t ?? lastAnswerMs(arms[arm]?.requests ?? null);
  const edge = (phase: Phase, wanted: "begin" | "end") =>
    journal.find((e) => e.type === "phase" && e.arm === arm && e.phase === phase && e.edge === wanted)?.t;
  const phase = (name: Phase): Window | null => {
    const beginMs = edge(name, "begin");
    if (beginMs === undefined) return null;
    const endMs = edge(name, "end");
    return { beginMs, endMs: endMs ?? Math.max(beginMs, lastMs), complete: endMs !== undefined };
  };
  const [baseline, fault, recovery] = [phase("baseline"), phase("fault"), phase("recovery")];
  const first = baseline ?? fault ?? recovery;
  const last = recovery ?? fault ?? baseline;
  const run =
    first === null || last === null
      ? null
      : {
          beginMs: first.beginMs,
          endMs: last.endMs,
          complete: baseline !== null && fault !== null && recovery?.complete === true,
        };
  return { baseline, fault, recovery, run };
}

function lastAnswerMs(requests: RequestColumns | null): number {
  return requests === null ? 0 : requests.endMs.reduce((last, end) => Math.max(last, end), 0);
}

export function within(window: Window, t: number): boolean {
  return t >= window.beginMs && t < window.endMs;
}
