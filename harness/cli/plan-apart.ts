/**
 * Plans in a process that ends with it. Reading a definition loads schemas, a parser, a compiler for types and whatever
 * the user's file imports; a run takes 18 MB less without them for its whole length. A thread would keep them.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type ErrorCode, FaultlineError, messageOf } from "../errors.ts";
import type { Choice } from "../run/load-definition.ts";
import type { Plan, Problem } from "../types.ts";

type Answer =
  | { readonly plan: Plan; readonly problems: readonly Problem[] }
  | { readonly problems: readonly Problem[] }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly fix: string | undefined } };

/**
 * Like `planFile`, and whatever else can be refused before there is a cluster.
 * @throws FaultlineError `usage` when the file is no experiment at all.
 */
export async function planApart(choice: Choice): Promise<Exclude<Answer, { error: unknown }>> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(choice)], {
    // Running TypeScript as it is stands behind a warning, as in bin.mjs.
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const answer = await new Promise<Answer>((resolve, reject) => {
    child.once("message", (message) => resolve(message as Answer));
    child.once("error", reject);
    const early = `${choice.file}: the process that loaded it ended before it was planned`;
    child.once("exit", () => reject(new FaultlineError("usage", early, { fix: "let it only define an experiment" })));
  });
  if (!("error" in answer)) return answer;
  const { code, message, fix } = answer.error;
  throw new FaultlineError(code, message, fix === undefined ? {} : { fix });
}

async function planHere(choice: Choice): Promise<Answer> {
  const [{ planFile }, { planProblems }, { faults }] = await Promise.all([
    import("../run/load-definition.ts"),
    import("../run/check-plan.ts"),
    import("../faults/index.ts"),
  ]);
  try {
    const result = await planFile(choice, faults);
    return "plan" in result ? { ...result, problems: await planProblems(result.plan) } : result;
  } catch (error) {
    const { code, fix } = error instanceof FaultlineError ? error : ({ code: "internal", fix: undefined } as const);
    return { error: { code, message: messageOf(error), fix } };
  }
}

if (import.meta.main) {
  const answer = await planHere(JSON.parse(process.argv[2] ?? "") as Choice);
  // What the user's file left open must not keep this process.
  process.send?.(answer, () => process.exit());
}
