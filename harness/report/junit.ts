/**
 * JUnit XML for a CI server: green exactly when the run's exit code is 0. A suite for each arm; an SLO that is violated
 * in an arm that is expected to violate it is a success, so each check of such an arm passes and tells its story as output.
 */
import type { ArmVerdict, CheckResult, RunRecord, RunVerdict } from "../types.ts";
import { armDurationMs, runDurationMs, runStart } from "./facts.ts";

interface Case {
  readonly name: string;
  readonly output: string;
  readonly failure: { readonly kind: string; readonly message: string } | null;
}

export function junitReport(run: RunRecord, verdict: RunVerdict): string {
  const suites = [
    { name: verdict.experiment, seconds: runDurationMs(run) / 1_000, cases: runCases(verdict) },
    ...verdict.arms.map((arm) => ({
      name: `${verdict.experiment} / ${arm.name}`,
      seconds: armDurationMs(run, arm.name) / 1_000,
      cases: armCases(arm),
    })),
  ];
  const all = suites.flatMap((suite) => suite.cases);
  const attributes = `name="${escapeXml(verdict.experiment)}" tests="${all.length}" failures="${failures(all)}" errors="0"`;
  const body = suites.map((suite) => suiteXml(suite.name, suite.seconds, suite.cases, run, verdict)).join("\n");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${attributes}>\n${body}\n</testsuites>\n`;
}

/** Exit code 3 has a case of its own: arms may all be as expected in a cluster that was left dirty. */
function runCases(verdict: RunVerdict): readonly Case[] {
  const dirty = verdict.exitCode === 3;
  return [
    {
      name: "the run came out as expected",
      output: [verdict.because, ...verdict.models].join("\n"),
      failure: verdict.asExpected ? null : { kind: verdict.verdict, message: verdict.because },
    },
    {
      name: "the cluster was left as it was found",
      output: "",
      failure: dirty ? { kind: "dirty", message: verdict.because } : null,
    },
  ];
}

function armCases(arm: ArmVerdict): readonly Case[] {
  return [
    ...arm.slos.map((slo) => checkCase("SLO", slo, arm)),
    ...arm.mechanisms.map((mechanism) => checkCase("mechanism", mechanism, arm)),
    {
      name: `${arm.name} is ${arm.expected}, as expected`,
      output: arm.because,
      failure: arm.asExpected ? null : { kind: arm.verdict, message: `${arm.verdict}: ${arm.because}` },
    },
  ];
}

function checkCase(what: string, check: CheckResult, arm: ArmVerdict): Case {
  const output = `${check.verdict}: ${check.because}`;
  // Such an arm is not held, so its run does not exit with 0.
  const failed = check.verdict === "violated" && arm.expected === "held";
  return { name: `${what}: ${check.name}`, output, failure: failed ? { kind: check.verdict, message: output } : null };
}

function suiteXml(name: string, seconds: number, cases: readonly Case[], run: RunRecord, verdict: RunVerdict): string {
  const properties = Object.entries({
    runId: verdict.runId,
    seed: String(run.plan.seed),
    size: run.plan.size,
    exitCode: String(verdict.exitCode),
    startedAt: new Date(runStart(run)?.wallMs ?? 0).toISOString(),
    repeat: run.plan.repeat,
  }).map(([key, value]) => `      <property name="${key}" value="${escapeXml(value)}"/>`);
  const head = `name="${escapeXml(name)}" tests="${cases.length}" failures="${failures(cases)}" errors="0" time="${seconds.toFixed(3)}"`;
  const body = cases.map((testCase) => caseXml(testCase, name)).join("\n");
  return `  <testsuite ${head}>\n    <properties>\n${properties.join("\n")}\n    </properties>\n${body}\n  </testsuite>`;
}

function caseXml({ name, output, failure }: Case, suite: string): string {
  const head = `    <testcase name="${escapeXml(name)}" classname="${escapeXml(suite.replaceAll(" / ", "."))}"`;
  if (failure !== null) {
    const message = escapeXml(failure.message);
    return `${head}>\n      <failure type="${failure.kind}" message="${message}">${message}</failure>\n    </testcase>`;
  }
  return output === "" ? `${head}/>` : `${head}>\n      <system-out>${escapeXml(output)}</system-out>\n    </testcase>`;
}

function failures(cases: readonly Case[]): number {
  return cases.filter((testCase) => testCase.failure !== null).length;
}

/** Characters that XML 1.0 forbids are replaced; they would make the whole file unreadable. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
