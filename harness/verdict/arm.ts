/** One arm: checks first, then the reasons for doubt, then the verdict. Knows nothing of the other arms. */
import type {
  ArmRecord,
  ArmVerdict,
  CheckResult,
  LoadSummary,
  PlannedArm,
  RunRecord,
  Termination,
  Verdict,
} from "../types.ts";
import { faultDoubts, faultErrors, faultSummaries } from "./faults.ts";
import { guardResult } from "./guard.ts";
import { loadDoubts, thresholdResults } from "./load.ts";
import { judgeMechanism } from "./mechanism.ts";
import { samplesOf } from "./samples.ts";
import { type Control, judgeSlo } from "./slo.ts";
import { terminationsOf } from "./terminations.ts";
import { type PhaseWindows, phaseWindows } from "./windows.ts";
import { count, counted, oneSentence, phaseName } from "./words.ts";

const NOTHING: ArmRecord = { requests: null, upstream: null, observations: [] };

/** The verdict of an arm on its own; the control gate comes after (judge.ts). */
export function judgeArm(run: RunRecord, arm: PlannedArm): ArmVerdict {
  const { plan, journal } = run;
  const record = run.arms[arm.name] ?? NOTHING;
  const windows = phaseWindows(run, arm.name);
  const faults = faultSummaries(journal, arm.name);
  const load = loadSummary(run, arm.name);
  const guard = guardResult(plan.guard, record.requests, windows);
  const slos = [
    ...plan.slos.map((slo) => judgeSlo(slo, samplesOf(plan, record, slo.over), windows, controlOf(run, slo.over))),
    ...(guard === null ? [] : [guard]),
    ...thresholdResults(load),
  ];
  const terminations = terminationsByProbe(run, record, windows);
  const disturbed = arm.steps.length > 0;
  const asked = plan.mechanisms.filter(({ arms }) => arms?.includes(arm.name) ?? true);
  const mechanisms = asked.map((mechanism) =>
    judgeMechanism(mechanism, {
      record,
      windows,
      terminations: terminations.get(mechanism.over) ?? [],
      disturbed,
    }),
  );
  const stopped = guard?.verdict === "violated";
  const doubts = [
    ...completenessDoubts(run, arm, windows, stopped),
    ...faultDoubts(arm, faults, faultErrors(journal), stopped || windows.run?.complete !== true),
    ...(plan.loadScript === null ? [] : loadDoubts(load, record.requests, windows.run)),
    ...[...slos, ...mechanisms].filter((c) => c.verdict === "inconclusive").map((c) => `${c.name}: ${c.because}`),
    // An arm without faults has no defect to show: there the violated SLO itself is the finding.
    ...(disturbed ? absentDefect(asked, slos, mechanisms) : []),
  ];
  const { verdict, because } = conclude(doubts, slos, mechanisms, endedPods(plan, terminations));
  return {
    name: arm.name,
    role: arm.role,
    expected: arm.expected,
    verdict,
    asExpected: asExpected(arm, verdict, mechanisms, asked),
    because,
    slos,
    mechanisms,
    faults,
    terminations: [...terminations.values()].flat(),
    load,
  };
}

function controlOf(run: RunRecord, over: string): Control | null {
  const name = run.plan.arms.find(({ role }) => role === "control")?.name;
  if (name === undefined) return null;
  return { samples: samplesOf(run.plan, run.arms[name] ?? NOTHING, over), windows: phaseWindows(run, name) };
}

/** The expected verdict, and where a defect is expected, the defect itself: a verdict for the wrong reason is not it. */
function asExpected(
  arm: PlannedArm,
  verdict: Verdict,
  results: readonly CheckResult[],
  mechanisms: RunRecord["plan"]["mechanisms"],
): boolean {
  if (verdict !== arm.expected) return false;
  const defects = defectResults(mechanisms, results);
  const mustShow = arm.expected === "violated" && (arm.role === "vulnerable" || arm.role === "wrong-fix");
  return !mustShow || defects.length === 0 || defects.some((result) => result.verdict === "violated");
}

function conclude(
  doubts: readonly string[],
  slos: readonly CheckResult[],
  mechanisms: readonly CheckResult[],
  ended: string,
): { readonly verdict: Verdict; readonly because: string } {
  if (doubts.length > 0) return { verdict: "inconclusive", because: shortened(doubts) };
  const violated = [...slos, ...mechanisms].filter((check) => check.verdict === "violated");
  if (violated.length > 0) {
    return { verdict: "violated", because: shortened(violated.map((check) => check.because)) };
  }
  const first = slos[0]?.because ?? "No SLO was asked for.";
  const checks = counted(slos.length + mechanisms.length, "check");
  return { verdict: "held", because: oneSentence([first, `${checks} held${ended}`]) };
}

/** How many pods ended, where a probe looked for that. */
function endedPods(plan: RunRecord["plan"], terminations: ReadonlyMap<string, readonly Termination[]>): string {
  const pods = [...terminations.values()].flat().length;
  if (!Object.values(plan.probes).some(({ kind }) => kind === "pod-terminations")) return "";
  return pods === 0 ? ", no pod was terminated" : `, ${counted(pods, "pod")} terminated`;
}

/** At most three reasons; the checks themselves hold the rest. */
function shortened(reasons: readonly string[]): string {
  const more = reasons.length - 3;
  return oneSentence([...reasons.slice(0, 3), ...(more > 0 ? [`and ${counted(more, "more reason")}`] : [])]);
}

function completenessDoubts(
  run: RunRecord,
  arm: PlannedArm,
  windows: PhaseWindows,
  stopped: boolean,
): readonly string[] {
  const doubts: string[] = [];
  const began = run.journal.some((e) => e.type === "arm" && e.arm === arm.name && e.edge === "begin");
  if (!began) return ["The arm did not run."];
  for (const entry of run.journal) {
    if (entry.type === "invalid" && entry.arm === arm.name) doubts.push(entry.because);
    if (entry.type === "error" && entry.arm === arm.name) doubts.push(`The harness failed: ${entry.message}`);
  }
  // A guard that stopped the arm is a finding about the system, so what is missing after it is no doubt.
  if (stopped) return doubts;
  for (const phase of ["baseline", "fault", "recovery"] as const) {
    if (windows[phase]?.complete !== true) {
      doubts.push(
        `The arm did not complete: ${phaseName(phase)} ${windows[phase] === null ? "never began" : "did not end"}.`,
      );
      break;
    }
  }
  return doubts;
}

/** SLOs that broke although the defect is not there: something else broke them, and the arm proves nothing. */
function absentDefect(
  mechanisms: RunRecord["plan"]["mechanisms"],
  slos: readonly CheckResult[],
  results: readonly CheckResult[],
): readonly string[] {
  const defects = defectResults(mechanisms, results);
  const broken = slos.find((slo) => slo.verdict === "violated");
  if (broken === undefined || defects.length === 0 || defects.some((defect) => defect.verdict !== "held")) return [];
  return [
    `${broken.name} was violated without the defect that it is meant to show (${defects.map((d) => `${d.name}: ${count(d.value ?? 0)} ${d.unit}`).join(", ")}), so something else broke it: ${broken.because}`,
  ];
}

function defectResults(
  mechanisms: RunRecord["plan"]["mechanisms"],
  results: readonly CheckResult[],
): readonly CheckResult[] {
  const names = new Set(mechanisms.filter((m) => m.role === "defect").map((m) => m.name));
  return results.filter((result) => names.has(result.name));
}

function terminationsByProbe(
  run: RunRecord,
  record: ArmRecord,
  windows: PhaseWindows,
): ReadonlyMap<string, readonly Termination[]> {
  const window = windows.run;
  if (window === null) return new Map();
  return new Map(
    Object.entries(run.plan.probes).flatMap(([name, probe]) =>
      probe.kind === "pod-terminations" ? [[name, terminationsOf(name, probe, record, window)]] : [],
    ),
  );
}

function loadSummary(run: RunRecord, arm: string): LoadSummary | null {
  const entry = run.journal.findLast((candidate) => candidate.type === "load" && candidate.arm === arm);
  return entry?.type === "load" ? entry.summary : null;
}
