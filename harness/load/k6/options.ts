/** Reads a script's `options`: what is to be run, or every part of it that the runner does not have. */
import type { ScriptProblem } from "../script/source.ts";
import { durationMs } from "./duration.ts";
import type { Metrics } from "./metrics.ts";
import { parseThreshold, type Threshold, thresholdMismatch } from "./thresholds.ts";

interface ScenarioBase {
  readonly name: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly gracefulStopMs: number;
  /** Name of the exported function that is one iteration. */
  readonly exec: string;
  readonly env: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}
export interface ArrivalRateScenario extends ScenarioBase {
  readonly executor: "constant-arrival-rate";
  readonly ratePerSecond: number;
  readonly preAllocatedVUs: number;
  readonly maxVUs: number;
}
export interface VusScenario extends ScenarioBase {
  readonly executor: "constant-vus";
  readonly vus: number;
}
export type Scenario = ArrivalRateScenario | VusScenario;

export interface RunOptions {
  readonly scenarios: readonly Scenario[];
  readonly thresholds: readonly Threshold[];
  readonly tags: Readonly<Record<string, string>>;
  readonly noConnectionReuse: boolean;
  readonly noVUConnectionReuse: boolean;
  readonly noCookiesReset: boolean;
  readonly discardResponseBodies: boolean;
  readonly insecureSkipTLSVerify: boolean;
  readonly throw: boolean;
  readonly userAgent: string;
  readonly maxRedirects: number;
  readonly batch: number;
  readonly batchPerHost: number;
  readonly setupTimeoutMs: number;
  readonly teardownTimeoutMs: number;
}

const FLAGS = [
  ...(["noConnectionReuse", "noVUConnectionReuse", "noCookiesReset"] as const),
  ...(["discardResponseBodies", "insecureSkipTLSVerify", "throw"] as const),
];
const COUNTS = { maxRedirects: 10, batch: 20, batchPerHost: 6 } as const;
const TIMES = { setupTimeout: 60_000, teardownTimeout: 60_000 } as const;
/** Only about what k6 itself prints or sends to its makers. */
const WITHOUT_EFFECT = ["summaryTrendStats", "summaryTimeUnit", "noUsageReport", "systemTags", "ext", "cloud"];
const OTHERS = ["scenarios", "thresholds", "tags", "userAgent", "vus", "duration"];
const BASE_KEYS = ["executor", "startTime", "gracefulStop", "exec", "env", "tags", "duration"];
const EXECUTOR_KEYS: Readonly<Record<Scenario["executor"], readonly string[]>> = {
  "constant-arrival-rate": [...BASE_KEYS, "rate", "timeUnit", "preAllocatedVUs", "maxVUs"],
  "constant-vus": [...BASE_KEYS, "vus"],
};
/** k6's default. */
const GRACEFUL_STOP_MS = 30_000;

export interface OptionsContext {
  readonly file: string;
  readonly lines: Readonly<Record<string, number>>;
  readonly exportedFunctions: readonly string[];
  readonly metrics: Metrics;
}
type Fields = Readonly<Record<string, unknown>>;

export function readOptions(
  value: unknown,
  context: OptionsContext,
): { options: RunOptions; problems: ScriptProblem[] } {
  const reader = new OptionsReader(context);
  return { options: reader.read(isFields(value) ? value : {}), problems: reader.problems };
}

class OptionsReader {
  readonly problems: ScriptProblem[] = [];
  readonly #context: OptionsContext;

  constructor(context: OptionsContext) {
    this.#context = context;
  }

  read(given: Fields): RunOptions {
    const known = [...FLAGS, ...Object.keys(COUNTS), ...Object.keys(TIMES), ...WITHOUT_EFFECT, ...OTHERS];
    for (const key of Object.keys(given)) {
      if (!known.includes(key)) {
        this.#report(key, `options.${key} is not supported; supported: ${known.join(", ")}`);
      }
    }
    const flag = (name: (typeof FLAGS)[number]) => given[name] === true;
    return {
      scenarios: this.#scenarios(given),
      thresholds: this.#thresholds(given.thresholds),
      tags: this.#texts(given.tags, "tags"),
      noConnectionReuse: flag("noConnectionReuse"),
      noVUConnectionReuse: flag("noVUConnectionReuse"),
      noCookiesReset: flag("noCookiesReset"),
      discardResponseBodies: flag("discardResponseBodies"),
      insecureSkipTLSVerify: flag("insecureSkipTLSVerify"),
      throw: flag("throw"),
      userAgent: typeof given.userAgent === "string" ? given.userAgent : "faultline",
      maxRedirects: this.#count(given, "maxRedirects", COUNTS.maxRedirects),
      batch: this.#count(given, "batch", COUNTS.batch),
      batchPerHost: this.#count(given, "batchPerHost", COUNTS.batchPerHost),
      setupTimeoutMs: this.#duration(given, "", "setupTimeout", TIMES.setupTimeout),
      teardownTimeoutMs: this.#duration(given, "", "teardownTimeout", TIMES.teardownTimeout),
    };
  }

  #scenarios(given: Fields): Scenario[] {
    if (given.scenarios === undefined) {
      if (given.duration === undefined) {
        this.#report("", "options has neither scenarios nor duration: there would be nothing to run");
      }
      const shortcut = {
        executor: "constant-vus",
        vus: given.vus ?? 1,
        duration: given.duration ?? "0s",
        gracefulStop: "30s",
      };
      return this.#scenario("default", shortcut, "");
    }
    for (const key of ["vus", "duration"]) {
      if (given[key] !== undefined)
        this.#report(key, `options.${key} stands beside options.scenarios; use one of both`);
    }
    if (!isFields(given.scenarios) || Object.keys(given.scenarios).length === 0) {
      this.#report("scenarios", "options.scenarios has no scenario");
      return [];
    }
    return Object.entries(given.scenarios).flatMap(([name, spec]) =>
      this.#scenario(name, isFields(spec) ? spec : {}, `scenarios.${name}`),
    );
  }

  #scenario(name: string, spec: Fields, path: string): Scenario[] {
    const executor = spec.executor as Scenario["executor"];
    const keys = Object.hasOwn(EXECUTOR_KEYS, String(executor)) ? EXECUTOR_KEYS[executor] : undefined;
    if (keys === undefined) {
      const supported = Object.keys(EXECUTOR_KEYS).join(", ");
      this.#report(`${path}.executor`, `executor "${String(executor)}" is not supported; supported: ${supported}`);
      return [];
    }
    for (const key of Object.keys(spec)) {
      if (!keys.includes(key)) this.#report(`${path}.${key}`, `${path}.${key} is not supported for ${executor}`);
    }
    const exec = typeof spec.exec === "string" ? spec.exec : "default";
    if (!this.#context.exportedFunctions.includes(exec)) {
      this.#report(`${path}.exec`, `the script exports no function "${exec}"`);
    }
    const base = {
      name,
      exec,
      startMs: this.#duration(spec, path, "startTime", 0),
      durationMs: this.#duration(spec, path, "duration", null),
      gracefulStopMs: this.#duration(spec, path, "gracefulStop", GRACEFUL_STOP_MS),
      env: this.#texts(spec.env, `${path}.env`),
      tags: this.#texts(spec.tags, `${path}.tags`),
    };
    if (executor === "constant-vus") return [{ ...base, executor, vus: this.#count(spec, "vus", 1, path, 1) }];
    const timeUnitMs = this.#duration(spec, path, "timeUnit", 1000);
    const rate = this.#count(spec, "rate", null, path, 1);
    const preAllocatedVUs = this.#count(spec, "preAllocatedVUs", null, path, 0);
    const maxVUs = this.#count(spec, "maxVUs", Math.max(preAllocatedVUs, 1), path, 1);
    if (maxVUs < preAllocatedVUs) this.#report(`${path}.maxVUs`, `${path}.maxVUs is less than preAllocatedVUs`);
    if (timeUnitMs === 0) this.#report(`${path}.timeUnit`, `${path}.timeUnit is 0`);
    return [{ ...base, executor, ratePerSecond: (rate * 1000) / timeUnitMs, preAllocatedVUs, maxVUs }];
  }

  #thresholds(value: unknown): Threshold[] {
    if (value === undefined) return [];
    const found: Threshold[] = [];
    for (const [metric, expressions] of Object.entries(isFields(value) ? value : {})) {
      const path = `thresholds.${metric}`;
      for (const item of Array.isArray(expressions) ? expressions : [expressions]) {
        const isObject = isFields(item);
        if (isObject && item.abortOnFail === true) {
          this.#report(path, `${metric}: abortOnFail is not supported; a guard of the experiment ends a run early`);
        }
        const threshold = parseThreshold(metric, String(isObject ? item.threshold : item));
        const wrong = typeof threshold === "string" ? threshold : thresholdMismatch(threshold, this.#context.metrics);
        if (wrong !== "") this.#report(path, wrong);
        else if (typeof threshold !== "string") found.push(threshold);
      }
    }
    return found;
  }

  /** `fallback` null: must be given. */
  #duration(spec: Fields, path: string, key: string, fallback: number | null): number {
    const value = spec[key];
    const full = path === "" ? key : `${path}.${key}`;
    if (value === undefined && fallback !== null) return fallback;
    const read = durationMs(value);
    if (read === null) this.#report(full, `${full}: ${show(value)} is no duration such as "30s"`);
    return read ?? 0;
  }

  #count(spec: Fields, key: string, fallback: number | null, path = "", least = 0): number {
    const value = spec[key];
    const full = path === "" ? key : `${path}.${key}`;
    if (value === undefined && fallback !== null) return fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least) {
      this.#report(full, `${full}: ${show(value)} is no whole number of at least ${least}`);
      return least;
    }
    return value;
  }

  #texts(value: unknown, path: string): Record<string, string> {
    if (value === undefined) return {};
    if (!isFields(value)) {
      this.#report(path, `${path}: ${show(value)} is no object of texts`);
      return {};
    }
    return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
  }

  /** The line of the part, or of the nearest part around it that has one. */
  #report(path: string, message: string): void {
    const { file, lines } = this.#context;
    let at = path;
    while (at !== "" && lines[at] === undefined) at = at.slice(0, Math.max(0, at.lastIndexOf(".")));
    this.problems.push({ file, line: lines[at] ?? lines[""] ?? 0, message });
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return value === undefined ? "missing; it" : (JSON.stringify(value) ?? String(value));
}
