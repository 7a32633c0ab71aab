/**
 * The load process. The harness starts it with an IPC channel, tells it what to run, and may vanish at any time:
 * the end of the channel ends the load.
 */

import { messageOf } from "../../errors.ts";
import { instantiate, loadModules } from "../k6/instance.ts";
import { Metrics } from "../k6/metrics.ts";
import { type RunOptions, readOptions, type Scenario } from "../k6/options.ts";
import { Vu } from "../k6/vu.ts";
import type { FromLoad, LoadConfig, ScenarioInfo, ToLoad } from "../protocol.ts";
import { SampleWriter } from "../sample-writer.ts";
import type { ScriptProblem } from "../script/compile.ts";
import { Engine, type EngineInput } from "./engine.ts";
import { lookOnly } from "./look.ts";

const PROGRESS_EVERY_MS = 500;

let engine: Engine | null = null;
let samples: SampleWriter | null = null;
let finished = false;

process.on("message", (message: ToLoad) => {
  void handle(message).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on("disconnect", () => {
  if (finished) process.exit(0);
  engine?.stop(0);
  void (samples?.close() ?? Promise.resolve()).finally(() => process.exit(1));
});
// A promise of the script that nobody waits for: its error is the script's, not ours.
process.on("unhandledRejection", (error) => {
  if (engine === null) throw error;
  engine.scriptThrew(error);
});
// Ctrl-C reaches the whole group; it is the harness that decides when the load ends.
process.on("SIGINT", () => undefined);

async function handle(message: ToLoad): Promise<void> {
  if (message.type === "prepare") return prepare(message.config);
  if (message.type === "stop") return engine?.stop(message.graceMs);
  if (engine === null || samples === null) throw new Error("start before prepare");
  await run(engine, samples, Number(BigInt(message.atNs)) / 1e6);
}

async function prepare(config: LoadConfig): Promise<void> {
  const { options, problems, input } = readScript(config);
  const scenarios = options.scenarios.map(scenarioInfo);
  if (problems.length > 0 || config.samplesPath === null || input === null) {
    return sayLast({ type: "prepared", problems, scenarios });
  }
  samples = await SampleWriter.create(config.samplesPath, { script: config.script.modules.at(-1)?.file ?? "" });
  engine = new Engine({ ...input, samples });
  try {
    await engine.prepare();
  } catch (error) {
    const file = config.script.modules.at(-1)?.file ?? "";
    problems.push({ file, line: 0, message: messageOf(error) });
  }
  tell({ type: "prepared", problems, scenarios });
}

interface ReadScript {
  readonly options: RunOptions;
  readonly problems: ScriptProblem[];
  readonly input: Omit<EngineInput, "samples"> | null;
}

/** Evaluates the init code once, for what the script exports. */
function readScript(config: LoadConfig): ReadScript {
  const { script } = config;
  const file = script.modules.at(-1)?.file ?? "";
  const metrics = new Metrics();
  const problems = [...script.problems];
  let exports: Readonly<Record<string, unknown>> | null = null;
  let modules: ReturnType<typeof loadModules> = [];
  try {
    modules = loadModules(script);
    exports = instantiate(modules, new Vu(0, "", {}, config.env), lookOnly(metrics));
  } catch (error) {
    // Where something is known to be missing, that is the reason.
    if (problems.length === 0)
      problems.push({ file, line: lineOf(error, file), message: `init code: ${messageOf(error)}` });
  }
  const names = Object.keys(exports ?? {});
  const read = readOptions(exports?.options, {
    file,
    lines: script.optionLines,
    exportedFunctions: names.filter((name) => typeof exports?.[name] === "function"),
    metrics,
  });
  if (exports !== null) problems.push(...read.problems);
  const { options } = read;
  const input = { config, modules, options, rawOptions: exports?.options, metrics };
  return { options, problems, input: problems.length > 0 ? null : input };
}

async function run(current: Engine, writer: SampleWriter, atMs: number): Promise<void> {
  const ticker = setInterval(() => tell({ type: "progress", progress: current.progress() }), PROGRESS_EVERY_MS);
  await current.run(atMs);
  clearInterval(ticker);
  await writer.close();
  samples = null;
  sayLast({ type: "finished", outcome: current.outcome() });
}

function tell(message: FromLoad): void {
  process.send?.(message);
}

function sayLast(message: FromLoad): void {
  finished = true;
  process.send?.(message, () => process.disconnect());
}

function scenarioInfo(scenario: Scenario): ScenarioInfo {
  const { name, executor, startMs, durationMs, gracefulStopMs } = scenario;
  const ratePerSecond = scenario.executor === "constant-arrival-rate" ? scenario.ratePerSecond : null;
  return { name, executor, startMs, durationMs, gracefulStopMs, ratePerSecond };
}

function lineOf(error: unknown, file: string): number {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.indexOf(`${file}:`);
  return at < 0 ? 0 : Number.parseInt(stack.slice(at + file.length + 1), 10) || 0;
}
