/** Facts about a run that more than one report shows. */
import type { JournalEntry, RunRecord, Termination } from "../types.ts";
import { median } from "../verdict/statistics.ts";

type RunStart = JournalEntry & { readonly type: "run-start" };

/** The journal's first line; null in a torn journal. */
export function runStart(run: RunRecord): RunStart | null {
  const entry = run.journal.find((candidate) => candidate.type === "run-start");
  return entry?.type === "run-start" ? entry : null;
}

/** What the cluster's topology sets beside its nodes, as rows. */
export function clusterSettings(run: RunRecord): readonly (readonly [string, string])[] {
  const entry = run.journal.findLast((candidate) => candidate.type === "cluster");
  return entry?.type === "cluster" ? Object.entries(entry.settings ?? {}) : [];
}

/** "14 July 2026, 09:12 UTC"; "" in a torn journal. */
export function startedAt(run: RunRecord): string {
  const start = runStart(run);
  if (start === null) return "";
  const options = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" } as const;
  const day = new Date(start.wallMs).toLocaleDateString("en-GB", options);
  return `${day}, ${new Date(start.wallMs).toISOString().slice(11, 16)} UTC`;
}

/** When the run itself ended: what a later recovery added does not count. */
export function runEndMs(run: RunRecord): number {
  return (run.journal.find((entry) => entry.type === "run-end") ?? run.journal.at(-1))?.t ?? 0;
}

/** From the begin to the end of the run. ms */
export function runDurationMs(run: RunRecord): number {
  return runEndMs(run) - (run.journal[0]?.t ?? 0);
}

/** From an arm's begin to its end, set-up and clean-up included. ms; 0 when it did not run. */
export function armDurationMs(run: RunRecord, arm: string): number {
  const edge = (wanted: "begin" | "end") =>
    run.journal.find((e) => e.type === "arm" && e.arm === arm && e.edge === wanted)?.t;
  const begin = edge("begin");
  return begin === undefined ? 0 : (edge("end") ?? runEndMs(run)) - begin;
}

/** What the terminations of an arm come to. */
export interface TerminationFigures {
  readonly pods: number;
  readonly requestsAfterClose: number;
  /** The sleep that would have been enough for every pod; null: not measurable. ms */
  readonly preStopNeededMs: number | null;
}

export function terminationFigures(terminations: readonly Termination[]): TerminationFigures {
  const needed = terminations.flatMap((t) => (t.preStopNeededMs === null ? [] : [t.preStopNeededMs]));
  return {
    pods: terminations.length,
    requestsAfterClose: terminations.reduce((sum, t) => sum + t.requestsAfterClose, 0),
    preStopNeededMs: needed.length === 0 ? null : Math.max(...needed),
  };
}

/** Medians of the steps of a termination, ms after the delete; null: no pod has it. */
type RaceStep = "sigterm" | "closed" | "notReady" | "lastRequest" | "exit" | "gone";
export type Race = Readonly<Record<RaceStep, number | null>>;

/** The steps of one pod, ms after its delete. */
export function raceOf(t: Termination): Race {
  const after = (at: number | null) => (at === null ? null : at - t.deletedMs);
  return {
    sigterm: after(t.sigtermMs),
    closed: after(t.listenerClosedMs),
    notReady: after(t.notReadyMs),
    lastRequest: after(t.lastRequestMs),
    exit: after(t.exitMs),
    gone: after(t.goneMs),
  };
}

export function medianRace(terminations: readonly Termination[]): Race {
  const races = terminations.map(raceOf);
  const of = (step: RaceStep) => {
    const values = races.flatMap((race) => (race[step] === null ? [] : [race[step]]));
    return values.length === 0 ? null : median(values);
  };
  return {
    sigterm: of("sigterm"),
    closed: of("closed"),
    notReady: of("notReady"),
    lastRequest: of("lastRequest"),
    exit: of("exit"),
    gone: of("gone"),
  };
}
