/** `faultline doctor`: what this machine has, what it lacks, what will be done about it. */
import { type Check, checks, isReady } from "../cluster/setup/checks.ts";
import { gatherFacts } from "../cluster/setup/facts.ts";

export interface DoctorOptions {
  readonly json: boolean;
}

const MARKS: Readonly<Record<Check["status"], string>> = { ok: "ok     ", note: "note   ", missing: "MISSING" };

/** @returns 0 when everything is there that experiments need, else 1. */
export async function doctorCommand(options: DoctorOptions): Promise<number> {
  const facts = await gatherFacts();
  const all = checks(facts);
  const ready = isReady(all);
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ready, surroundings: facts.surroundings, checks: all })}\n`
      : describe(all, ready),
  );
  return ready ? 0 : 1;
}

function describe(all: readonly Check[], ready: boolean): string {
  const lines = all.flatMap(({ name, status, found, fix }) => [
    `${MARKS[status]}  ${name}: ${found}`,
    ...(fix === undefined ? [] : [`           → ${fix}`]),
  ]);
  const closing = ready
    ? "Everything that experiments need is here."
    : "Not ready: `faultline setup` gets what is missing.";
  return `${lines.join("\n")}\n${closing}\n`;
}
