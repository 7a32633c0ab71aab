/** A story through the real command, as its test asks for it, and the parts of its verdict that every such test looks at. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExecResult, exec } from "../cluster/exec.ts";
import type { RunVerdict } from "../types.ts";

const ROOT = join(import.meta.dirname, "..", "..");
export const BIN = join(ROOT, "harness", "cli", "bin.mjs");

export interface StoryRun {
  readonly result: ExecResult;
  readonly verdict: RunVerdict;
  /** The run's folder. */
  readonly latest: string;
}

/**
 * Runs its quick size.
 * @param name of the experiment, and of its file
 * @param options.arms default: all of the size
 * @param options.cluster default: one of its own
 */
export async function runStory(
  name: string,
  options: { readonly arms?: readonly string[]; readonly cluster?: string; readonly timeoutMs: number },
): Promise<StoryRun> {
  const reports = mkdtempSync(join(tmpdir(), "faultline-story-"));
  const args = [
    ...["run", join(ROOT, "experiments", `${name}.experiment.ts`), "--size", "quick", "--reports", reports, "--json"],
    ...(options.cluster === undefined ? [] : ["--cluster", options.cluster]),
    ...(options.arms ?? []).flatMap((arm) => ["--arm", arm]),
  ];
  const result = await exec(process.execPath, [BIN, ...args], { timeoutMs: options.timeoutMs, accept: "any" });
  return { result, verdict: JSON.parse(result.stdout) as RunVerdict, latest: join(reports, name, "latest") };
}

/** How the arms came out; the sentence of the verdict stands beside them when they did not as they should. */
export function outcomeOf({ result, verdict }: StoryRun) {
  const arms = verdict.arms.map(({ name, verdict: came, asExpected }) => ({ name, verdict: came, asExpected }));
  return { arms, because: verdict.because, exitCode: result.exitCode };
}
