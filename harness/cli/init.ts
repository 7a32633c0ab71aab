/** `faultline init`: an experiment for one's own service, started from one of the stories. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { createInterface } from "node:readline/promises";
import { FaultlineError } from "../errors.ts";
import { credentialExpiry } from "./init/credential-expiry.ts";
import { hotNode } from "./init/hot-node.ts";
import { LOAD_SCRIPT } from "./init/load-script.ts";
import { podIpLag } from "./init/pod-ip-lag.ts";
import type { Question, Story } from "./init/story.ts";
import { terminationLag } from "./init/termination-lag.ts";
import { readFiles, readWorkload, type Workload } from "./init/workload.ts";

export interface InitOptions {
  readonly into: string;
  /** `key=value`, for each question that is not to be asked. */
  readonly set: readonly string[];
  readonly yes: boolean;
}

export const STORIES: readonly Story[] = [terminationLag, credentialExpiry, podIpLag, hotNode];
const CHECKOUT = resolve(import.meta.dirname, "..", "..");

/** Answers one question; undefined: nobody is there to ask. */
type Ask = (question: Question) => Promise<string>;

/**
 * Asks what cannot be read from the manifests, and writes an experiment and its load script. Nothing is overwritten, and
 * nothing is written unless every answer is right.
 * @returns 0
 * @throws FaultlineError `usage` with everything that is wrong
 */
export async function initCommand(story: string | undefined, options: InitOptions): Promise<number> {
  const lines = process.stdin.isTTY && process.stderr.isTTY && !options.yes ? terminal() : null;
  try {
    const files = await filesOf(story, options, lines?.ask);
    mkdirSync(options.into, { recursive: true });
    for (const { path, text } of files) writeFileSync(path, text, { flag: "wx" });
    const shown = files.map(({ path }) => `  ${path}`).join("\n");
    process.stdout.write(`${shown}\nLook what it would do, then run it:\n${nextSteps(files[0]?.path ?? "")}`);
    return 0;
  } finally {
    lines?.close();
  }
}

const nextSteps = (path: string) => ["plan", "run"].map((verb) => `  faultline ${verb} ${path}\n`).join("");

export interface WrittenFile {
  readonly path: string;
  readonly text: string;
}

/** What `faultline init` would write. @throws FaultlineError `usage` with everything that is wrong. */
export async function filesOf(
  wanted: string | undefined,
  { into, set }: Pick<InitOptions, "into" | "set">,
  ask?: Ask,
): Promise<readonly WrittenFile[]> {
  const given = answersIn(set);
  const story = await chosenStory(wanted, ask);
  const answer = async (question: Question) => given.get(question.key) ?? (await ask?.(question)) ?? question.fallback;
  const workload = await workloadOf(story, given, answer);
  const name = await answer(nameOf(story, workload));
  const context = await answer(contextOf(story, workload));
  const questions = story.questions(workload);
  const answers: Record<string, string> = {};
  for (const question of questions) answers[question.key] = await answer(question);

  const path = join(into, `${name}.experiment.ts`);
  const script = `${name}.k6.ts`;
  refuse([
    ...unknownKeys(given, questions),
    ...wrongAnswers([...questions, nameOf(story, workload)], { ...answers, name }),
    ...missing(story, workload),
    ...(context !== "" && !existsSync(join(context, "Dockerfile")) ? [`context: ${context} has no Dockerfile`] : []),
    ...[path, ...(story.jobs ? [] : [join(into, script)])].filter(existsSync).map((file) => `${file} is there already`),
  ]);
  const text = story.experiment({
    name,
    library: libraryFrom(into),
    manifests: workload.files.map((file) => from(into, file)),
    context: context === "" ? null : from(into, context),
    script,
    workload,
    answers,
  });
  const files = [{ path, text }];
  return story.jobs ? files : [...files, { path: join(into, script), text: LOAD_SCRIPT }];
}

const MANIFESTS: Question = { key: "manifests", ask: "Manifests: YAML files or folders, with commas", fallback: "" };

async function workloadOf(
  story: Story,
  given: ReadonlyMap<string, string>,
  answer: (question: Question) => Promise<string>,
): Promise<Workload> {
  const manifests = (await answer(MANIFESTS)).split(",").filter((path) => path !== "");
  refuse(manifests.length === 0 ? ["manifests: at least one, for instance --set manifests=deploy/"] : []);
  return story.jobs ? readFiles(manifests) : readWorkload(manifests, given.get("deployment"));
}

const nameOf = (story: Story, { deployment }: Workload): Question => ({
  key: "name",
  ask: "Name of the experiment",
  fallback: `${deployment || "jobs"}-${story.name}`.slice(0, 30).replace(/-$/, ""),
  wrong: (text) =>
    /^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$/.test(text) ? null : "lower case, digits and dashes, at most 30",
});

const contextOf = (story: Story, { context, image }: Workload): Question => ({
  key: "context",
  ask: `Folder whose Dockerfile builds ${story.jobs ? "the job's image" : `image ${image}`} (- for none: it is pulled)`,
  fallback: context ?? "",
});

async function chosenStory(wanted: string | undefined, ask: Ask | undefined): Promise<Story> {
  const list = STORIES.map(({ name, about }) => `  ${name}: ${about}`).join("\n");
  const question = { key: "story", ask: `Which story is it like?\n${list}\nStory`, fallback: terminationLag.name };
  const name = wanted ?? (await ask?.(question));
  const story = STORIES.find((one) => one.name === name);
  if (story !== undefined) return story;
  throw new FaultlineError("usage", name === undefined ? "which story?" : `there is no story "${name}"`, {
    fix: `One of these:\n${list}`,
  });
}

function answersIn(set: readonly string[]): ReadonlyMap<string, string> {
  refuse(set.filter((pair) => !/^\w+=/.test(pair)).map((pair) => `--set takes key=value, not "${pair}"`));
  return new Map(
    set.map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function unknownKeys(given: ReadonlyMap<string, string>, questions: readonly Question[]): string[] {
  const known = ["manifests", "deployment", "name", "context", ...questions.map(({ key }) => key)];
  return [...given.keys()]
    .filter((key) => !known.includes(key))
    .map((key) => `nothing is called "${key}" here; there are ${known.join(", ")}`);
}

const wrongAnswers = (questions: readonly Question[], answers: Readonly<Record<string, string>>) =>
  questions.flatMap(({ key, wrong }) => {
    const problem = wrong?.(answers[key] ?? "") ?? null;
    return problem === null ? [] : [`${key}: ${problem}, not "${answers[key]}"`];
  });

/** What an experiment with load needs of the manifests. */
function missing(story: Story, { service, host, deployment, selector }: Workload): string[] {
  if (story.jobs) return [];
  return [
    ...(service === "" ? [`manifests: no Service selects the pods of ${deployment}`] : []),
    ...(host === "" ? [`manifests: no Ingress with a host sends to the Service of ${deployment}`] : []),
    ...(selector === "" ? [`manifests: the pods of ${deployment} have no labels`] : []),
  ];
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new FaultlineError("usage", `nothing was written:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
}

/** A path as the experiment's file names it. */
const from = (folder: string, path: string) => relative(folder, path).split(sep).join("/");

/** In a checkout of ours the sources themselves, elsewhere the package. */
function libraryFrom(into: string): string {
  const inside = !relative(CHECKOUT, resolve(into)).startsWith("..") && existsSync(join(CHECKOUT, "vitest.config.ts"));
  if (!inside) return "faultline";
  const path = from(resolve(into), join(CHECKOUT, "harness", "index.ts"));
  return path.startsWith(".") ? path : `./${path}`;
}

function terminal(): { readonly ask: Ask; close(): void } {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ask = async (question: Question): Promise<string> => {
    const shown = question.fallback === "" ? "" : ` [${question.fallback}]`;
    const answer = (await lines.question(`${question.ask}${shown}: `)).trim();
    const value = answer === "-" ? "" : answer === "" ? question.fallback : answer;
    const problem = question.wrong?.(value) ?? null;
    if (problem === null) return value;
    process.stderr.write(`  ${problem}\n`);
    return await ask(question);
  };
  return { ask, close: () => lines.close() };
}
