/** Reads an experiment's file and all that it names, and plans it. The only place that imports a user's code. */
import { readFileSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { FaultSpecs } from "../define/validate.ts";
import { FaultlineError, messageOf } from "../errors.ts";
import { type PlanResult, plan } from "../plan/plan.ts";
import { freshSeed } from "../plan/random.ts";
import type { Experiment, Problem } from "../types.ts";

export interface Choice {
  readonly file: string;
  readonly size?: string;
  readonly seed?: number;
  readonly arms?: readonly string[];
}

/**
 * @returns the plan, or every problem of the definition and of the files that it names.
 * @throws FaultlineError `usage` when the file is no experiment at all.
 */
export async function planFile(choice: Choice, faults: FaultSpecs): Promise<PlanResult> {
  const absolute = resolve(choice.file);
  const definition = await importDefinition(absolute, choice.file);
  const at = (path: string) => resolve(dirname(absolute), path);
  const it = (definition ?? {}) as Partial<Experiment>;
  const manifests = texts(it.workload?.manifests).map((path, i) => ({
    path,
    ...readText(at(path), `workload.manifests[${i}]`),
  }));
  const problems = [...manifests.flatMap((file) => file.problems), ...missing(it, at)];
  const planned = plan({
    definition,
    file: choice.file,
    size: choice.size ?? "full",
    seed: choice.seed ?? freshSeed(),
    arms: choice.arms ?? [],
    manifests: manifests.map(({ path, text }) => ({ path, text })),
    resolve: (path) => fromHere(at(path)),
    faults,
  });
  if ("plan" in planned && problems.length === 0) return planned;
  return { problems: [...problems, ...("problems" in planned ? planned.problems : [])] };
}

async function importDefinition(absolute: string, given: string): Promise<unknown> {
  if (statSync(absolute, { throwIfNoEntry: false }) === undefined) {
    throw new FaultlineError("usage", `${given}: there is no such file`, {
      fix: "name an experiment file: experiments/<name>.experiment.ts",
    });
  }
  try {
    const module = (await import(pathToFileURL(absolute).href)) as { default?: unknown };
    if (module.default !== undefined) return module.default;
  } catch (cause) {
    throw new FaultlineError("usage", `${given}: cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  throw new FaultlineError("usage", `${given}: has no default export`, {
    fix: "export default defineExperiment({ … })",
  });
}

/** Relative to where the command runs, if it lies below: a plan then reads the same on every machine. */
function fromHere(absolute: string): string {
  const path = relative(process.cwd(), absolute);
  return path.startsWith("..") ? absolute : path;
}

/** Files and folders that the definition names and that are not there. */
function missing(it: Partial<Experiment>, at: (path: string) => string): Problem[] {
  const named = [
    { path: "load.script", file: it.load?.script, what: "file" },
    ...Object.entries(it.workload?.images ?? {}).map(([name, image]) => ({
      path: `workload.images.${name}.context`,
      file: image?.context === undefined ? undefined : `${image.context}/Dockerfile`,
      what: "Dockerfile",
    })),
  ];
  return named.flatMap(({ path, file, what }) =>
    typeof file !== "string" || statSync(at(file), { throwIfNoEntry: false })?.isFile()
      ? []
      : [{ path, message: `there is no ${what} ${at(file)}` }],
  );
}

function readText(path: string, problemPath: string): { readonly text: string; readonly problems: readonly Problem[] } {
  try {
    return { text: readFileSync(path, "utf8"), problems: [] };
  } catch (error) {
    return { text: "", problems: [{ path: problemPath, message: `cannot be read: ${messageOf(error)}` }] };
  }
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
