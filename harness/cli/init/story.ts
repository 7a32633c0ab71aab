/** What a story gives to `faultline init`: its questions, and the text of an experiment of one's own. */
import { parseDuration } from "../../define/duration.ts";
import type { Workload } from "./workload.ts";

export interface Question {
  readonly key: string;
  readonly ask: string;
  readonly fallback: string;
  /** What is wrong with an answer; null: nothing. */
  readonly wrong?: (answer: string) => string | null;
}

export interface Written {
  /** Of the experiment and its namespaces. */
  readonly name: string;
  /** Where `defineExperiment` comes from. */
  readonly library: string;
  /** Paths from the experiment's folder. */
  readonly manifests: readonly string[];
  readonly context: string | null;
  readonly script: string;
  readonly workload: Workload;
  readonly answers: Readonly<Record<string, string>>;
}

export interface Story {
  readonly name: string;
  /** One sentence for the list of stories. */
  readonly about: string;
  /** Its subject are jobs that the experiment starts, and no Deployment of the manifests. */
  readonly jobs?: true;
  readonly questions: (workload: Workload) => readonly Question[];
  readonly experiment: (written: Written) => string;
}

/** A value as it stands in TypeScript. */
export const literal = (value: unknown): string => JSON.stringify(value);

export const duration = (answer: string): string | null =>
  parseDuration(answer) === null ? 'a number with a unit, such as "3s"' : null;
export const wholeNumber =
  (from: number, to: number) =>
  (answer: string): string | null =>
    /^\d+$/.test(answer) && Number(answer) >= from && Number(answer) <= to ? null : `a whole number, ${from} to ${to}`;

export const RATE: Question = {
  key: "rate",
  ask: "Requests per second",
  fallback: "50",
  wrong: wholeNumber(1, 5_000),
};
export const PATH: Question = {
  key: "path",
  ask: "Path to ask for; a good answer is below 400",
  fallback: "/",
  wrong: (answer) => (answer.startsWith("/") ? null : "begins with /"),
};

/** The parts of a definition that are the same in each story: what is deployed, and the load on it. */
export function workloadAndLoad({ name, manifests, context, script, workload, answers }: Written): string {
  const images =
    context === null
      ? ""
      : `
    // Built from the folder's Dockerfile, once per content; \`image: ${workload.image}\` in a manifest stands for it.
    images: { ${literal(workload.image)}: { context: ${literal(context)} } },`;
  return `  // Each arm gets a namespace of its own, ${name}-<arm>, which goes with the arm. \${NAMESPACE} is filled in.
  workload: {
    namespace: ${literal(name)},${images}
    manifests: ${literal(manifests)},
    readyWithin: "2m",
  },
  // Open model: starts do not wait for answers, and latency counts from the intended start.
  load: {
    script: ${literal(script)},
    env: { TARGET_URL: "\${INGRESS_URL}", TARGET_HOST: ${literal(workload.host)}, TARGET_PATH: ${literal(answers.path)}, RATE: ${literal(answers.rate)} },
  },`;
}

export const header = (library: string, text: string) => `/**
${text
  .trim()
  .split("\n")
  .map((line) => ` * ${line}`.trimEnd())
  .join("\n")}
 */
import { defineExperiment } from ${literal(library)};
`;
