/**
 * Runs a load script in a process of its own, so that nothing the harness does can delay a request.
 * The samples are on disk while they come; what was recorded before the process died is kept.
 */
import { type ChildProcess, fork } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exec } from "../cluster/exec.ts";
import { home } from "../cluster/paths.ts";
import { FaultlineError, messageOf } from "../errors.ts";
import type { FromLoad, LoadOutcome, LoadProgress, ScenarioInfo, ToLoad } from "./protocol.ts";
import { entryUrl } from "./run/entry.ts";
import type { ScriptProblem } from "./script/compile.ts";
import { compileApart } from "./script/compile-apart.ts";

export type { LoadOutcome, LoadProgress, ScenarioInfo } from "./protocol.ts";
export type { ScriptProblem } from "./script/compile.ts";

export interface LoadRequest {
  /** A script in k6's API. */
  readonly scriptPath: string;
  /** `__ENV` of the script. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the samples go: `<outFile>.bin` while the load runs, `<outFile>.parquet` at its end. */
  readonly outFile: string;
  /** Response header that names the pod that answered; default `x-pod`. */
  readonly podHeader?: string;
  /** About twice a second. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Lines that the script prints, and what the load process has to complain about. */
  readonly onLine?: (line: string) => void;
  /** When the schedule begins, nanoseconds of CLOCK_MONOTONIC; default: as soon as everything is set up. */
  readonly startAtNs?: bigint;
}

export interface LoadResult extends LoadOutcome {
  /** Path of the samples, for `readSamples`. */
  readonly samples: string;
}

export interface RunningLoad {
  readonly scenarios: readonly ScenarioInfo[];
  /** The last progress that the load reported; null before the first. */
  readonly progress: LoadProgress | null;
  readonly pid: number;
  /**
   * Settles when the load is over and its samples are in Parquet.
   * @throws FaultlineError `internal` when the process died, with what it printed last; its samples stay in `.bin`.
   */
  readonly done: Promise<LoadResult>;
  /** Ends the load before its schedule does; requests under way get up to `graceMs` (default 30 s). */
  stop(graceMs?: number): Promise<LoadResult>;
}

const PREPARE_TIMEOUT_MS = 120_000;
/** Time for the process to close its file after the last request was cut off. */
const FINISH_MARGIN_MS = 30_000;
const GRACE_MS = 30_000;
const CONVERT_FLAGS = ["--max-old-space-size=64"];
const CONVERT_TIMEOUT_MS = 10 * 60_000;
/** A young generation of a fixed, small size, collected by the thread that fills it: short pauses, little memory. */
const NODE_FLAGS = [
  "--disable-warning=ExperimentalWarning",
  "--min-semi-space-size=8",
  "--max-semi-space-size=8",
  "--single-threaded-gc",
];

/**
 * Everything in a script that the runner cannot do. The script's init code is run, nothing else.
 * @throws FaultlineError `internal` when the process that does it dies
 */
export async function inspectScript(request: {
  readonly scriptPath: string;
  readonly env: Readonly<Record<string, string>>;
}): Promise<{ readonly problems: readonly ScriptProblem[]; readonly scenarios: readonly ScenarioInfo[] }> {
  const { scriptPath, env } = request;
  const child = new LoadProcess(() => undefined);
  try {
    // Whoever only looks at a script does not go on to run it, and may keep what that takes.
    const { compileScript } = await import("./script/compile.ts");
    return await child.prepare({ script: compileScript(scriptPath), env, samplesPath: null, podHeader: "x-pod" });
  } finally {
    child.kill();
  }
}

/**
 * Sets a load up and starts it.
 * @throws FaultlineError `usage` that names every part of the script that cannot run, each with its line
 */
export async function startLoad(request: LoadRequest): Promise<RunningLoad> {
  const columns = `${request.outFile}.bin`;
  const child = new LoadProcess(request.onLine ?? (() => undefined));
  // Beside the start of the process.
  const script = await compileApart(request.scriptPath).catch((error: unknown) => {
    child.kill();
    throw error;
  });
  const { env, podHeader = "x-pod" } = request;
  const prepared = await child.prepare({ script, env, samplesPath: columns, podHeader });
  if (prepared.problems.length > 0) {
    child.kill();
    rmSync(columns, { force: true });
    throw new FaultlineError("usage", `the load script cannot run:\n${prepared.problems.map(problemText).join("\n")}`, {
      context: { problems: prepared.problems },
    });
  }
  let progress: LoadProgress | null = null;
  child.onProgress = (latest) => {
    progress = latest;
    request.onProgress?.(latest);
  };
  child.tell({ type: "start", atNs: String(request.startAtNs ?? process.hrtime.bigint() + 20_000_000n) });
  const done = child.finished.then(async (outcome) => ({
    ...outcome,
    samples: await convert(columns, `${request.outFile}.parquet`),
  }));
  // Whoever asks for it gets the error; nobody has to.
  done.catch(() => undefined);
  return {
    scenarios: prepared.scenarios,
    get progress() {
      return progress;
    },
    pid: child.pid,
    done,
    stop: async (graceMs = GRACE_MS) => {
      child.tell({ type: "stop", graceMs });
      const deadline = setTimeout(() => child.kill(), graceMs + FINISH_MARGIN_MS);
      return done.finally(() => clearTimeout(deadline));
    },
  };
}

/** `experiments/load/a.k6.ts:12: …` */
export function problemText(problem: ScriptProblem): string {
  return problem.line === 0
    ? `${problem.file}: ${problem.message}`
    : `${problem.file}:${problem.line}: ${problem.message}`;
}

/**
 * The samples as Parquet; the append-only file goes when that is complete. In a process of its own: a million samples
 * take seconds, in which the harness could do nothing else.
 */
async function convert(columns: string, parquet: string): Promise<string> {
  const program = fileURLToPath(entryUrl("convert"));
  await exec(process.execPath, [...NODE_FLAGS, ...CONVERT_FLAGS, program, columns, parquet], {
    timeoutMs: CONVERT_TIMEOUT_MS,
    env: processEnv(),
  });
  rmSync(columns);
  return parquet;
}

/** Without what a debugger or a test runner wants of every process. */
function processEnv(): Record<string, string> {
  return { NODE_COMPILE_CACHE: join(home(), "compile-cache"), NODE_OPTIONS: "" };
}

class LoadProcess {
  onProgress: (progress: LoadProgress) => void = () => undefined;
  readonly finished: Promise<LoadOutcome>;
  readonly #child: ChildProcess;
  readonly #tail: string[] = [];
  readonly #prepared: Promise<Extract<FromLoad, { type: "prepared" }>>;

  constructor(onLine: (line: string) => void) {
    this.#child = fork(entryUrl("main"), [], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: NODE_FLAGS,
      env: { ...process.env, ...processEnv() },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) this.#readLines(stream, onLine);
    const died = new Promise<never>((_resolve, reject) => {
      this.#child.on("error", (error) => reject(this.#deathOf(messageOf(error))));
      this.#child.on("close", (code, signal) => reject(this.#deathOf(signal ?? `exit code ${code}`)));
    });
    died.catch(() => undefined);
    this.#prepared = Promise.race([this.#next("prepared"), died]);
    this.finished = Promise.race([this.#next("finished").then(({ outcome }) => outcome), died]);
    for (const promise of [this.#prepared, this.finished]) promise.catch(() => undefined);
    this.#child.on("message", (message: FromLoad) => {
      if (message.type === "progress") this.onProgress(message.progress);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async prepare(config: Extract<ToLoad, { type: "prepare" }>["config"]) {
    this.tell({ type: "prepare", config });
    const deadline = setTimeout(() => this.kill(), PREPARE_TIMEOUT_MS);
    return this.#prepared.finally(() => clearTimeout(deadline));
  }

  tell(message: ToLoad): void {
    // A process that is gone already says so through its end, not here.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #next<T extends FromLoad["type"]>(type: T): Promise<Extract<FromLoad, { type: T }>> {
    return new Promise((resolve) => {
      this.#child.on("message", (message: FromLoad) => {
        if (message.type === type) resolve(message as Extract<FromLoad, { type: T }>);
      });
    });
  }

  #readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        this.#tail.push(line);
        if (this.#tail.length > 20) this.#tail.shift();
        onLine(line);
      }
    });
  }

  #deathOf(how: string): FaultlineError {
    const tail = this.#tail.join("\n");
    return new FaultlineError("internal", `the load process ended: ${how}${tail === "" ? "" : `\n${tail}`}`, {
      fix: "What was recorded until then is in the samples file of the arm.",
      context: { output: tail },
    });
  }
}
